// How often a plan of a hunt fails. From the thread that runs trials.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "hunt/failure_rate.hpp"
#include "hunt/hunt_trial.hpp"
#include "search/hunt_plan.hpp"

namespace lastcall {

// Whether every hold of a trial was reached and its signal was sent where the plan says.
bool acted_as_planned(const HuntPlan& plan, const HuntTrial& trial);

// `each` is told of every trial. Stops early when it returns false.
FailureRate failure_rate(const HuntPlan& plan, const HuntSurroundings& around, std::uint64_t runs,
                         const std::function<bool(const HuntTrial&)>& each = {});

// The same command, never held, with the signal at its usual time.
HuntPlan without_holds(HuntPlan plan);

// One trial with stacks at the holds and at its failure; the last of at most `runs`, the first that
// fails.
HuntTrial explained_trial(const HuntPlan& plan, const HuntSurroundings& around, int runs);

// Where the held threads stood and what the others did, for a terminal.
std::string explanation_of(const HuntPlan& plan, const HuntTrial& trial);

}  // namespace lastcall
