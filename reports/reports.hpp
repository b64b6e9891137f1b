// The reports of a campaign: pure functions of its summary, UTF-8, each ending with a newline.
#pragma once

#include <string>

#include "campaign/summary.hpp"

namespace lastcall::reports {

// A table per scenario, the first reason and how to see each failure again.
std::string terminal(const CampaignSummary& campaign, bool colour);
// All scenarios as one story, as `try` tells it: what is wrong, most important first, one sentence
// a property, whichever scenarios show it; what held; what could not be judged and what to do.
std::string story(const CampaignSummary& campaign, bool colour);
// report.json, as report.schema.json describes it.
std::string json(const CampaignSummary& campaign);
// One testsuite per scenario, one testcase per property.
std::string junit(const CampaignSummary& campaign);
// report.md: one page for whoever decides about a release.
std::string markdown(const CampaignSummary& campaign);

}  // namespace lastcall::reports
