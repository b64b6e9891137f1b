// The words that all reports share.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "campaign/summary.hpp"

namespace lastcall::reports {

// "fail", "unknown", "pass", "not-applicable", "off" or "not-judged": the worst that was seen.
std::string_view word(const PropertySummary& property);

// Behind a number of trials: ", 5 of them untraced"; empty if none was, or all.
std::string untraced_of_them(const ScenarioSummary& scenario);

// What a property's row says about the chance of a failure, or the numbers of one that is judged
// over the campaign, and whether it fails only untraced; empty when no trial exercised it.
std::string bound(const PropertySummary& property);

// Whether a property needs no row of its own: it was not applicable in any trial, and neither
// required nor configured.
bool is_beside_the_point(const PropertySummary& property);

// Findings that have one and the same thing to say: reason, trials and consequences. Not empty.
using AlikeFindings = std::vector<const Finding*>;
std::vector<AlikeFindings> findings(const ScenarioSummary& scenario);
// The same of properties that were unknown, or were not judged although somebody asked for them.
// With those that also failed, whose findings say why.
using AlikeProperties = std::vector<const PropertySummary*>;
std::vector<AlikeProperties> undecided(const ScenarioSummary& scenario);
// The same of properties that need no row.
std::vector<AlikeProperties> beside_the_point(const ScenarioSummary& scenario);
// "serves, deadline"; each between `mark`s.
std::string names(const AlikeFindings& findings, const std::string& mark = "");
std::string names(const AlikeProperties& properties, const std::string& mark = "");
// "clean-exit, close-handshake (in 3 of 5 trials)"; empty if there are none.
std::string consequences(const Finding& finding);
// "clean-exit: exit 1 after SIGTERM", of the first of them; empty if it does not fit on one line.
std::string first_consequence(const Finding& finding);
// What a property's failure is: its own reason, or "consequence of deadline: …" if it never failed
// of itself.
std::string failure_reason(const ScenarioSummary& scenario, const PropertySummary& property);
// "not counted as failures: 300 excused by KeyError (why)"; empty if there was nothing, or if the
// reason of the only trial says it.
std::string noted(const PropertySummary& property);
// The first reason of a fail, else of an unknown, else why nothing was judged.
const std::string& reason(const PropertySummary& property);
// The property that a finding is about.
const PropertySummary& property_of(const ScenarioSummary& scenario, const Finding& finding);

// Why the exit code is 3: "nothing failed, but …", or why the campaign broke off, if it is 4; else
// empty.
std::string exit_reason(const CampaignSummary& campaign);

// For a scenario in which nothing failed: the habits of clients that no stop met, or empty.
std::string not_tried(const ScenarioSummary& scenario);

struct Failure {
  std::uint32_t trial = 0;
  bool untraced = false;    // while others are traced
  std::string directory{};  // with the results directory; empty if the trial was not kept
  std::string replay{};     // the command to paste; empty then too
};
// "7", "8 (untraced)"
std::string label(const Failure& failure);
// The first 3 of these failing trials of a property.
std::vector<Failure> failures(const CampaignSummary& campaign, const ScenarioSummary& scenario,
                              std::span<const std::uint32_t> trials);

// "and 30 more trials"; empty if failures() has all.
std::string more_failures(std::span<const std::uint32_t> trials);

std::vector<const TrialSummary*> broken_trials(const ScenarioSummary& scenario);

// "1 trial", "20 trials"
std::string counted(std::uint64_t count, const std::string& noun);

}  // namespace lastcall::reports
