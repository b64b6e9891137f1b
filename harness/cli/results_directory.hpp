// The results directory of a campaign (campaign/campaign.hpp). Prints what is wrong. One thread.
#pragma once

#include <string>

#include "campaign/summary.hpp"
#include "reports/release.hpp"

namespace lastcall::cli {

// A new one: lastcall-results/TIME.
std::string default_results();

// Makes the results directory, which one campaign has for itself: the one that creates its
// trials.jsonl. Returns an exit code.
int claim_results(const std::string& directory);

// lastcall-results/latest names the campaign that began last. What lies there and is no link of
// ours stays; a link that cannot be made is no reason to stop.
void name_latest(const std::string& results);

// report.json, junit.xml, report.md and report.html (if lastcall was built with the page), each as
// a whole or not at all. False if one is not there.
bool write_reports(const CampaignSummary& summary, const reports::Release& release = {});

}  // namespace lastcall::cli
