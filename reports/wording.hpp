// The words that all reports share.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "campaign/summary.hpp"
#include "reports/release.hpp"

namespace lastcall::reports {

// "fail", "unknown", "pass", "not-applicable", "off" or "not-judged": the worst that was seen.
std::string_view word(const PropertySummary& property);

// Follows a number of trials: ", 5 of them untraced"; empty if none or all were.
std::string untraced_of_them(const ScenarioSummary& scenario);

// What a property's row says of the probability of a failure, and whether it fails only untraced;
// of one that is judged over the campaign its numbers. Empty when no trial exercised it.
std::string bound(const PropertySummary& property);

// How important a failure of this property is to a person: 0 is told first.
std::size_t rank(std::string_view property);

// "serves, deadline": those that held wherever they were judged.
std::string names_of_held(const ScenarioSummary& scenario);

// Whether a property needs no row of its own: it was applicable in no trial, and is neither
// required nor configured.
bool is_beside_the_point(const PropertySummary& property);

// Findings with the same reason, trials and consequences; at least one. The most important first.
using AlikeFindings = std::vector<const Finding*>;
std::vector<AlikeFindings> findings(const ScenarioSummary& scenario);
// The same for properties that were unknown, or that are required or configured and were not
// judged. Some of them also failed; their findings say why.
using AlikeProperties = std::vector<const PropertySummary*>;
std::vector<AlikeProperties> undecided(const ScenarioSummary& scenario);
// The same for properties that need no row.
std::vector<AlikeProperties> beside_the_point(const ScenarioSummary& scenario);
// "serves, deadline"; each between `mark`s.
std::string names(const AlikeFindings& findings, const std::string& mark = "");
std::string names(const AlikeProperties& properties, const std::string& mark = "");
// "clean-exit, close-handshake (in 3 of 5 trials)"; empty if there are none.
std::string consequences(const Finding& finding);
// The first of them, "clean-exit: exit 1 after SIGTERM"; empty if it does not fit on one line.
std::string first_consequence(const Finding& finding);
// Why a property failed: its own reason, or "consequence of deadline: …" if it never failed by
// itself.
std::string failure_reason(const ScenarioSummary& scenario, const PropertySummary& property);
// "not counted as failures: 300 excused by KeyError (why)"; empty if there were none, or if the
// reason of the only trial says so.
std::string noted(const PropertySummary& property);
// The first reason of a fail, else of an unknown, else why nothing was judged.
const std::string& reason(const PropertySummary& property);
// The property that a finding is about.
const PropertySummary& property_of(const ScenarioSummary& scenario, const Finding& finding);

// Whether to ship: "Safe to ship", "Do not ship:" or "Not decided:", and why, up to the full stop.
struct Headline {
  std::string decision;
  std::string why;
};
Headline headline_of(const CampaignSummary& campaign);
// The gate decides if there is one.
Headline headline_of(const CampaignSummary& campaign, const Release& release);

// Why the exit code is 3: "nothing failed, but …", or why the campaign broke off, if it is 4; else
// empty.
std::string exit_reason(const CampaignSummary& campaign);

// For a scenario in which nothing failed: which habits of a crowd no stop met. Empty: each was met.
std::string not_tried(const ScenarioSummary& scenario);

struct Failure {
  std::uint32_t trial = 0;
  bool untraced = false;    // while other trials are traced
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

// On one line of a terminal. What a target wrote must not steer it: control characters, C1 among
// them, become '?'.
std::string printable(std::string_view text);

// "1 trial", "20 trials"
std::string counted(std::uint64_t count, const std::string& noun);

}  // namespace lastcall::reports
