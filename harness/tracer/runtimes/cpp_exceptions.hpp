// C++ exceptions in the memory of another process, as __cxa_begin_catch is given them (Itanium C++
// ABI, "Exception Handling"; the layout of __cxa_exception that libstdc++ and libc++abi share).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tracer/ptrace/memory.hpp"

namespace lastcall {

struct CppException {
  std::string type;  // "std::out_of_range"
  std::string what;  // of std::logic_error, std::runtime_error and what derives from them
  bool is_logic_error = false;  // or a bad_cast or the like, also by a base
  // What the search for a handler found: a type, `catch (...)`, or nothing, which terminates.
  enum class Handler : std::uint8_t { typed, catch_all, none } handler = Handler::typed;
};

// `header`: of _Unwind_Exception. Nothing if it is not from C++, or makes no sense.
std::optional<CppException> cpp_exception_at(std::uint64_t header, Memory& memory);

// A zero-terminated text, cut off after 1,000 bytes; as much of it as can be read.
std::string text_at(std::uint64_t address, Memory& memory);

}  // namespace lastcall
