// What earlier campaigns of the same scenarios found, in short: plain values, for the trend in a
// report.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lastcall {

// Trials of one scenario in one campaign.
struct PastCounts {
  std::string scenario{};
  std::string property{};
  std::uint64_t failures = 0;
  std::uint64_t trials = 0;  // that judged it: passed or failed
  std::uint64_t unknown = 0;
};

struct PastCampaign {
  std::int64_t id = 0;  // within its store
  std::string started_utc{};
  std::string target_version{};      // as the user said; empty if not
  std::vector<PastCounts> counts{};  // in the order of scenarios
};

}  // namespace lastcall
