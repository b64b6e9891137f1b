#include "cli/recorder.hpp"

#include <algorithm>
#include <utility>

#include "checkers/checkers.hpp"
#include "cli/release.hpp"
#include "cli/target_build.hpp"
#include "store/writer.hpp"

namespace lastcall::cli {

StoreResult<Recorder> Recorder::with(const std::string& store, Options options) {
  Recorder recorder(std::move(options));
  if (store.empty()) return recorder;
  auto opened = Store::open_to_write(store);
  if (!opened) return opened.error();
  recorder.stores_.push_back({.store = std::move(*opened)});
  return recorder;
}

Result<void> Recorder::begin(const CampaignSummary& campaign, const CampaignOptions& options) {
  const auto& scenarios = options.scenarios;
  auto own = Store::open_to_write(campaign.results + "/" + kStoreName);
  if (!own) return Error{"keep the results:", own.error().message, 0, ""};
  stores_.push_back({.store = std::move(*own), .is_of_results = true});
  start_ = CampaignStart{.run = random_id(),
                         .started_utc = campaign.started_utc,
                         .seed = campaign.seed,
                         .lastcall_version = campaign.lastcall_version,
                         .results = campaign.results,
                         .machine = this_machine(),
                         .writer = this_writer(),
                         .shard = options.shard,
                         .stops_by_its_results = options_.stops_by_its_results,
                         .scenarios = {}};
  for (std::size_t i = 0; i < scenarios.size(); ++i) {
    start_.scenarios.push_back({.file = campaign.scenarios[i].scenario,
                                .text = scenarios[i].text,
                                .hash = sha256(scenarios[i].text),
                                .planned = planned_trials(options, i),
                                .target_build = target_build(scenarios[i], options_.search_path),
                                .target_version = options_.target_version});
  }
  for (auto& kept : stores_) {
    const auto id = kept.store.begin(start_);
    if (!id) return id.error();
    kept.campaign = *id;
  }
  return {};
}

Result<void> Recorder::add(const TrialSummary& trial, const TrialJob& job) {
  const bool is_to_replay = !trial.broken.empty() || worst(trial.verdicts) == Outcome::fail;
  const StoredTrial stored{.scenario = job.scenario,
                           .trial = trial,
                           .plan = is_to_replay ? to_json(job.plan) : std::string()};
  for (auto& kept : stores_) {
    if (auto added = kept.store.add(kept.campaign, stored); !added) return added;
  }
  return {};
}

Result<void> Recorder::end(const CampaignSummary& campaign) {
  std::vector<std::string> gave_up;
  for (const auto& scenario : start_.scenarios) {
    const auto one =
        std::ranges::find(campaign.scenarios, scenario.file, &ScenarioSummary::scenario);
    gave_up.push_back(one == campaign.scenarios.end() ? "" : one->gave_up);
  }
  const CampaignEnd end{.ended_utc = utc_now(),
                        .duration = campaign.duration,
                        .interrupted = campaign.interrupted,
                        .broken = campaign.broken,
                        .exit_code = campaign.exit_code,
                        .gave_up = gave_up};
  for (auto& kept : stores_) {
    if (auto ended = kept.store.end(kept.campaign, end); !ended) return ended;
    if (kept.is_of_results) kept.store.leave_alone();
  }
  return {};
}

Result<std::vector<PastCampaign>> Recorder::past() {
  for (auto& kept : stores_) {
    if (!kept.is_of_results) return kept.store.before(start_, kMostPast);
  }
  return std::vector<PastCampaign>();
}

}  // namespace lastcall::cli
