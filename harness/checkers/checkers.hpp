// The checkers: pure functions (Plan, History) -> Verdict. No I/O, no clock, no rendering.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkers/checker.hpp"
#include "checkers/idle_waits.hpp"
#include "checkers/verdict.hpp"
#include "history/history.hpp"
#include "plan/plan.hpp"

namespace lastcall {

// Judges every property that the plan's scenario has switched on, in the order of kProperties. A
// checker that throws gives `unknown` with the reason. A history with lost events turns a pass or
// not-applicable of the checkers that depend on the lost source into `unknown`, and a fail that
// rests on the absence of an event, unless the scenario does not ask for it; a fault not reached
// turns those that judge the stop into `unknown`. So does a hindrance as long as a fail by time
// tolerates. After a second signal that forced the end, what the stop promised is not applicable,
// nor what the scenario does not ask for. A property that is switched off has no verdict. A fail
// that only follows from another of the same trial says so (checkers/consequences.hpp).
std::vector<Verdict> judge(const Plan& plan, const History& history);

// The worst of them.
Outcome worst(const std::vector<Verdict>& verdicts);

// The checker of this property; null if it is none of kProperties.
const Checker* find_checker(std::string_view property);

namespace checkers {
// What prompt-exit measures of a trial, if there is something to measure.
std::optional<Nanoseconds> idle_tail(const Plan& plan, const History& history);
// What was still open as that began, as held_by() says it; empty if nothing was.
std::string idle_tail_held_by(const Plan& plan, const History& history);
// And what it finds; nothing if the waits of the target were not seen.
std::optional<IdleWaits> idle_waits(const Plan& plan, const History& history);
}  // namespace checkers

}  // namespace lastcall
