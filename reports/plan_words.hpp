// What a plan has a trial do, for people. Pure functions; from any thread.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.hpp"

namespace lastcall::reports {

// "SIGTERM to the target, 312 ms into the load"
std::string words(const Fault& fault);

// A line each: the command, what was drawn, the clients with their habits, the faults. As bytes
// came: not yet fit for a terminal or a file.
std::vector<std::string> plan_words(const Plan& plan);

}  // namespace lastcall::reports
