// How long a trial can take, by its plan. Pure.
#pragma once

#include "plan/plan.hpp"

namespace lastcall {

// How long, after the stop began, faults of the plan can hold the target by SIGSTOP: the pauses
// that it plans, and as long as the deadline more for a SIGCONT that comes late, or never.
Nanoseconds longest_pause(const Plan& plan);

// From the order to the result, whatever the target does: the scenario's [budget] trial_timeout, or
// else the sum of all waits that the plan allows (sidecars, start, load, extended deadline, pauses,
// restart, checkers) and room for what lastcall itself does, on a machine that is kSlowMachine
// times as slow as it may be. A trial that takes longer was stopped from outside, or it hangs.
inline constexpr int kSlowMachine = 3;
Nanoseconds longest_trial(const Plan& plan);

}  // namespace lastcall
