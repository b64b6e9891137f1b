// The reports of a campaign: pure functions of its summary, UTF-8, each ending with a newline.
#pragma once

#include <string>

#include "campaign/summary.hpp"
#include "reports/release.hpp"

namespace lastcall::reports {

// A table per scenario, the first reason and how to see each failure again.
std::string terminal(const CampaignSummary& campaign, bool colour);
// The same without what only a campaign that is over can say: its seed and how long it took.
std::string tables(const CampaignSummary& campaign, bool colour);
// All scenarios as one story, as `try` tells it: what is wrong, most important first, one sentence
// a property, whichever scenarios show it; what held; what could not be judged and what to do.
std::string story(const CampaignSummary& campaign, bool colour);
// report.json, as report.schema.json describes it.
std::string json(const CampaignSummary& campaign);
// One testsuite per scenario, one testcase per property, valid by the schemas of Jenkins' xUnit
// plugin and of Windy Road (tests/reports/). A failing case has its reason, the stacks
// that prove it and the commands that run it again.
std::string junit(const CampaignSummary& campaign);
// report.md: one page for whoever decides about a release.
std::string markdown(const CampaignSummary& campaign, const Release& release = {});
// Gauges for Prometheus: OpenMetrics text that the parser of the older text format reads too, as
// node_exporter's textfile collector does.
std::string openmetrics(const CampaignSummary& campaign);
// Workflow commands that GitHub shows as annotations: an error a finding, a warning for what could
// not be judged, a notice if nothing failed.
std::string github(const CampaignSummary& campaign);

}  // namespace lastcall::reports
