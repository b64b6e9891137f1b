// Counts how often threads of the tree come to the places of code that a plan names, and acts at
// the Nth: has the plan's fault done while the thread stands there, or only lets it stand. Counts
// from the first program that is executed on, what `follows` once a thread stands at the place of
// the rule before it; phases as CallInjector has them. Called on the tracer's thread, which alone
// writes to the segment.
//
// Functions are found by symbol, as a program is executed, when it begins, and whenever its dynamic
// linker has mapped something. Not seen: functions without symbols, those that the compiler has put
// inline, and a place inside of a function where no instruction begins. A Go function that grows
// its stack begins again, and counts twice.
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
#include "fault/code_place.hpp"
#include "fault/fault.hpp"
#include "history/segment.hpp"
#include "tracer/loop/observer.hpp"
#include "tracer/stacks/modules.hpp"
#include "tracer/stacks/stack_reader.hpp"

namespace lastcall {

class VisitInjector : public TraceObserver {
 public:
  struct Rule {
    FaultId fault;
    NthVisit when;
    bool only_holds = false;  // nothing is done there but that the thread stands there
  };
  // A rule's place was reached. The thread `standing` stands there until it is released
  // (TraceLoop::release), at most kLongestStand; 0: it goes on by itself.
  using Reached = std::function<void(FaultId, pid_t standing)>;
  // Whoever does the fault answers within milliseconds, or not at all; a hold comes on top.
  static constexpr auto kLongestStand = std::chrono::seconds(20);

  VisitInjector(std::vector<Rule> rules, SegmentWriter& segment, Reached reached);

  // The phase has begun: what is counted from there on is counted. Phases come in order.
  void begin(Phase phase);
  // How many visits of the rule of a fault were counted, also after the one that it wants; nothing
  // if no program of the tree has such a function.
  [[nodiscard]] std::optional<std::uint64_t> counted(FaultId fault) const;

  void executed(const Tracee& thread) override;
  void began(const Tracee& thread) override;
  void process_ended(pid_t pid, const siginfo_t& info) override;
  void on_breakpoint(const Tracee& thread, std::uint64_t address) override;
  Nanoseconds stands_at_breakpoint(const Tracee& thread, std::uint64_t address) override;

 private:
  struct Watch {
    Rule rule;
    CodePlace place;
    std::uint64_t counted = 0;
    bool is_known = false;  // some program has the function
  };
  struct Process {
    std::uint64_t entry = 0;   // of its program
    std::uint64_t mapped = 0;  // where the dynamic linker tells of libraries
    std::set<std::pair<std::uint64_t, std::string>> seen;         // modules: where, and which
    std::map<std::uint64_t, std::vector<std::size_t>> watches{};  // by address, of watches_
  };

  void look_at_modules(const Tracee& thread, Process& process);
  void add(const Tracee& thread, Process& process, const Module& module);
  [[nodiscard]] bool counts(std::size_t watch) const;
  void visit(std::size_t watch, const Tracee& thread);

  std::vector<Watch> watches_;
  SegmentWriter& segment_;
  Reached reached_;
  Phase phase_ = Phase::start;
  std::map<pid_t, Process> processes_;
  std::map<pid_t, Nanoseconds> stands_;  // what stands_at_breakpoint() is to answer, by thread
  std::size_t stacks_left_ = 100;        // each takes up to milliseconds
  StackReader stacks_;
};

}  // namespace lastcall
