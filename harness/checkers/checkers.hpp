// The checkers: pure functions (Plan, History) -> Verdict. No I/O, no clock, no rendering.
#pragma once

#include <optional>
#include <string>
#include <vector>

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

// One file each.
namespace checkers {
Verdict serves(const Plan& plan, const History& history);
Verdict no_panic(const Plan& plan, const History& history);
Verdict no_masked_panic(const Plan& plan, const History& history);
Verdict no_send_on_closed(const Plan& plan, const History& history);
Verdict clean_exit(const Plan& plan, const History& history);
Verdict deadline(const Plan& plan, const History& history);
Verdict in_flight_finished(const Plan& plan, const History& history);
Verdict close_handshake(const Plan& plan, const History& history);
Verdict released(const Plan& plan, const History& history);
Verdict notify(const Plan& plan, const History& history);
Verdict watchdog(const Plan& plan, const History& history);
Verdict drains_health(const Plan& plan, const History& history);
Verdict acked_durable(const Plan& plan, const History& history);
Verdict recovers(const Plan& plan, const History& history);
Verdict checkpoint_intact(const Plan& plan, const History& history);
Verdict log_complete(const Plan& plan, const History& history);
Verdict config_effective(const Plan& plan, const History& history);
Verdict overhead(const Plan& plan, const History& history);
Verdict stops_accepting(const Plan& plan, const History& history);
Verdict repeat_signal(const Plan& plan, const History& history);
Verdict prompt_exit(const Plan& plan, const History& history);

// What prompt-exit measures of a trial, if there is something to measure.
std::optional<Nanoseconds> idle_tail(const Plan& plan, const History& history);
// What was still open as that began, as held_by() says it; empty if nothing was.
std::string idle_tail_held_by(const Plan& plan, const History& history);
// And what it finds; nothing if the waits of the target were not seen.
std::optional<IdleWaits> idle_waits(const Plan& plan, const History& history);
}  // namespace checkers

}  // namespace lastcall
