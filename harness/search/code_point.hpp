// Where a thread can be held: an instruction of a program or a library, named so that a person and
// another build of the same source understand it. Plain values and pure functions, from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lastcall {

enum class PointKind : std::uint8_t {
  entry,       // where one of the program's own functions begins
  atomic,      // an atomic access of the program's own code
  access,      // any other access to memory, that threads have in common
  after_call,  // where a call returns to in the program's own code
  library,     // the entry of a function by which threads meet: of the C library, of a runtime
};

struct CodePoint {
  std::string module{};      // path of the file, as the process sees it
  std::uint64_t offset = 0;  // the file's own address
  std::string function{};    // as in the source; empty if no symbol covers it
  std::uint64_t within = 0;  // bytes from the beginning of the function
  PointKind kind = PointKind::entry;
  friend bool operator==(const CodePoint&, const CodePoint&) = default;
};

// "SendQueue::push(int)", "SendQueue::push(int)+0x1f", "libc.so.6+0x1234".
std::string point_text(const CodePoint& point);

// The same for a sentence: without parameters and unnamed namespaces.
std::string short_point_text(const CodePoint& point);
std::string short_function_name(std::string_view name);

// Whether code by this name is the program's own, and not a library's or a runtime's that was
// compiled into it: what a search tries first. `is_go`: names are those of a Go program.
bool is_own_function(std::string_view name, bool is_go);

// Whether threads meet in it: locks, condition variables, channels, thread starts and ends, exit.
bool is_meeting_function(std::string_view name, bool is_go);

}  // namespace lastcall
