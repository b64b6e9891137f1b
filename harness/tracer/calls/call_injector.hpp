// Counts the system calls of the tree that a plan names, in the order in which they are reported,
// and acts at the Nth: lets the call fail, write less or wait, or has the plan's fault done while
// the thread stands there. Counts from the first program that is executed on, not what the launcher
// does. A call that a signal interrupted and that the kernel makes again is a call more. Called on
// the tracer's thread, which alone writes to the segment. A socket of TCP or Unix whose write was
// cut short reports room after it, to who waits for edges too; a pipe does not.
//
// Not seen: calls of io_uring(7), and what the vDSO answers. Files are named as the call names
// them, links are not followed; who is a listener is known from listen(2), not of those inherited.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "fault/syscalls.hpp"
#include "history/segment.hpp"
#include "tracer/loop/observer.hpp"
#include "tracer/stacks/stack_reader.hpp"

namespace lastcall {

class CallInjector : public TraceObserver {
 public:
  struct Rule {
    FaultId fault;
    NthSyscall when;                        // its path with placeholders filled in
    std::optional<DisturbSyscall> disturb;  // nothing: what is done there, others do
  };
  struct Settings {
    std::vector<Rule> rules;
    std::string state_folder;  // without links; empty: no file is state
  };
  // A rule's call was reached. The thread `standing` stands there until it is released
  // (TraceLoop::release), at most kLongestStand; 0: the call was disturbed as the rule says.
  using Reached = std::function<void(FaultId, pid_t standing)>;
  // Whoever does the fault answers within milliseconds, or not at all.
  static constexpr auto kLongestStand = std::chrono::seconds(10);

  // System calls that these rules have to be asked about.
  static std::vector<int> syscalls(const std::vector<Rule>& rules);

  CallInjector(Settings settings, SegmentWriter& segment, Reached reached);

  // The phase has begun: what is counted from there on is counted. Phases come in order.
  void begin(Phase phase);
  // How many calls of the rule of a fault were counted, up to the last that it wants.
  [[nodiscard]] std::uint64_t counted(FaultId fault) const;

  void executed(const Tracee& thread) override;
  SyscallAction on_syscall(const Tracee& thread, const SyscallEntry& entry) override;
  void on_syscall_exit(const Tracee& thread, const SyscallEntry& entry,
                       std::int64_t result) override;
  Nanoseconds stands_at_exit(const Tracee& thread) override;

 private:
  struct Watch {
    Rule rule;
    std::map<std::uint64_t, Syscall> calls;  // by number
    std::uint64_t counted = 0;
  };
  // How a write is cut short, and what to put back when it has returned.
  struct Cut {
    struct Word {
      std::uint64_t address, whole, cut;
    };
    std::uint64_t third = 0;                // its third argument as it was
    std::optional<std::uint64_t> length{};  // and as the kernel is to see it
    std::vector<Word> words{};              // of its memory
  };
  // A call at whose exit something is done.
  struct Leaving {
    const Rule* rule = nullptr;
    std::uint64_t number = 0;
    std::string text;
  };
  struct Call;  // that a thread stands at

  [[nodiscard]] bool matches(const Watch& watch, Call& call) const;
  [[nodiscard]] bool has_role(DescriptorRole role, Call& call) const;
  [[nodiscard]] bool is_state(const std::string& path) const;
  SyscallAction act(Watch& watch, Call& call);
  SyscallAction disturb(const Watch& watch, Call& call);
  SyscallAction cut_short(Call& call);
  bool put_back(const Tracee& thread);
  void record_reached(const Rule& rule, const Tracee& thread, std::string call);

  std::vector<Watch> watches_;
  std::string state_folder_;
  SegmentWriter& segment_;
  Reached reached_;
  Phase phase_ = Phase::start;
  bool counting_ = false;
  std::set<std::string> listening_;   // where: "80", "/run/a.sock"
  std::map<pid_t, Leaving> leaving_;  // by thread
  std::set<pid_t> standing_;          // at the exit of its call
  std::map<pid_t, Cut> cut_;          // by thread
  std::size_t stacks_left_ = 100;     // each takes up to milliseconds
  StackReader stacks_;
};

}  // namespace lastcall
