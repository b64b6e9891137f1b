// Watches the places of a plan in one program: counts who comes where, holds threads, sends the
// signal, lets an exit wait. The program is the process that was started first, whatever it
// executes; its children run without breakpoints. An observer of one trial, on the tracer's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "search/attempts.hpp"
#include "search/hunt_plan.hpp"
#include "search/point_choice.hpp"
#include "tracer/loop/filter.hpp"
#include "tracer/loop/observer.hpp"
#include "tracer/points/point_catalogue.hpp"
#include "tracer/points/touched_memory.hpp"
#include "tracer/ptrace/instructions.hpp"
#include "tracer/stacks/stack_reader.hpp"

namespace lastcall {

class TraceLoop;

struct PointOrders {
  HuntPlan plan{};
  bool catalogues = false;  // finds the places of the program, and arms them: a calibration
  PointScope scope = PointScope::everywhere;  // which of them, as choose_points() has it
  Calibration met{};                          // the same
  bool sees_all_calls = false;  // counts system calls, as it does for a plan with signal_at_call
  bool explains = false;        // takes stacks at holds and at the failure
  int output = -1;              // the file behind the program's output, as it is ready
  bool is_told_phases = false;  // by begin(); the watch itself neither looks for one nor signals
};

// What a trial really did.
struct Acted {
  std::size_t armed = 0;
  std::size_t moved = 0;                // found by name, in another build
  std::vector<std::string> missing{};   // places that the program does not have
  std::set<std::size_t> met{};          // indices of armed places: holds' first, then the others'
  std::vector<bool> reached{};          // by hold
  std::vector<std::uint64_t> visits{};  // by hold: to its place, in its phase, after the hold too
  bool signal_sent = false;
  bool signal_as_planned = false;  // at the hold or the call that the plan says
  bool barrier_held = false;
  Nanoseconds held_for{};  // by all holds together
  int threads = 1;
  std::uint64_t hits = 0;
  std::uint64_t calls = 0;  // from ready to the signal, if all are seen
};

class PointWatch : public TraceObserver {
 public:
  // `on_ready` is called once on the tracer's thread, as the program's output says that it is
  // ready.
  explicit PointWatch(
      PointOrders orders, std::function<void()> on_ready = [] {});

  // For Tracer::start().
  [[nodiscard]] std::vector<int> syscalls() const;
  [[nodiscard]] std::vector<ConditionalCall> conditional_syscalls() const;
  // Before the first stop.
  void watch(TraceLoop& loop, pid_t pid);

  // From the tracer's thread:
  void be_ready();              // the same as if its output had said so
  void begin(HuntPhase phase);  // somebody else has begun it; phases come in order
  void send_signal(bool as_planned);
  [[nodiscard]] bool holds_somebody() const { return now() < last_release_; }
  [[nodiscard]] HuntPhase phase() const { return phase_; }

  // After the trial.
  [[nodiscard]] const Acted& acted() const { return acted_; }
  [[nodiscard]] Calibration take_calibration();
  [[nodiscard]] const PointCatalogue& catalogue() const { return catalogue_; }
  struct HeldStack {
    std::size_t hold = 0;
    Stack stack{};
  };
  [[nodiscard]] const std::vector<HeldStack>& held_stacks() const { return held_stacks_; }
  [[nodiscard]] const std::vector<Stack>& failure_stacks() const { return failure_stacks_; }
  void set_failure_stacks(std::vector<Stack> stacks) { failure_stacks_ = std::move(stacks); }

  void executed(const Tracee& thread) override;
  void began(const Tracee& thread) override;
  SyscallAction on_syscall(const Tracee& thread, const SyscallEntry& entry) override;
  void on_syscall_exit(const Tracee& thread, const SyscallEntry& entry,
                       std::int64_t result) override;
  void on_breakpoint(const Tracee& thread, std::uint64_t address) override;
  Nanoseconds stands_at_breakpoint(const Tracee& thread, std::uint64_t address) override;
  bool on_signal(const Tracee& thread, const siginfo_t& info) override;
  void on_exit_call(const Tracee& thread, int code) override;
  void on_thread_exit(const Tracee& thread, int status) override;

 private:
  // A place may be visited very often: what all of it costs must stay small.
  static constexpr std::uint64_t kMostHits = 100;
  static constexpr std::uint64_t kMostAccesses = 25;
  static constexpr std::size_t kMostHeldStacks = 4;
  // Who calls exit stands that long: what was released does something meanwhile.
  static constexpr Nanoseconds kBarrier = std::chrono::milliseconds(15);

  struct Place {
    std::size_t point = 0;  // an index of points_
    std::vector<std::size_t> holds{};
    std::uint64_t hits = 0;
    std::optional<MemoryOperand> operand{};  // only in a calibration
    bool is_others_too = false;              // a breakpoint was there before: it stays
  };
  struct Visited {
    std::uint64_t times = 0;
    TimePoint first{};
    TimePoint last{};
  };
  struct Counter {  // how often a hold was due
    std::uint64_t seen = 0;
    bool done = false;
  };
  void arm(const Tracee& thread);
  void arm_again();
  void take_failure_stacks(const Tracee& first);
  [[nodiscard]] bool says_ready() const;
  [[nodiscard]] std::optional<std::size_t> hold_due(const Place& place, int thread);
  void note_access(const Tracee& thread, Place& place, int number);
  [[nodiscard]] std::vector<Conflict> conflicts();
  [[nodiscard]] std::uint64_t times_until_middle(const Visited& visited) const;
  void new_phase(HuntPhase phase);

  PointOrders orders_;
  std::function<void()> on_ready_;
  TraceLoop* loop_ = nullptr;
  pid_t pid_ = 0;
  std::uint64_t entry_ = 0;
  HuntPhase phase_;
  std::vector<CodePoint> points_;
  std::unordered_map<std::uint64_t, Place> places_;  // by address
  TouchedMemory touched_;                            // of calibrations
  std::vector<Counter> counters_;
  std::map<pid_t, int> numbers_;  // of threads
  std::map<std::pair<std::size_t, std::pair<int, HuntPhase>>, Visited> visits_;
  TimePoint stop_began_{};
  std::map<int, std::string> names_;
  std::map<pid_t, Nanoseconds> due_;  // what stands_at_breakpoint() is to answer
  std::set<pid_t> held_;
  TimePoint last_release_{};
  bool barrier_used_ = false;
  Acted acted_;
  PointCatalogue catalogue_;
  StackReader stacks_;
  std::vector<HeldStack> held_stacks_;
  std::vector<Stack> failure_stacks_;
};

}  // namespace lastcall
