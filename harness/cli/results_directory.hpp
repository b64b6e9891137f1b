// The results directory of a campaign (campaign/campaign.hpp). One thread.
#pragma once

#include <string>

#include "campaign/summary.hpp"

namespace lastcall::cli {

// Makes the results directory, which one campaign has for itself: the one that creates its
// trials.jsonl. Returns an exit code, having said what is wrong.
int claim_results(const std::string& directory);

// Writes the reports into it, each as a whole or not at all. False if one could not be written,
// which is printed.
bool write_reports(const CampaignSummary& summary);

}  // namespace lastcall::cli
