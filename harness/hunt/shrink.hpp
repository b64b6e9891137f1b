// Makes a plan of a hunt smaller as long as it fails at a stated rate. From the thread that runs
// trials.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "hunt/hunt_trial.hpp"
#include "hunt/rates.hpp"
#include "search/hunt_plan.hpp"
#include "search/sequential_test.hpp"

namespace lastcall {

struct ShrinkOptions {
  SequentialTest::Rates rates{};  // a smaller plan is taken if it fails at the high rate
  std::uint64_t most_runs = 40;   // of one step, after which it is refused
  std::uint64_t confirming = 50;  // runs of the last plan
  Nanoseconds budget{};           // no further step begins after it
  std::function<void(const std::string&)> progress = [](const std::string&) {};
};

struct Shrunk {
  HuntPlan plan{};
  FailureRate first{};      // how often the given plan fails
  FailureRate rate{};       // how often the smallest plan fails
  std::uint64_t tried = 0;  // steps
  std::uint64_t accepted = 0;
  std::uint64_t runs = 0;
  std::string broken{};
};

Shrunk shrink_plan(HuntPlan plan, const HuntSurroundings& around, const ShrinkOptions& options);

}  // namespace lastcall
