// Puts the parts of a campaign together, as if one lastcall had run all its trials. Pure;
// thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "store/records.hpp"

namespace lastcall {

struct CampaignPart {
  std::string named;  // for messages: where it is from
  StoredCampaign campaign;
};

struct MergedCampaign {
  StoredCampaign campaign{};         // has an end; its exit code is to be set
  std::vector<std::size_t> parts{};  // of each of its trials the part that has it
  // Of each scenario with trials that no part has, what they are: "a.toml: 2 of 100 trials: 4, 20".
  std::vector<std::string> missing{};
  // Why these are not parts of one campaign, one entry each. If there is one, the rest is empty.
  std::vector<std::string> problems{};
};

// Parts belong together if they have the same seed, scenarios, version of lastcall and builds of
// the target. Two parts may have the same trial, as when a shard was run again, if both ran it once
// or its verdicts are the same; then the one of the part that began first counts. The order of the
// parts makes no difference.
MergedCampaign merged(std::vector<CampaignPart> parts);

}  // namespace lastcall
