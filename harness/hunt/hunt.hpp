// The search for a race in a program that runs and ends, or that is told to stop by a signal:
// baseline, calibration, then trials of the shaker, of single holds, of pairs and of moments for
// the signal, until one fails and fails again. From the only thread of a process in which SIGCHLD
// is nobody else's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hunt/hunt_trial.hpp"
#include "hunt/rates.hpp"
#include "hunt/search_tally.hpp"
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

struct HuntFinding {
  HuntPlan plan{};
  SearchKind kind = SearchKind::sweep;
  FailureRate rate{};
  FailureRate undisturbed{};
  HuntTrial explained{};
  Nanoseconds found_after{};  // from the beginning of the hunt, to the first failure
  std::uint64_t trials = 0;   // until then
};

struct HuntOutcome : SearchTally {
  std::vector<HuntFinding> findings{};
  bool is_server = false;            // it was told to stop although nobody had said so
  std::size_t functions_in_log = 0;  // that the log speaks of
  std::uint64_t other_than_log = 0;  // failures that do not end as the log does
};

HuntOutcome hunt(const HuntOptions& options, HuntSurroundings around);

}  // namespace lastcall
