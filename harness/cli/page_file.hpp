// report.html of a campaign, with the stories of those trials that the page tells.
#pragma once

#include <string>

#include "campaign/summary.hpp"
#include "reports/release.hpp"

namespace lastcall::cli {

// Reads the histories of these trials from the campaign's results directory. One that cannot be
// read is left out: the page then has only its verdicts. There must be a reports::viewer().
std::string page_of(const CampaignSummary& campaign, const reports::Release& release = {});

// The file as a whole or not at all; says what is wrong to stderr.
bool write_whole(const std::string& path, const std::string& content);

// The command that runs a kept trial again.
std::string replay_command(const CampaignSummary& campaign, const TrialSummary& trial);

}  // namespace lastcall::cli
