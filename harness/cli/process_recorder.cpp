#include "cli/process_recorder.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>

#include "tracer/loop/filter.hpp"
#include "tracer/ptrace/descriptors.hpp"
#include "tracer/ptrace/signals.hpp"

namespace lastcall::cli {
namespace {

// Where a call sends SIGKILL: a pid, or a group as kill(2) names it. Nothing if it sends none.
std::optional<pid_t> killed_by(const SyscallEntry& entry) {
  const auto& arguments = entry.arguments;
  const auto first = static_cast<pid_t>(arguments[0]);
  const auto signal_at = [&](std::size_t i) { return static_cast<int>(arguments[i]) == SIGKILL; };
  if (entry.number == SYS_kill && signal_at(1)) return first;
  if (entry.number == SYS_tkill && signal_at(1)) return first;
  if (entry.number == SYS_tgkill && signal_at(2)) return first;
  return std::nullopt;
}

}  // namespace

std::vector<int> ProcessRecorder::syscalls() { return LastCalls::syscalls(); }

std::vector<TraceObserver*> ProcessRecorder::observers() {
  return {&last_calls_, &last_words_, &end_stacks_, &open_at_exit_, this};
}

void ProcessRecorder::executed(const Tracee& thread) {
  auto& subject = subjects_[thread.pid];
  subject.pid = thread.pid;
  subject.command = command_of(thread.pid);
  subject.executed = true;
  if (subject.began != TimePoint()) return;
  subject.began = now();
  open_at_exit_.ready();  // the command itself may keep open what it was given
}

void ProcessRecorder::began(const Tracee& thread) {
  if (thread.tid != thread.pid) return;
  const auto parent = std::atoi(thread.calls.status_field(thread.pid, "PPid").c_str());
  subjects_[thread.pid] = {
      .pid = thread.pid, .parent = parent, .command = command_of(thread.pid), .began = now()};
}

SyscallAction ProcessRecorder::on_syscall(const Tracee& thread, const SyscallEntry& entry) {
  if (const auto target = killed_by(entry)) {
    kills_[*target] = "pid " + std::to_string(thread.pid) + " (" + subjects_[thread.pid].command +
                      "), which called " + syscall_name(entry.number) + "(" +
                      std::to_string(*target) + ", SIGKILL)";
  }
  return {.see_exit = entry.number == SYS_listen};
}

void ProcessRecorder::on_syscall_exit(const Tracee& thread, const SyscallEntry& entry,
                                      std::int64_t result) {
  if (entry.number != SYS_listen || result != 0) return;
  const auto copy = copy_of_descriptor(thread.tid, static_cast<int>(entry.arguments[0]));
  const auto address = own_address(copy.get());
  if (address.empty()) return;
  auto& listeners = subjects_[thread.pid].listeners;
  if (std::ranges::count(listeners, address, &Listener::address) > 0)
    return;  // a second listen(2) changes the backlog
  listeners.push_back({address, ""});
  if (on_listening) on_listening(thread.pid, address);
}

bool ProcessRecorder::on_signal(const Tracee& thread, const siginfo_t& info) {
  if (is_everyday(info.si_signo)) return false;
  TakenSignal taken{.at = now(),
                    .tid = thread.tid,
                    .thread = thread_name(thread.tid),
                    .signal = info.si_signo,
                    .code = info.si_code,
                    .sender = {},
                    .address = 0,
                    .fatal = is_fatal(thread, info.si_signo),
                    .caught = is_caught(thread, info.si_signo)};
  if (has_sender(info)) {
    taken.sender = culprit(info.si_pid);
  } else if (is_fault(info.si_signo)) {
    taken.address = reinterpret_cast<std::uint64_t>(info.si_addr);
  }
  auto& subject = subjects_[thread.pid];
  if (taken.fatal && subject.end && subject.end->signal != 0) taken.at = subject.end->at;
  auto& signals = subject.signals;
  if (signals.size() == kMaxSignals) signals.erase(signals.begin());
  signals.push_back(taken);
  if (on_taken) on_taken(thread.pid, taken);
  return false;
}

void ProcessRecorder::on_thread_exit(const Tracee& thread, int status) {
  auto& subject = subjects_[thread.pid];
  // Servers rename themselves: "nginx: worker process".
  if (auto command = command_of(thread.pid); !command.empty()) subject.command = std::move(command);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL || subject.oom_kills) return;
  subject.oom_kills = oom_kills_around(thread.pid);
  rlimit limit{};
  subject.processor_time_is_limited =
      ::prlimit(thread.pid, RLIMIT_CPU, nullptr, &limit) == 0 && limit.rlim_max != RLIM_INFINITY;
  for (const auto target : {thread.pid, -::getpgid(thread.pid), 0, -1}) {
    if (const auto kill = kills_.find(target); kill != kills_.end())
      subject.killer_in_tree = kill->second;
    if (!subject.killer_in_tree.empty()) break;
  }
}

void ProcessRecorder::process_ended(pid_t pid, const siginfo_t& info) {
  auto& subject = subjects_[pid];
  subject.ended = subject.end ? subject.end->at : now();
  subject.how = info;
  if (subjects_.size() > kMaxSubjects && info.si_code == CLD_EXITED && subject.parent != 0)
    subjects_.erase(pid);
}

}  // namespace lastcall::cli
