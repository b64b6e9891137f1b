// One trial as people read it: what happened in a few sentences, what failed and why, and what
// proves it. Pure functions of its plan, its history and its result; from any thread. As bytes
// came: not yet fit for a terminal or a file.
#pragma once

#include <string>
#include <vector>

#include "campaign/summary.hpp"
#include "history/history.hpp"
#include "plan/plan.hpp"

namespace lastcall::reports {

struct Trial {
  const Plan& plan;
  const History& history;
  const TrialSummary& result;  // its evidence are indices into the history
};

// From the start to the end in a few sentences, each with its full stop.
std::vector<std::string> story(const Trial& trial);

// The verdicts that failed by themselves, those that followed from one of these, the unknown ones.
std::vector<const Verdict*> told_verdicts(const TrialSummary& result);

// The events that prove those, in order, each once.
std::vector<EventIndex> evidence_of(const Trial& trial);

// Whether stacks or last calls tell of the stop: not those of a process that ended before it, as a
// script's helpers do.
bool is_of_the_stop(const History& history, EventIndex event);

// "+1.204 s": since the stop, or since the first event in a trial without one. Before the stop it
// begins with a minus sign.
std::string relative_time(const History& history, EventIndex event);

// The event with its connection and request: `clients "orders", client 5: got RST`.
std::string sentence(const Plan& plan, const Event& event);

}  // namespace lastcall::reports
