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

#include "campaign/shard.hpp"
#include "campaign/summary.hpp"
#include "campaign/trial_pool.hpp"
#include "scenario/scenario.hpp"

namespace lastcall {

struct LoadedScenario {
  std::string file;  // as named
  std::string text;
  Scenario scenario;
  // What its trials' plans are drawn by; the same for scenarios that draw the same.
  std::string seed_key;
  std::string variant = {};  // "build=good" of a matrix; empty: the file has one scenario
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
  std::optional<std::uint32_t> trials{};  // per scenario; else what its budget says
  // Instead of a number of trials; with one, whichever is reached first.
  std::optional<Nanoseconds> duration{};
  Shard shard{};  // with a number of trials: only these of them
  std::uint64_t seed = 0;
  std::uint32_t jobs = 1;
  bool stop_on_failure = false;
  Keep keep = Keep::failed;
  std::string results;  // the results directory; exists
  std::string tools;
  std::string lastcall_version = {};  // as the results say
  std::function<void(const CampaignProgress&)> on_progress = {};
  // Whether another trial of a scenario is of use, asked before it begins; absent: until there are
  // as many as said.
  std::function<bool(std::size_t)> wants_more = {};
  // Keep it elsewhere, too (store/store.hpp): the campaign without trials before it begins; each
  // trial with its plan as it ends, before anything else says that it did. A campaign whose trials
  // cannot be kept breaks off.
  std::function<Result<void>(const CampaignSummary&)> on_begin = {};
  std::function<Result<void>(const TrialSummary&, const TrialJob&)> on_trial = {};
};

// How many trials of a scenario are planned, over all shards; 0: as many as time, or `wants_more`,
// allows.
std::uint32_t planned_trials(const CampaignOptions& options, std::size_t scenario);

// The exit code of the summary says 130 or 143 after an interruption, and 4 if the campaign could
// not go on; then it sums up the trials that there were.
CampaignSummary run_campaign(ForkServer& server, const CampaignOptions& options);

// "2026-01-31T12:00:00Z"
std::string utc_now();

// The line of a trial in trials.jsonl, with its line feed.
std::string trial_line(const TrialSummary& trial);

// The seed of a campaign's trial: a campaign can be made longer without changing its first trials,
// and two copies of one scenario draw the same plans. `seed_key` is a scenario's.
std::uint64_t trial_seed(std::uint64_t campaign_seed, const std::string& seed_key,
                         std::uint32_t trial);

}  // namespace lastcall
