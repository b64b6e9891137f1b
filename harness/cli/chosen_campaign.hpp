// A campaign of results that the user names: a results directory, or a store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gate/comparison.hpp"
#include "store/records.hpp"

namespace lastcall::cli {

struct ChosenCampaign {
  StoredCampaign stored;  // without its trials, which the summary has
  CampaignSummary summary;

  // "results/nightly, campaign 3 of 2026-01-31T12:00:00Z, seed 7"
  std::string named;
  // Why the campaign did not end as planned; empty if it did.
  [[nodiscard]] std::string not_ended() const;
  [[nodiscard]] ScenarioHashes hashes() const;
};

// All campaigns of a results directory or a store, in the order in which they began; at least one.
// What is wrong is printed, and the exit code for it is set.
std::optional<std::vector<StoredCampaign>> load_campaigns(const std::string& path, int& exit_code);

// `campaign`: which one of a store; the last that has begun unless the user says. What is wrong is
// printed, and the exit code for it is set.
std::optional<ChosenCampaign> load_results(const std::string& path,
                                           std::optional<std::int64_t> campaign, int& exit_code);

}  // namespace lastcall::cli
