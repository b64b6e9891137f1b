// What `hunt` and `shrink` keep of a plan of a scenario in which threads are held.
#pragma once

#include <string>

#include "base/result.hpp"
#include "plan/plan.hpp"

namespace lastcall::cli {

// Writes the plan and its origin into the folder, which must exist, and what a trial of it that
// failed has left in `trial`, so that `replay` knows what to wait for. Returns the story for
// people: where threads were held and what failed then; it is in explanation.txt, too.
Result<std::string> write_held_finding(const std::string& folder, const Plan& plan,
                                       const std::string& trial);

}  // namespace lastcall::cli
