// The stack of a thread as a plain value: what others store, compare and print.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace lastcall {

struct Frame {
  std::uint64_t address = 0;  // of the next instruction: the return address in all but the first
  std::string function;       // as in the source, "app::serve(int)"; empty if no symbol covers it
  std::uint64_t offset = 0;   // from where the function begins; without one the file's own address
  std::string module;  // path as the process sees it, "[vdso]"; empty if no file is mapped there
  std::string file;    // where the source was compiled; empty if unknown or not asked for
  int line = 0;
  std::string inlined{};  // the function of the line, if it was put inline into `function`
  friend bool operator==(const Frame&, const Frame&) = default;
};

struct Stack {
  pid_t pid = 0;
  pid_t tid = 0;
  std::string thread_name;
  std::vector<Frame> frames;  // the innermost first
  std::string ends_because;   // empty if the last frame is where the thread began
  friend bool operator==(const Stack&, const Stack&) = default;
};

// "serve(int)+0x12", "libfoo.so+0x1234", "0x7f…" if nothing is known; the place after it if known.
std::string frame_text(const Frame& frame);

// Whether it is of the C or C++ library or the loader; and whether it is of a library that may be
// compiled into the program itself.
bool is_in_library(const Frame& frame);
bool is_library_frame(const Frame& frame);
// The innermost frame that is not a library's, as text; "?" without frames.
std::string place_of(const Stack& stack);

// "worker-1 (4713) in serve(int)+0x12", and then its frames, a line each.
std::string stack_text(const Stack& stack);
// The same of a thread that ends its process. Which function of an interpreter does that says
// nothing of the program: "python3 (4711) in the Python interpreter".
std::string exit_text(const Stack& stack);

// For people. Threads of a process with the same functions on their stacks share one entry,
// repeated frames one line:
//   3 threads of 4711: worker-1 (4713), worker-2 (4714), worker-3 (4715)
//     read+0x4d
//     walk(int)+0x1b (12 times)
//     ends: no unwind information at 0x7f00
std::string stacks_text(const std::vector<Stack>& stacks);

}  // namespace lastcall
