// Records all that an autopsy reports of a tree of processes: signals, last system calls, last
// output and what was left open, until each process has ended. Ties several observers together. Its
// data belongs to the tracer's thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tracer/ends/end_stacks.hpp"
#include "tracer/ends/exit_leak_observer.hpp"
#include "tracer/ends/last_calls.hpp"
#include "tracer/ends/last_words.hpp"
#include "tracer/ends/signal_trace.hpp"

namespace lastcall::cli {

struct TakenSignal {
  TimePoint at{};
  pid_t tid = 0;
  std::string thread;
  int signal = 0;
  int code = 0;               // si_code
  Culprit sender{};           // pid 0: none, a fault or the kernel
  bool forwarded = false;     // by lastcall, to which the sender had sent it
  std::uint64_t address = 0;  // of a fault
  bool fatal = false;
  bool caught = false;
};

struct Listener {
  std::string address;
  std::string speaks;  // empty: it was not asked
};

// One process of the tree.
struct Subject {
  pid_t pid = 0;
  pid_t parent = 0;
  std::string command;  // of what it executed last
  bool executed = false;
  TimePoint began{};
  std::optional<TimePoint> ended{};
  siginfo_t how{};                     // once it has ended
  std::vector<TakenSignal> signals{};  // the last ones
  std::optional<EndStack> end{};
  std::vector<Stack> end_stacks{};  // of `end`
  std::vector<LastCall> calls{};
  std::string words{};
  std::vector<LeftOpen> left{};
  std::vector<Listener> listeners{};
  // If SIGKILL ended it:
  std::string killer_in_tree{};              // who of the tree called kill(2) with it
  std::optional<std::uint64_t> oom_kills{};  // in its memory cgroup until then
  bool processor_time_is_limited = false;
};

class ProcessRecorder : public TraceObserver {
 public:
  static constexpr std::size_t kMaxSignals = 16;
  // Processes whose story is kept; of further ones only those that a signal ended.
  static constexpr std::size_t kMaxSubjects = 1000;

  // For Tracer::start().
  static std::vector<int> syscalls();
  static std::vector<ConditionalCall> on_standard_streams() { return LastWords::syscalls(); }
  std::vector<TraceObserver*> observers();

  // Called on the tracer's thread: a socket of a process listens; a process is about to take a
  // signal.
  std::function<void(pid_t, const std::string&)> on_listening;
  std::function<void(pid_t, const TakenSignal&)> on_taken;

  void stop_with(TraceLoop& loop) { end_stacks_.stop_with(loop); }
  [[nodiscard]] std::map<pid_t, Subject>& subjects() { return subjects_; }
  // Also of those that are alive.
  [[nodiscard]] std::vector<LastCall> calls_of(pid_t pid) const { return last_calls_.of(pid); }

  void executed(const Tracee& thread) override;
  void began(const Tracee& thread) override;
  SyscallAction on_syscall(const Tracee& thread, const SyscallEntry& entry) override;
  void on_syscall_exit(const Tracee& thread, const SyscallEntry& entry,
                       std::int64_t result) override;
  bool on_signal(const Tracee& thread, const siginfo_t& info) override;
  void on_thread_exit(const Tracee& thread, int status) override;
  void process_ended(pid_t pid, const siginfo_t& info) override;

 private:
  std::map<pid_t, Subject> subjects_;   // by pid; of two with the same, the later
  std::map<pid_t, std::string> kills_;  // the killer of a process or, negative or 0, a group
  LastCalls last_calls_{
      [this](pid_t pid, std::vector<LastCall> calls) { subjects_[pid].calls = std::move(calls); }};
  LastWords last_words_{
      [this](pid_t pid, std::string words) { subjects_[pid].words = std::move(words); }};
  EndStacks end_stacks_{[this](EndStack end) {
    auto& subject = subjects_[end.pid];
    subject.end = end;
    subject.end_stacks = end_stacks_.named(std::move(end));
  }};
  OpenAtExit open_at_exit_{
      {}, [this](pid_t pid, std::vector<LeftOpen> left) { subjects_[pid].left = std::move(left); }};
};

}  // namespace lastcall::cli
