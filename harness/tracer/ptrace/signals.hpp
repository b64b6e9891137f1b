// What a signal that is about to be delivered means: who sent it, and whether it ends the process.
// On the tracer's thread.
#pragma once

#include <signal.h>

#include <string>

#include "tracer/ptrace/tracee.hpp"

namespace lastcall {

// By default it ends the process (signal(7)), and nothing in the process catches or ignores it.
bool is_fatal(const Tracee& thread, int signal);
// A handler takes it. False also if it is ignored.
bool is_caught(const Tracee& thread, int signal);
// What programs and runtimes send themselves all the time: SIGCHLD, SIGURG and their kind.
bool is_everyday(int signal);
// SIGSEGV and its kind: si_addr says where.
bool is_fault(int signal);
// From another process, by kill(2) and its kind; a fault and a timer have no sender.
bool has_sender(const siginfo_t& info);

}  // namespace lastcall
