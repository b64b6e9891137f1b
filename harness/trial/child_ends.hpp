// The ends of a process's children, handed to whoever waits for them: the trial process has one
// waiter (its tracer, TargetProcess or custom checkers), everybody else registers the pid. One
// thread.
#pragma once

#include <sys/wait.h>

#include <functional>
#include <map>
#include <optional>
#include <utility>

namespace lastcall {

class ChildEnds {
 public:
  using Then = std::function<void(const siginfo_t&)>;
  // The next child that has ended, if there is one; never blocks.
  using Next = std::function<std::optional<siginfo_t>()>;

  // Before the event loop runs again, so that no end can come first.
  void expect(pid_t pid, Then then) { expected_[pid] = std::move(then); }
  void forget(pid_t pid) { expected_.erase(pid); }

  // Another waiter, until it is given back with wait_here().
  void let_wait(Next next) { next_ = std::move(next); }
  void wait_here() { next_ = wait; }

  // Takes every child that has ended; those that nobody expects are orphans of somebody's.
  void reap() {
    while (const auto info = next_()) {
      const auto expected = expected_.extract(info->si_pid);
      if (!expected.empty()) expected.mapped()(*info);
    }
  }

 private:
  static std::optional<siginfo_t> wait() {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return std::nullopt;
    return info;
  }
  Next next_ = wait;
  std::map<pid_t, Then> expected_;
};

}  // namespace lastcall
