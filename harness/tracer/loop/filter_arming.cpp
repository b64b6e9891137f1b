#include "tracer/loop/filter_arming.hpp"

#include <sys/ptrace.h>

#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "tracer/loop/stop.hpp"
#include "tracer/loop/trace_loop.hpp"

namespace lastcall {
namespace {

// Not a group stop, which a thread does not leave for a call.
bool is_usable(const auto& thread) {
  return thread.unseen && stop_event(*thread.unseen) == PTRACE_EVENT_STOP &&
         !is_stop_signal(stop_signal(*thread.unseen)) && !thread.injection;
}

}  // namespace

void FilterArming::set_up(pid_t first, std::vector<sock_filter> program) {
  program_ = std::move(program);
  unfiltered_ = filters_of(first);
}

bool FilterArming::inherited(pid_t pid) {
  if (filters_of(pid) == unfiltered_) return false;
  settled_.insert(pid);
  return true;
}

void FilterArming::arm(const std::vector<Tracee>& stopped) {
  auto& threads = loop_.threads_;
  std::map<pid_t, pid_t> chosen;  // of processes
  for (const auto& one : stopped) {
    if (!is_due(one.pid) || !is_usable(threads.at(one.tid))) continue;
    const auto [choice, is_first] = chosen.try_emplace(one.pid, one.tid);
    // A thread in a system call is in no sequence that begins again when it is left (rseq(2)).
    user_regs_struct registers{};
    if (!is_first && loop_.calls_.registers(one.tid, registers) == 0 && is_in_call(registers))
      choice->second = one.tid;
  }
  for (const auto& [pid, tid] : chosen) inject(tid);
  // Where all threads are about to take a signal, or one came in between.
  for (const auto& one : stopped) {
    const auto thread = threads.find(one.tid);
    if (is_due(one.pid) && thread != threads.end() && !is_usable(thread->second))
      (void)loop_.calls_.interrupt(one.tid);
  }
}

void FilterArming::inject(pid_t tid) {
  auto& threads = loop_.threads_;
  const auto found = threads.find(tid);
  if (found == threads.end() || loop_.is_gone(tid) || !is_usable(found->second)) return;  // SIGKILL
  // A filter of its own may end a process for that call.
  if (filters_of(tid) != unfiltered_) return leave_unfiltered(tid, "it filters its calls itself");
  auto begun = FilterInjection::begin(loop_.calls_, tid, program_);
  if (!begun) return leave_unfiltered(tid, begun.error().message());
  found->second.injection = std::move(*begun);
  found->second.unseen.reset();
  loop_.go_on(found->second, Resume::to_syscall_exit);  // and to its entry first
  for (;;) {
    loop_.take_reports_until_stop(tid);
    const auto thread = threads.find(tid);
    if (thread == threads.end() || !thread->second.unseen) return;  // it may still come back
    const auto info = *std::exchange(thread->second.unseen, std::nullopt);
    if (inject_further(tid, info)) continue;
    thread->second.unseen = info;
    return;
  }
}

bool FilterArming::inject_further(pid_t tid, const siginfo_t& info) {
  auto& thread = loop_.threads_.at(tid);
  if (stop_signal(info) == kSyscallStop) {
    // The entry. At the exit it would be too late for the call that it was in to be made again.
    (void)loop_.calls_.interrupt(tid);
    loop_.go_on(thread);
    return true;
  }
  const auto result = std::exchange(thread.injection, std::nullopt)->end(loop_.calls_, tid);
  if (!result) {  // a signal was first, or another interruption, which is the next chance itself
    if (stop_event(info) != PTRACE_EVENT_STOP) (void)loop_.calls_.interrupt(tid);
  } else if (*result == 0) {
    settled_.insert(thread.pid);
  } else if (stop_event(info) != PTRACE_EVENT_EXIT) {
    leave_unfiltered(tid, *result > 0 ? "a thread filters its calls itself"
                                      : std::strerror(static_cast<int>(-*result)));
  }
  return false;
}

void FilterArming::leave_unfiltered(pid_t tid, const std::string& why) {
  user_regs_struct registers{};
  if (loop_.calls_.registers(tid, registers) != 0) return;  // SIGKILL
  const auto thread = loop_.tracee(loop_.threads_.at(tid));
  settled_.insert(thread.pid);
  for (auto* observer : loop_.observers_) observer->not_filtered(thread, why);
}

std::string FilterArming::filters_of(pid_t tid) {
  return loop_.calls_.status_field(tid, "Seccomp") + "/" +
         loop_.calls_.status_field(tid, "Seccomp_filters");
}

}  // namespace lastcall
