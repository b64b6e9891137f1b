// A plan of a scenario in which threads are held: made of what a search tries, undone, made
// smaller, told in a sentence. Pure functions, from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "plan/plan.hpp"
#include "search/attempts.hpp"
#include "search/smaller_plans.hpp"

namespace lastcall {

// How long threads are held: long enough for other threads to act, and short compared with a trial.
// A hold cannot fail a property by its length, because the checkers excuse 50 ms of lastcall's own
// delay in every wait (checkers/interference.hpp).
inline constexpr Nanoseconds kHeldFor = std::chrono::milliseconds(20);

// The position of the fault whose first signal is one of those that stop the target.
std::optional<std::size_t> stop_fault(const Plan& plan);

// The plan with the holds of an attempt; the stop signal is sent at the one that says so, instead
// of when the plan sends it. Nothing if a scenario has no words for it: for a function without a
// name, for every visit of a place, for a moment that is a system call.
std::optional<Plan> held_plan(const Plan& plan, const Attempt& attempt);

// The plan with the stop where the scenario's seed draws it, and with no holds but the scenario's.
Plan without_holds(const Plan& plan);

// In the order in which they are worth a try, each smaller than the plan: fewer holds, simpler
// ones, fewer clients and faults.
std::vector<Smaller<Plan>> smaller_plans(const Plan& plan);

// "hold any thread before `SendQueue::push` (1st time after the stop) for 8 ms", and how many
// clients there are if the plan leaves some of its scenario out.
std::string sentence_of(const Plan& plan);

}  // namespace lastcall
