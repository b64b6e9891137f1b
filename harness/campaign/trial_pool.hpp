// Runs trials, several at a time, until their source is empty or somebody interrupts. Ctrl-C lets
// the running trials finish within three seconds, then they are given up; a second one gives them
// up at once; either way nothing is left running. A trial that takes longer than its plan allows is
// killed, and its result says so. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "plan/plan.hpp"
#include "trial/fork_server.hpp"

namespace lastcall {

struct TrialJob {
  std::uint32_t number = 0;  // from 1, within the campaign
  std::size_t scenario = 0;  // index, for whoever made the job
  std::string directory;     // absolute
  Plan plan;
  std::uint32_t trial = 0;  // from 1, within its scenario, for whoever made the job
  bool calibrates = false;  // as TrialOrder has it
};

struct TrialPoolOptions {
  std::uint32_t jobs = 1;
  std::string tools;
  Keep keep = Keep::failed;
  // The next trial, or nothing when there are no more.
  std::function<std::optional<TrialJob>()> next;
  // A finished trial, or one that the end of the fork server has cut short. Not called for trials
  // that were given up.
  std::function<void(const TrialJob&, TrialResult)> done;
  // Called a few times a second, with the number of running trials.
  std::function<void(std::size_t)> tick;
};

// Returns the signal that interrupted it, 0 if none did. An error: no further trial can be run, as
// when the fork server is gone; `done` was called for all that had begun by then.
Result<int> run_trials(ForkServer& server, const TrialPoolOptions& options);

}  // namespace lastcall
