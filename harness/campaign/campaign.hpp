// Many trials of one or more scenarios: draws the plans, runs them, keeps the results directory,
// sums up.
//
// The results directory, which no other campaign writes to (cli/run.cpp):
//   trials.jsonl            one line per finished trial, written as it finishes
//   trials/NAME-NNNN/       kept trials (trial/trial.hpp)
//   report.json junit.xml report.md report.html   at the end, also when it was interrupted or broke
//   off
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "campaign/summary.hpp"
#include "campaign/trial_pool.hpp"
#include "scenario/scenario.hpp"

namespace lastcall {

struct LoadedScenario {
  std::string file;  // as named
  std::string text;
  Scenario scenario;
};

struct CampaignProgress {
  std::uint64_t finished = 0;
  std::uint64_t planned = 0;  // 0: as many as time allows
  std::uint64_t failed = 0;
  std::uint64_t unknown = 0;
  std::size_t running = 0;
  Nanoseconds elapsed{};
};

struct CampaignOptions {
  std::vector<LoadedScenario> scenarios;
  std::optional<std::uint32_t> trials;  // per scenario; else what its budget says
  std::optional<Nanoseconds> duration;  // instead of a number of trials
  std::uint64_t seed = 0;
  std::uint32_t jobs = 1;
  bool stop_on_failure = false;
  Keep keep = Keep::failed;
  std::string results;  // the results directory; exists
  std::string tools;
  std::function<void(const CampaignProgress&)> on_progress;
};

// The exit code of the summary says 130 or 143 after an interruption, and 4 if the campaign could
// not go on; then it sums up the trials that there were.
CampaignSummary run_campaign(ForkServer& server, const CampaignOptions& options);

// The seed of a campaign's trial: a campaign can be made longer without changing its first trials,
// and two copies of one scenario draw the same plans. `seed_key` is scenario_seed_key()'s.
std::uint64_t trial_seed(std::uint64_t campaign_seed, const std::string& seed_key,
                         std::uint32_t trial);

}  // namespace lastcall
