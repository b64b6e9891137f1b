// Gives a filter to the processes of a tree that began without one: lets one thread of each make
// the call (FilterInjection), and remembers which processes have it. A part of the loop, whose
// threads it resumes. One thread: that of the tracer.
#pragma once

#include <linux/filter.h>
#include <signal.h>
#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

#include "tracer/ptrace/tracee.hpp"

namespace lastcall {

class TraceLoop;

class FilterArming {
 public:
  explicit FilterArming(TraceLoop& loop) : loop_(loop) {}

  // The first process has no filter. From wake() on it and all that it starts are to have this one.
  void set_up(pid_t first, std::vector<sock_filter> program);
  void wake() { awake_ = !program_.empty(); }
  [[nodiscard]] bool sleeps() const { return !program_.empty() && !awake_; }
  // The process is to have it, and neither has it nor is known to be unable to.
  [[nodiscard]] bool is_due(pid_t pid) const { return awake_ && !settled_.contains(pid); }

  // A new process has the filters of its parent. Returns whether it needs nothing more.
  bool inherited(pid_t pid);
  void ended(pid_t pid) { settled_.erase(pid); }
  // Gives it to the processes of these threads, which are all that could be stopped.
  void arm(const std::vector<Tracee>& stopped);
  // At a stop of a thread whose injection is not over. Returns whether the thread went on with it.
  bool inject_further(pid_t tid, const siginfo_t& info);

 private:
  void inject(pid_t tid);
  void leave_unfiltered(pid_t tid, const std::string& why);
  [[nodiscard]] std::string filters_of(pid_t tid);

  TraceLoop& loop_;
  std::vector<sock_filter> program_;  // empty: processes have it from their beginning
  std::string unfiltered_;            // filters_of() who does not have it yet
  bool awake_ = false;
  std::set<pid_t> settled_;  // processes that have it, or cannot
};

}  // namespace lastcall
