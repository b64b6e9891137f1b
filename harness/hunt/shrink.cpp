#include "hunt/shrink.hpp"

#include "hunt/rates.hpp"

namespace lastcall {

SequentialTest::Rates reachable(SequentialTest::Rates rates, const FailureRate& first) {
  if (first.runs == 0) return rates;
  const double seen = static_cast<double>(first.failed) / static_cast<double>(first.runs);
  if (seen >= rates.high) return rates;
  rates.high = seen < 0.1 ? 0.1 : seen;
  rates.low = rates.high * 0.6;
  return rates;
}

Shrunk<HuntPlan> shrink_plan(HuntPlan plan, const HuntSurroundings& around,
                             const ShrinkOptions& options) {
  return shrink<HuntPlan>(
      std::move(plan),
      {.smaller = [](const HuntPlan& one) { return smaller_plans(one); },
       .rate =
           [&](const HuntPlan& one, std::uint64_t runs, const std::function<bool(bool)>& each) {
             return failure_rate(one, around, runs, [&](const HuntTrial& trial) {
               return each(!trial.failure.empty());
             });
           }},
      options);
}

}  // namespace lastcall
