// What is made of a trial that is over: the history of its segments, the verdicts on it, and
// whether its directory stays. Runs in the trial process; no target is alive any more. One thread.
#pragma once

#include <cstddef>

#include "plan/plan.hpp"
#include "scenario/placeholders.hpp"
#include "trial/trial.hpp"
#include "trial/trial_result.hpp"

namespace lastcall {

struct FinishedTrial {
  const TrialOrder& order;
  const Plan& plan;
  const Placeholders& placeholders;
  std::size_t workers = 0;  // that have written segments
  int lifeline = -1;        // as conduct_trial() has it; ends custom checkers, too
};

// Fills in what the history says, or why it is `broken`. Writes history.jsonl if the trial is kept
// or custom checkers read it.
void judge_into(TrialResult& result, const FinishedTrial& trial);

// Whether the directory of a trial with this result stays. One that broke is kept as if it had
// failed.
bool is_kept(Keep keep, const TrialResult& result);

}  // namespace lastcall
