// The words that all reports share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "campaign/summary.hpp"

namespace lastcall::reports {

// "fail", "unknown", "pass", "not-applicable", "off" or "not-judged": the worst that was seen.
std::string_view word(const PropertySummary& property);

// What a property's row says about the chance of a failure, or the numbers of one that is judged
// over the campaign; empty when no trial exercised it.
std::string bound(const PropertySummary& property);

// Whether a property needs no row of its own: it was not applicable in any trial, and neither
// required nor configured.
bool is_beside_the_point(const PropertySummary& property);

// The names of those properties, "drains-health, notify"; empty if there are none.
std::string beside_the_point(const ScenarioSummary& scenario);

struct Failure {
  std::uint32_t trial = 0;
  std::string directory;  // with the results directory; empty if the trial was not kept
  std::string replay;     // the command to paste; empty then too
};
std::vector<Failure> failures(const CampaignSummary& campaign, const ScenarioSummary& scenario,
                              const PropertySummary& property);

std::vector<const TrialSummary*> broken_trials(const ScenarioSummary& scenario);

// "1 trial", "20 trials"
std::string counted(std::uint64_t count, const std::string& noun);

}  // namespace lastcall::reports
