// Reading plan.json from a file. Any thread.
#pragma once

#include <string>

#include "plan/plan.hpp"

namespace lastcall {

// A plan may have that many holds of threads besides the faults of its scenario, behind them.
inline constexpr std::size_t kMostAddedHolds = 4;

// As plan_from_json(); the file may be anybody's (read_regular() in base/file.hpp).
Result<Plan> read_plan(const std::string& file);

}  // namespace lastcall
