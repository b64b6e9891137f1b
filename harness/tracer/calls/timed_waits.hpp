// Finds waits that ended because their time was over: sleeps, and waits for descriptors, locks and
// signals with a time-out that ran out. Seen from the moment on at which filters wake, as is a wait
// that was going on then; a call that a signal or the tracer interrupted and that its thread makes
// again is one wait. Each costs two stops, and its stack once a place. Called on the tracer's
// thread only; what cannot be read is left out.
//
// Not seen: timers that are descriptors (timerfd_create(2)) or signals (setitimer(2)), io_uring(7),
// and waits shorter than kLeast.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "history/event_enums.hpp"
#include "tracer/loop/filter.hpp"
#include "tracer/loop/observer.hpp"
#include "tracer/stacks/stack_reader.hpp"

namespace lastcall {

struct TimedWait {
  TimePoint from{};
  TimePoint to{};
  pid_t pid = 0;
  pid_t tid = 0;
  std::string call;           // "clock_nanosleep"
  Nanoseconds requested{};    // from `from` on
  bool alone = false;         // for nothing but the time: no descriptor, lock or signal
  bool was_going_on = false;  // as the filters woke
  AfterWait then = AfterWait::went_on;
  // Waits at the same place share it; with its thread's name in any case.
  std::shared_ptr<const UnnamedStack> stack;
};

class TimedWaits : public TraceObserver {
 public:
  // Shorter ones cannot hold up anybody, and a runtime makes many of them.
  static constexpr Nanoseconds kLeast = std::chrono::milliseconds(8);
  static constexpr std::size_t kKept = 256;        // of the tree; the last
  static constexpr std::size_t kMaxStacks = 1024;  // that are taken: some 100 µs each

  // System calls that this observer has to be asked about: always, and with a time-out only.
  static std::vector<int> syscalls();
  static std::vector<ConditionalCall> conditional_syscalls();

  // In the order of their ends. How many there were before those that are kept.
  [[nodiscard]] const std::deque<TimedWait>& waits() const { return waits_; }
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }
  // On the tracer's thread, or once it is gone.
  [[nodiscard]] Stack named(const UnnamedStack& stack) { return stacks_.named({stack}).front(); }

  void executed(const Tracee& thread) override { stacks_.forget(thread.pid); }
  void filters_wake(const Tracee& thread) override;
  SyscallAction on_syscall(const Tracee& thread, const SyscallEntry& entry) override;
  void on_syscall_exit(const Tracee& thread, const SyscallEntry& entry,
                       std::int64_t result) override;
  void on_exit_call(const Tracee& thread, int code) override;
  void on_thread_exit(const Tracee& thread, int status) override;
  void process_ended(pid_t pid, const siginfo_t& info) override;

 private:
  // The wait of a thread that is going on, or that was interrupted and may be made again.
  struct Going {
    std::uint64_t number = 0;
    std::int64_t over = 0;  // what it returns when its time is over
    TimePoint from{};
    Nanoseconds requested{};
    bool alone = false;
    bool was_going_on = false;
    bool is_watched = false;     // its thread is in it
    bool others_called = false;  // its thread, interrupted, has made other calls
  };
  struct Place {
    std::uint64_t instruction = 0;
    std::uint64_t stack_pointer = 0;
    std::shared_ptr<const UnnamedStack> stack;
  };
  // Nothing of another call, and of a wait that is too short or has no limit.
  static std::optional<Going> wait_of(const Tracee& thread, const SyscallEntry& entry);
  static bool is_rest(const Going& wait, const Going& interrupted);
  std::shared_ptr<const UnnamedStack> stack_of(const Tracee& thread);
  void note(pid_t tid, AfterWait then);

  StackReader stacks_;
  std::size_t stacks_taken_ = 0;
  std::map<pid_t, Going> going_;  // of threads, as all below but the last
  std::map<pid_t, Place> places_;
  std::deque<TimedWait> waits_;
  std::uint64_t left_out_ = 0;
  std::set<pid_t> exiting_;  // processes
};

}  // namespace lastcall
