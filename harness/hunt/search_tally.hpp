// What a hunt tried, whatever it hunts in: how often it really acted. A plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "base/clock.hpp"
#include "hunt/failure_rate.hpp"
#include "search/attempts.hpp"

namespace lastcall {

// What a kind of search did. Where nothing of it was reached, it says nothing about the program.
struct SearchCount {
  std::uint64_t trials = 0;
  std::uint64_t failures = 0;
  std::uint64_t holds_planned = 0;
  std::uint64_t holds_reached = 0;
  std::uint64_t holds_unvisited = 0;  // at places that no thread came to in that trial
  std::uint64_t signals_planned = 0;  // at a hold or a call
  std::uint64_t signals_landed = 0;
};

struct SearchTally {
  std::string broken{};  // not empty: lastcall, its environment or the command; nothing else counts
  std::string wrong_before{};  // not empty: without any hold, the program always fails; how
  std::map<SearchKind, SearchCount> searches{};
  std::uint64_t unconfirmed = 0;  // failures that did not come back with their plan
  std::string last_unconfirmed{};
  FailureRate baseline{};
  Nanoseconds baseline_took{};  // the slowest of them
  std::size_t points = 0;       // places that were known
  std::size_t points_left_out = 0;
  std::size_t points_met = 0;  // by some thread of the calibration
  int threads = 0;             // most that were seen at once
  std::uint64_t trials = 0;
  Nanoseconds took{};
  // Whether any hold was reached or any signal sent where it was planned.
  [[nodiscard]] bool ever_acted() const;
};

}  // namespace lastcall
