// Names of functions as in the source. From any thread.
#pragma once

#include <string>

namespace lastcall {

// Of C++ (Itanium ABI) and of Rust, both of its schemes, without the hash. A name that is in none
// of them comes back as it is.
std::string demangle(const std::string& name);

}  // namespace lastcall
