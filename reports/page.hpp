// report.html: one file that opens in a browser from the disk, without a network. The page itself
// is made from viewer/ when lastcall is built; what a campaign found is put into it as JSON, so
// that nothing that a target, a peer or a file name says can run there. Pure functions; from any
// thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "campaign/summary.hpp"
#include "reports/release.hpp"
#include "reports/story.hpp"

namespace lastcall::reports {

// The page without data. Empty if lastcall was built without npm.
std::string_view viewer();

// The trials of which the page tells the whole story: the first of each finding and of each
// property that is unknown, those first that the most important finding names.
std::vector<std::uint32_t> told_trials(const CampaignSummary& campaign);

// A trial's part of the page, as JSON. `replay`: the command that runs it again. Beyond `most`
// events, those of clients that lie farthest from the stop are left out, which it says.
inline constexpr std::size_t kMostEvents = 600'000;
std::string page_of_trial(const Trial& trial, const std::string& replay,
                          std::size_t most = kMostEvents);

// The whole page; there must be a viewer().
struct TrialPage {
  std::uint32_t number = 0;
  std::string json;  // of page_of_trial()
};
std::string html(const CampaignSummary& campaign, std::span<const TrialPage> trials,
                 const Release& release = {});

// The JSON of a campaign that the page begins with: report.json's numbers in short, the words of
// the other reports, and of the release the verdict of its gate and the trend of each property.
std::string page_of_campaign(const CampaignSummary& campaign, const Release& release = {});

// JSON as the text of a script element: no "<", so that neither "</script" nor "<!--" ends it (HTML
// standard, 4.12.1.3), and no line separator.
std::string inert(std::string json);

}  // namespace lastcall::reports
