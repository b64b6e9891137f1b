// The search for a race in a program that runs and ends, or that is told to stop by a signal:
// baseline, calibration, then trials of the shaker, of single holds, of pairs and of moments for
// the signal, until one fails and fails again. From the only thread of a process in which SIGCHLD
// is nobody else's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hunt/hunt_trial.hpp"
#include "hunt/rates.hpp"
#include "search/attempts.hpp"
#include "search/hunt_plan.hpp"

namespace lastcall {

struct HuntOptions {
  HuntPlan base{};  // the command and how it is stopped; no holds
  Nanoseconds budget{};
  std::uint64_t seed = 0;
  bool keeps_going = false;
  // A program that does not end by itself is told to stop, by SIGTERM.
  bool finds_servers = false;
  std::string log{};  // output of a failure that happened elsewhere; empty: any failure will do
  std::function<void(const std::string&)> progress = [](const std::string&) {};
};

// What a kind of search did. Where nothing of it was reached, it says nothing about the program.
struct SearchCount {
  std::uint64_t trials = 0;
  std::uint64_t failures = 0;
  std::uint64_t holds_planned = 0;
  std::uint64_t holds_reached = 0;
  std::uint64_t signals_planned = 0;  // at a hold or a call
  std::uint64_t signals_landed = 0;
};

struct HuntFinding {
  HuntPlan plan{};
  SearchKind kind = SearchKind::sweep;
  FailureRate rate{};
  FailureRate undisturbed{};
  HuntTrial explained{};
  Nanoseconds found_after{};  // from the beginning of the hunt, to the first failure
  std::uint64_t trials = 0;   // until then
};

struct HuntOutcome {
  std::string broken{};  // not empty: lastcall, its environment or the command; nothing else counts
  std::string wrong_before{};  // not empty: without any hold, the program always fails; how
  std::vector<HuntFinding> findings{};
  std::map<SearchKind, SearchCount> searches{};
  std::uint64_t unconfirmed = 0;  // failures that did not come back with their plan
  std::string last_unconfirmed{};
  FailureRate baseline{};
  bool is_server = false;       // it was told to stop although nobody had said so
  Nanoseconds baseline_took{};  // the slowest of them
  std::size_t points = 0;       // places that were known
  std::size_t points_left_out = 0;
  std::size_t functions_in_log = 0;  // that the log speaks of
  std::uint64_t other_than_log = 0;  // failures that do not end as the log does
  std::size_t points_met = 0;        // by some thread of the calibration
  int threads = 0;                   // most that were seen at once
  std::uint64_t trials = 0;
  Nanoseconds took{};
  // Whether any hold was reached, any signal sent where it was planned, or any place met.
  [[nodiscard]] bool ever_acted() const;
};

HuntOutcome hunt(const HuntOptions& options, HuntSurroundings around);

}  // namespace lastcall
