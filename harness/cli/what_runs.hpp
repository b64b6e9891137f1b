// What a plan does to the machine that it runs on, for people.
#pragma once

#include <string>

#include "plan/plan.hpp"

namespace lastcall::cli {

// The commands of the plan with their users and what they change in the environment, the files that
// are laid out, and the URLs of its clients; a line each. Nothing in it steers a terminal: what is
// not printable ASCII is '?'. A long line is cut, and says so.
std::string what_runs(const Plan& plan);

}  // namespace lastcall::cli
