// A traced thread that is stopped, for as long as somebody looks at it: who it is and how to reach
// it. On the tracer's thread.
#pragma once

#include <sys/types.h>

#include "tracer/ptrace/breakpoints.hpp"
#include "tracer/ptrace/ptrace_calls.hpp"

namespace lastcall {

struct Tracee {
  pid_t pid = 0;  // its process
  pid_t tid = 0;
  PtraceCalls& calls;
  // Of its process, and of its children made by fork(2); gone once it executes something. Null in
  // tests without a loop.
  Breakpoints* breakpoints = nullptr;
};

}  // namespace lastcall
