// Reading a results directory again: what reports made later on, and `lastcall show`, start from.
// Only reads; any thread. A file that is damaged is an error that names it and its place.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "campaign/summary.hpp"
#include "history/history.hpp"
#include "plan/plan.hpp"

namespace lastcall {

struct Results {
  CampaignSummary summary;  // its `results` is the directory as it was named now
  // Whether report.json is there. Without it the campaign runs, or was killed: the summary is of
  // the trials in trials.jsonl, judged over the campaign as far as their plans are still there, and
  // has neither seed nor duration.
  bool is_complete = true;
};

// What a campaign left, or has so far. An error if the directory holds no results.
Result<Results> read_results(const std::string& directory);

// A trial whose directory was kept.
struct KeptTrial {
  Plan plan;
  History history;
  TrialSummary result;  // its evidence are indices into the history
};

// An error if its directory was not kept, or is no longer there.
Result<KeptTrial> read_trial(const CampaignSummary& campaign, const TrialSummary& trial);

// The trial of this number; null if there is none.
const TrialSummary* find_trial(const CampaignSummary& campaign, std::uint32_t number);

}  // namespace lastcall
