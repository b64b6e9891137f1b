// Names of functions as in the source. From any thread.
#pragma once

#include <string>
#include <string_view>

namespace lastcall {

// Of C++ (Itanium ABI) and of Rust, both of its schemes, without the hash. A name that is in none
// of them comes back as it is.
std::string demangle(const std::string& name);

// Whether it is of a library that may be compiled into the program itself.
bool is_library_function(std::string_view name);

}  // namespace lastcall
