// From the record of a run to its report: the plan that says what was promised, as the checkers
// read it, and their verdicts. Pure functions.
#pragma once

#include <chrono>
#include <vector>

#include "history/history.hpp"
#include "lastcall/embed.hpp"
#include "plan/plan.hpp"

namespace lastcall::embed {

// What a run was like beyond its events.
struct Facts {
  bool says_goodbye = true;
  bool resource_hangs = false;  // a `hang` was taken
  bool tells_survivors = false;
};

// The properties that are judged of an embedded subject; all others are switched off.
bool is_judged(std::string_view property);

Plan plan_of(const Promises& promises, const Facts& facts, const History& history);

Report judged(const Schedule& schedule, const Plan& plan, const History& history);

}  // namespace lastcall::embed
