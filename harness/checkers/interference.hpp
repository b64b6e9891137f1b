// What held lastcall up, or the target by lastcall's doing, while time was measured: lags of
// lastcall's own processes (history/event.hpp, Lag) and pauses of the target (SIGSTOP to SIGCONT,
// as faults). A failure by time that overlaps enough of either is nobody's failure.
//
// Which lags matter: those of the trial process always, as it sends the signals and sees the end.
// Those of the client workers where the property waits for what clients saw or did: a target that
// waits for a client's goodbye is as late as that client. A lag is also the best sign there is that
// the machine was starved, and the target with it, so deadlines count the lags of all. Where
// the target ran into a time limit, its own waits for a processor count, too, if they took half of
// the time, and longer than its work: a target whose own threads compete for the processors works
// all that time.
#pragma once

#include <optional>
#include <string>

#include "checkers/verdict.hpp"
#include "history/history.hpp"
#include "plan/plan.hpp"

namespace lastcall {

struct Interference {
  Nanoseconds total{};  // of the union of all lags and pauses
  std::string text;     // "lastcall itself lagged 82.0 ms in clients-0"; empty if there were none
};

// All that overlaps the claim's time. `of_clients`: the lags of client workers matter.
Interference interference(const History& history, const TimeClaim& claim, bool of_clients);

// How long lastcall had the target, or a child of it, paused between these times.
Nanoseconds paused_between(const History& history, TimePoint from, TimePoint to);

// How long between the two the target waited for a processor (or some task of the machine did,
// where the kernel says no more), how long the host of a virtual machine held it up, and how long
// the tracer worked: a process that may not run neither idles nor dawdles.
Nanoseconds starved_between(const History& history, TimePoint from, TimePoint to);

// How long between the two processes of the target were at work on a processor, as far as that was
// looked at: during the stop.
Nanoseconds busy_between(const History& history, TimePoint from, TimePoint to);

// The claim of a wait that went on too long: a tenth of it, and at least 50 ms, may be lastcall's
// own. A lag of that size says that the machine was starved, so the target had lost at least as
// much; a smaller one cannot turn a stop that holds into one that does not, unless it was as near
// to its limit anyway.
TimeClaim claim_of_wait(TimePoint from, TimePoint to);

// The same of a wait that the target ended by itself. It may have done so by a time limit of its
// own, which is a second at least: nothing of an end that came sooner.
std::optional<TimeClaim> claim_of_own_limit(TimePoint from, TimePoint to);

// From the stop signal: the scenario's deadline, or what EXTEND_TIMEOUT_USEC made of it before
// `until`.
Nanoseconds stop_limit(const Plan& plan, const History& history, EventIndex until);

// The claim that the deadline was over at the event `until`. There must be a stop. The time that
// the target was paused is not its own: if it had less than its limit without that, the pauses
// alone are reason enough for doubt, and if not, they are none.
TimeClaim deadline_claim(const Plan& plan, const History& history, EventIndex until);

// If the deadline passed and that was perhaps lastcall's own doing: from which event on what
// happens to clients is lastcall's doing too, and why.
struct DeadlineDoubt {
  EventIndex from = 0;
  std::string why;
};
std::optional<DeadlineDoubt> deadline_in_doubt(const Plan& plan, const History& history);

}  // namespace lastcall
