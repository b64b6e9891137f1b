#include "tracer/end_stacks.hpp"

#include <sys/syscall.h>

#include <algorithm>

#include "tracer/signals.hpp"

namespace lastcall {

std::vector<int> EndStacks::syscalls() { return {SYS_exit_group}; }

Lines EndStacks::lines() { return ++with_lines_ > kMostWithLines ? Lines::without : Lines::with; }

SyscallWish EndStacks::on_syscall(const Tracee& thread, const SyscallEntry& entry) {
  if (entry.number != SYS_exit_group) return {};
  const auto at = now();
  const auto code = static_cast<int>(entry.arguments[0]);
  found_({.pid = thread.pid,
          .tid = thread.tid,
          .code = code,
          .at = at,
          .stacks = reader_.stacks_of({thread}, code == 0 ? Lines::without : lines())});
  return {};
}

bool EndStacks::on_signal(const Tracee& thread, const siginfo_t& info) {
  if (std::ranges::count(left_alone_, info.si_signo) > 0) return false;
  if (!is_fatal(thread, info.si_signo) || !ending_.insert(thread.pid).second) return false;
  const auto at = now();
  std::vector<Tracee> all{thread};
  const auto look = [&](const std::vector<Tracee>& stopped) {
    for (const auto& one : stopped) {
      if (one.tid != thread.tid) all.push_back(one);
    }
    found_({.pid = thread.pid,
            .tid = thread.tid,
            .signal = info.si_signo,
            .at = at,
            .stacks = reader_.stacks_of(all, lines())});
  };
  if (loop_ == nullptr) {
    look({});
  } else {
    loop_->with_process_stopped(thread.pid, look);
  }
  return false;
}

void EndStacks::process_ended(pid_t pid, const siginfo_t&) { ending_.erase(pid); }

}  // namespace lastcall
