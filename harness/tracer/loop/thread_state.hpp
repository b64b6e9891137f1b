// A traced thread, as its type says: only a stopped one can be looked into or resumed, resuming it
// takes the Stopped away, and one that is dropped instead would hang its process forever.
#pragma once

#include <cerrno>
#include <utility>

#include "base/invariant.hpp"
#include "tracer/ptrace/ptrace_calls.hpp"

namespace lastcall {

class Stopped;

class Running {
 public:
  explicit Running(pid_t tid) : tid_(tid) {}
  Running(Running&& other) noexcept : tid_(std::exchange(other.tid_, 0)) {}
  Running& operator=(Running&& other) noexcept {
    tid_ = std::exchange(other.tid_, 0);
    return *this;
  }
  ~Running() = default;

  [[nodiscard]] pid_t tid() const { return tid_; }
  // The kernel reported a stop of it.
  [[nodiscard]] Stopped stopped(PtraceCalls& calls) &&;

 private:
  pid_t tid_;
};

class Stopped {
 public:
  Stopped(Stopped&& other) noexcept : calls_(other.calls_), tid_(std::exchange(other.tid_, 0)) {}
  Stopped& operator=(Stopped&& other) noexcept {
    LASTCALL_INVARIANT(tid_ == 0);
    calls_ = other.calls_;
    tid_ = std::exchange(other.tid_, 0);
    return *this;
  }
  ~Stopped() { LASTCALL_INVARIANT(tid_ == 0); }

  [[nodiscard]] pid_t tid() const { return tid_; }
  // `signal` is delivered if this is a signal-delivery stop. A thread that SIGKILL ended meanwhile
  // goes on to its end.
  [[nodiscard]] Running resume(Resume how, int signal = 0) && {
    const int problem = calls_->resume(tid_, how, signal);
    LASTCALL_INVARIANT(problem == 0 || problem == ESRCH);
    return Running(std::exchange(tid_, 0));
  }
  // The kernel reported its end.
  void ended() && { tid_ = 0; }

 private:
  friend class Running;
  Stopped(PtraceCalls& calls, pid_t tid) : calls_(&calls), tid_(tid) {}
  PtraceCalls* calls_;
  pid_t tid_;
};

inline Stopped Running::stopped(PtraceCalls& calls) && {
  return Stopped(calls, std::exchange(tid_, 0));
}

}  // namespace lastcall
