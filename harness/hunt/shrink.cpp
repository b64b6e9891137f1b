#include "hunt/shrink.hpp"

#include <optional>
#include <utility>

#include "search/smaller_plans.hpp"

namespace lastcall {
namespace {

// A plan whose rate is below what is asked for is made smaller at about its own rate: nothing that
// fails less often is taken instead of it.
SequentialTest::Rates reachable(SequentialTest::Rates rates, const FailureRate& first) {
  if (first.runs == 0) return rates;
  const double seen = static_cast<double>(first.failed) / static_cast<double>(first.runs);
  if (seen >= rates.high) return rates;
  rates.high = seen < 0.1 ? 0.1 : seen;
  rates.low = rates.high * 0.6;
  return rates;
}

}  // namespace

Shrunk shrink_plan(HuntPlan plan, const HuntSurroundings& around, const ShrinkOptions& options) {
  Shrunk result;
  const auto began = now();
  constexpr std::uint64_t kFirst = 20;
  options.progress("measuring the plan that is given");
  result.first = failure_rate(plan, around, kFirst);
  result.runs = kFirst;
  result.plan = std::move(plan);
  result.broken = result.first.broken;
  if (!result.broken.empty() || result.first.failed == 0) {
    result.rate = result.first;
    return result;
  }
  const auto rates = reachable(options.rates, result.first);
  for (bool went_on = true; std::exchange(went_on, false);) {
    for (auto& smaller : smaller_plans(result.plan)) {
      if (now() - began >= options.budget || !result.broken.empty()) break;
      options.progress(smaller.step + "?");
      ++result.tried;
      SequentialTest test(rates);
      const auto rate =
          failure_rate(smaller.plan, around, options.most_runs, [&](const auto& trial) {
            test.add(!trial.failure.empty());
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
  result.rate = failure_rate(result.plan, around, options.confirming);
  result.runs += options.confirming;
  result.broken = result.rate.broken;
  return result;
}

}  // namespace lastcall
