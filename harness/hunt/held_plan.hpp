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

// How long threads are held. Beside the length of a trial with clients it is nothing, and most that
// others do in the window is done by then. The checkers excuse more than twice as much: of every
// wait, 50 ms may be lastcall's own (checkers/interference.hpp). So it breaks no promise by itself.
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
