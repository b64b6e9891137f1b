// What watches a traced program. The loop tells every observer what a thread is about to do while
// that thread is stopped; observers say what they wish, and the wishes of all are joined. Called on
// the tracer's thread only.
#pragma once

#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "tracer/ptrace/ptrace_calls.hpp"
#include "tracer/ptrace/tracee.hpp"

namespace lastcall {

// What becomes of a system call at whose entry a thread stands.
struct SyscallAction {
  bool see_exit = false;                  // on_syscall_exit() is called with the result
  std::optional<int> error{};             // it is not made and fails with this errno
  std::optional<std::uint64_t> length{};  // of a write: its third argument becomes this
  Nanoseconds delay{};                    // it is made so much later
  void join(const SyscallAction& other) {
    see_exit |= other.see_exit;
    if (other.error) error = other.error;
    if (other.length) length = other.length;
    delay = std::max(delay, other.delay);
  }
};

class TraceObserver {
 public:
  virtual ~TraceObserver() = default;

  // The process executes a program now: the first time, or another one.
  virtual void executed(const Tracee&) {}
  // A new thread or, where pid and tid are the same, a new process; it has not run yet.
  virtual void began(const Tracee&) {}

  virtual SyscallAction on_syscall(const Tracee&, const SyscallEntry&) { return {}; }
  // `result` as the kernel returned it: negative is -errno.
  virtual void on_syscall_exit(const Tracee&, const SyscallEntry&, std::int64_t /*result*/) {}
  // After on_syscall_exit(): how long the thread stands there, unless it is released.
  virtual Nanoseconds stands_at_exit(const Tracee&) { return {}; }

  // It came to a breakpoint, whoever set that; the instruction there is not executed yet, and reads
  // as int3.
  virtual void on_breakpoint(const Tracee&, std::uint64_t /*address*/) {}
  // After on_breakpoint(): how long the thread stands there, unless it is released.
  virtual Nanoseconds stands_at_breakpoint(const Tracee&, std::uint64_t /*address*/) { return {}; }
  // A signal is about to be delivered; SIGKILL never is. Returns whether it is swallowed.
  virtual bool on_signal(const Tracee&, const siginfo_t&) { return false; }
  // Its process ends because it has called exit_group(2); nothing of that is gone yet, nor any
  // thread. While filters sleep not of a child that ends with 0.
  virtual void on_exit_call(const Tracee&, int /*code*/) {}
  // A thread is about to end, its memory still there. `status` as wait(2) will give it.
  virtual void on_thread_exit(const Tracee&, int /*status*/) {}
  // The filters wake, so that its system calls stop from here on. It may have been in one, which it
  // goes on with: its registers are then those of an interrupted call.
  virtual void filters_wake(const Tracee&) {}
  // wake_filters() can do nothing for this process: its system calls stay unseen.
  virtual void not_filtered(const Tracee&, const std::string& /*why*/) {}
  // The loop dealt with stops between the two; the threads that had stopped have waited.
  virtual void worked(TimePoint /*from*/, TimePoint /*to*/) {}
  // The whole process has ended and is gone.
  virtual void process_ended(pid_t, const siginfo_t&) {}
};

}  // namespace lastcall
