// The checkers: pure functions (Plan, History) -> Verdict. No I/O, no clock, no rendering.
#pragma once

#include <vector>

#include "checkers/verdict.hpp"
#include "history/history.hpp"
#include "plan/plan.hpp"

namespace lastcall {

// Judges every property that the plan's scenario has switched on, in the order of kProperties. A checker that
// throws gives `unknown` with the reason. A history with lost events turns a pass or not-applicable of
// the checkers that depend on the lost source into `unknown`; a fault that was not reached turns those that
// judge the stop into `unknown`. A property that is switched off has no verdict.
std::vector<Verdict> judge(const Plan& plan, const History& history);

// The worst of them.
Outcome worst(const std::vector<Verdict>& verdicts);

// One file each.
namespace checkers {
Verdict serves(const Plan& plan, const History& history);
Verdict no_panic(const Plan& plan, const History& history);
Verdict clean_exit(const Plan& plan, const History& history);
Verdict deadline(const Plan& plan, const History& history);
Verdict in_flight_finished(const Plan& plan, const History& history);
Verdict close_handshake(const Plan& plan, const History& history);
Verdict released(const Plan& plan, const History& history);
}  // namespace checkers

}  // namespace lastcall
