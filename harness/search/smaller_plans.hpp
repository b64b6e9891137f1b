// The steps of the shrinker: from a plan that fails to plans that say less and may still fail. Pure
// functions, from any thread.
#pragma once

#include <string>
#include <vector>

#include "search/hunt_plan.hpp"

namespace lastcall {

template <class AnyPlan>
struct Smaller {
  AnyPlan plan;
  std::string step;  // "without the hold at f()"
};
using SmallerPlan = Smaller<HuntPlan>;

// In the order in which they are worth a try; each is smaller than `plan` by plan_size(), so that
// taking one after the other ends.
std::vector<SmallerPlan> smaller_plans(const HuntPlan& plan);

// Holds weigh most, then places that are armed besides, then what a sentence would have to say of
// each hold.
std::uint64_t plan_size(const HuntPlan& plan);

}  // namespace lastcall
