#include "tracer/ends/end_stacks.hpp"

#include <algorithm>

#include "tracer/ptrace/signals.hpp"

namespace lastcall {

std::vector<Stack> EndStacks::named(EndStack end) {
  const bool is_plain = end.signal == 0 && end.code == 0;
  const bool with_lines = !is_plain && ++with_lines_ <= kMaxWithLines;
  return reader_.named(std::move(end.stacks), with_lines ? Lines::with : Lines::without);
}

void EndStacks::on_exit_call(const Tracee& thread, int code) {
  if ((usual_ && (code & 0xff) == 0) || taken_ >= most_ / 2) return;
  ++taken_;
  const auto at = now();
  found_({.pid = thread.pid,
          .tid = thread.tid,
          .code = code,
          .at = at,
          .stacks = reader_.unnamed({thread})});
}

bool EndStacks::on_signal(const Tracee& thread, const siginfo_t& info) {
  if (usual_ && std::ranges::count(*usual_, info.si_signo) > 0) return false;
  if (!is_fatal(thread, info.si_signo) || !ending_.insert(thread.pid).second) return false;
  if (taken_ >= most_) {
    ++left_out_;
    return false;
  }
  const auto at = now();
  std::vector<Tracee> all{thread};
  const auto look = [&](const std::vector<Tracee>& stopped) {
    for (const auto& one : stopped) {
      if (one.tid != thread.tid && taken_ + all.size() < most_) all.push_back(one);
    }
    taken_ += all.size();
    found_({.pid = thread.pid,
            .tid = thread.tid,
            .signal = info.si_signo,
            .at = at,
            .stacks = reader_.unnamed(all)});
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
