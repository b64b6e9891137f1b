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

// Whether a function is meant by a name with or without its parameters and outer scopes:
// "app::SendQueue::push(int)" by "SendQueue::push", and so are all overloads.
bool is_named(std::string_view function, std::string_view wanted);

// A word of the source that is in every symbol of such a function, however it is written there: the
// longest outside of parentheses and angle brackets. Empty if there is none.
std::string_view word_of_symbol(std::string_view wanted);

}  // namespace lastcall
