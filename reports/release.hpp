// What is known of a release beyond one campaign: what a policy says of it, and what earlier
// campaigns found. A plain value.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "campaign/past_campaign.hpp"
#include "gate/gate.hpp"

namespace lastcall::reports {

struct Release {
  std::string policy{};              // its file, as named; empty: there is none
  std::optional<GateResult> gate{};  // what it says
  std::vector<PastCampaign> past{};  // the oldest first
};

}  // namespace lastcall::reports
