// Makes a plan smaller as long as it fails at a stated rate. From the thread that runs trials.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hunt/failure_rate.hpp"
#include "hunt/hunt_trial.hpp"
#include "search/hunt_plan.hpp"
#include "search/sequential_test.hpp"
#include "search/smaller_plans.hpp"

namespace lastcall {

struct ShrinkOptions {
  SequentialTest::Rates rates{};  // a smaller plan is taken if it fails at the high rate
  std::uint64_t first = 20;       // runs of the given plan
  std::uint64_t most_runs = 40;   // of one step, after which it is refused
  std::uint64_t confirming = 50;  // runs of the last plan
  Nanoseconds budget{};           // no further step begins after it
  std::function<void(const std::string&)> progress = [](const std::string&) {};
};

template <class AnyPlan>
struct Shrunk {
  AnyPlan plan{};
  FailureRate first{};      // how often the given plan fails
  FailureRate rate{};       // how often the smallest plan fails
  std::uint64_t tried = 0;  // steps
  std::uint64_t accepted = 0;
  std::uint64_t runs = 0;
  std::string broken{};
};

// What shrinking needs to know of a kind of plans.
template <class AnyPlan>
struct Shrinking {
  std::function<std::vector<Smaller<AnyPlan>>(const AnyPlan&)> smaller;
  // `each` is told of every run whether it failed; false: no more of them.
  std::function<FailureRate(const AnyPlan&, std::uint64_t runs,
                            const std::function<bool(bool failed)>& each)>
      rate;
};

// A plan whose rate is below what is asked for is made smaller at about its own rate: nothing that
// fails less often is taken instead of it.
SequentialTest::Rates reachable(SequentialTest::Rates rates, const FailureRate& first);

template <class AnyPlan>
Shrunk<AnyPlan> shrink(AnyPlan plan, const Shrinking<AnyPlan>& kind, const ShrinkOptions& options) {
  const auto any = [](bool) { return true; };
  Shrunk<AnyPlan> result;
  const auto began = now();
  options.progress("measuring the plan that is given");
  result.first = kind.rate(plan, options.first, any);
  result.runs = options.first;
  result.plan = std::move(plan);
  result.broken = result.first.broken;
  if (!result.broken.empty() || result.first.failed == 0) {
    result.rate = result.first;
    return result;
  }
  const auto rates = reachable(options.rates, result.first);
  for (bool went_on = true; std::exchange(went_on, false);) {
    for (auto& smaller : kind.smaller(result.plan)) {
      if (now() - began >= options.budget || !result.broken.empty()) break;
      options.progress(smaller.step + "?");
      ++result.tried;
      SequentialTest test(rates);
      const auto rate = kind.rate(smaller.plan, options.most_runs, [&](bool failed) {
        test.add(failed);
        return !test.decision();
      });
      result.runs += test.runs();
      result.broken = rate.broken;
      if (!test.decision().value_or(false)) continue;
      ++result.accepted;
      result.plan = std::move(smaller.plan);
      went_on = true;
      break;
    }
  }
  if (!result.broken.empty()) return result;
  options.progress("measuring the plan that is left");
  result.rate = kind.rate(result.plan, options.confirming, any);
  result.runs += options.confirming;
  result.broken = result.rate.broken;
  return result;
}

Shrunk<HuntPlan> shrink_plan(HuntPlan plan, const HuntSurroundings& around,
                             const ShrinkOptions& options);

}  // namespace lastcall
