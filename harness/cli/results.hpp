// The results directory of a campaign, as `run` and `try` make it. Both print what is wrong.
#pragma once

#include <string>

#include "campaign/summary.hpp"

namespace lastcall::cli {

// Makes the results directory, which one campaign has for itself: the one that creates its
// trials.jsonl. Returns an exit code, having said what is wrong.
int claim_results(const std::string& directory);

// report.json, junit.xml and report.md. Each is there as a whole or not at all; false if one is
// not.
bool write_reports(const CampaignSummary& summary);

}  // namespace lastcall::cli
