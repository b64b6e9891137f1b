// One cause, one finding: which failures of a trial only follow from another failure of it. A pure
// function; any thread may call it.
//
// How a target ended can be the cause of everything else: a hang that lastcall had to end also
// misses the exit code, the goodbyes and the answers. The cause is told by one property:
//
// | what ended the target                                                  | told by       |
// | ---------------------------------------------------------------------- | ------------- |
// | lastcall, after the deadline or in a deadlock                          | deadline      |
// | a crash, or an error that nobody caught                                | no-panic      |
// | a second signal, otherwise than promised                               | repeat-signal |
// | a signal that the target did not handle, or anything before the stop   | clean-exit    |
//
// If that property is switched off, the next below that failed for this end takes its place. Its
// consequences, if they failed too, are what is said of the same end (clean-exit, repeat-signal)
// and what the end cut off: in-flight-finished, close-handshake, released, drains-health, notify,
// log-complete, and serves where the target ended before the stop. Such a failure is a consequence
// only if nothing in its evidence is older than the cause, and nothing is an act of the target: a
// connection that was cut earlier, a Close frame with the wrong code, or an answer with status 500
// is a defect of its own.
//
// A target that hung and still listened at its deadline also took on new work: stops-accepting is
// a consequence then. If it had stopped listening, what it had taken on until then is as often the
// cause of the hang.
//
// A child that crashes during the stop ends nobody else. Its consequences, told by no-panic, are
// in-flight-finished and close-handshake where all that they tell of fell close to the crash.
//
// A target that never says READY=1 where the scenario waits for it does not serve: serves is a
// consequence of notify then.
//
// Two more may tell nothing new: no-masked-panic and no-send-on-closed, if no-panic quotes the same
// errors.
//
// Never consequences: what must hold whatever ends a target (acked-durable, checkpoint-intact,
// recovers). An exit that drops everything and yet exits as promised is no failure by itself, so
// what it dropped is told property by property.
#pragma once

#include <vector>

#include "checkers/verdict.hpp"
#include "plan/plan.hpp"

namespace lastcall {

// Sets `consequence_of` of those verdicts of a trial. Their evidence must be all there.
void mark_consequences(const Plan& plan, const History& history, std::vector<Verdict>& verdicts);

}  // namespace lastcall
