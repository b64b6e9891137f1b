// What a trial of a hunt does to a program: which command, where which thread is held, when the
// signal comes. A plain, versioned value that is saved, read, made smaller and run again. It is no
// plan of a scenario (plan/plan.hpp). From any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "search/code_point.hpp"

namespace lastcall {

// Where a program is not signalled, all is `run`.
enum class HuntPhase : std::uint8_t {
  start,  // until it is ready
  run,    // until the signal
  stop,
};

// A thread is a number, in the order in which threads began: 0 is the first one.
inline constexpr int kAnyThread = -1;
// Instead of the nth time: whenever it comes there.
inline constexpr std::uint64_t kEveryTime = 0;

// The thread that comes there for the nth time stands there for a while, before the instruction.
struct ThreadHold {
  CodePoint point{};
  int thread = kAnyThread;
  std::string thread_name{};  // for people: as it was when it was found
  HuntPhase phase = HuntPhase::run;
  std::uint64_t nth = 1;  // counted from the beginning of the phase, of this thread or of any
  Nanoseconds time{};     // released after it, or earlier by the exit barrier
  bool sends_signal = false;
  bool follows = false;  // counted from when a thread stands at the hold before it
  friend bool operator==(const ThreadHold&, const ThreadHold&) = default;
};

struct HuntPlan {
  static constexpr int kVersion = 1;
  std::vector<std::string> command{};
  std::string directory{};                 // where it runs
  std::vector<std::string> environment{};  // "NAME=value", besides that of who runs it
  int signal = 0;                          // 0: it ends by itself
  std::string ready{};         // a pattern that a line of its output has; empty: any output
  std::string companion{};     // a shell's command that runs once it is ready; empty: none
  Nanoseconds signal_after{};  // once it is ready, where no hold and no call sends it
  std::optional<std::uint64_t> signal_at_call{};  // the nth system call after it is ready
  std::vector<ThreadHold> holds{};
  // Who calls exit lets held threads go first and stands for a while itself, once.
  bool exit_barrier = false;
  // Where breakpoints are besides those of the holds. They slow threads down, which may be what it
  // takes.
  std::vector<CodePoint> armed{};
  std::map<std::string, std::string> build_ids{};  // by module, for each that has a point
  std::optional<int> exit_code{};                  // the one that is right, if it was stated
  std::string failure_pattern{};                   // output that has it is a failure; empty: none
  std::vector<std::string> usual_ends{};           // without holds, as end_text() has them
  std::string failure{};                           // what it did, as in a Failure
  friend bool operator==(const HuntPlan&, const HuntPlan&) = default;
};

// Whether it slows the program down wherever it goes, so that "no end" is no failure of it: every
// thread that comes to a place is held there, or breakpoints are set all over.
bool slows_all(const HuntPlan& plan);

// "kind": "lastcall-hunt-plan". An error names the key.
std::string hunt_plan_json(const HuntPlan& plan);
Result<HuntPlan> parse_hunt_plan(std::string_view text);
// Whether a text is meant to be one.
bool is_hunt_plan(std::string_view text);

// "hold thread 2 `ping` before SendQueue::push(int) (1st time after the stop) for 8 ms".
std::string sentence_of(const HuntPlan& plan);

}  // namespace lastcall
