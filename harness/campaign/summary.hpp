// What a campaign found: the one value that reports are made of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "trial/trial_result.hpp"

namespace lastcall {

struct TrialSummary : TrialResult {
  std::string scenario;      // file as named
  std::uint32_t number = 0;  // from 1, within the campaign
  std::uint32_t trial = 0;   // from 1, within its scenario
  std::string directory;     // relative to the results directory; empty if it was not kept
};

struct PropertySummary {
  std::string name;
  std::string switched_off;  // why, when it is not judged
  bool required = false;
  std::uint64_t pass = 0, fail = 0, unknown = 0, not_applicable = 0;  // trials
  std::uint64_t judged = 0;                                           // items, over all trials
  double upper_bound = 1;                     // P(failure), 95 %, of pass + fail trials
  std::vector<std::uint32_t> failing_trials;  // numbers, as many as `fail` says
  std::string first_reason;                   // of the first fail, else unknown
  std::string why_not_judged;                 // of the first that had nothing to judge
  // The scenario has a table of it, so a report has a row of it.
  bool configured = false;
  std::vector<Counted> not_judged{};  // items over all trials
  // For a property that is judged over the whole campaign: its numbers, in place of a bound. `fail`
  // then counts the trials that speak against it, the worst first. For no-masked-panic: why it
  // could judge nothing in a target that was traced.
  std::string over_campaign{};
  // "fails only untraced: 3 of 5 untraced, 0 of 15 traced": what tracing hides; else empty.
  std::string only_untraced{};
  std::vector<Counted> noted{};  // no failures, over all trials: what was excused, and the like
};

// A property that failed only because another did, in the same trials.
struct Consequence {
  std::string property;
  std::string reason;                 // in the first of these trials
  std::vector<std::uint32_t> trials;  // numbers
  friend bool operator==(const Consequence&, const Consequence&) = default;
};

// One cause of failures: a property that failed by itself, and the failures that followed from it
// (checkers/consequences.hpp). A property that failed by itself in some trials and as a consequence
// in others has a finding with the former, while PropertySummary::fail counts both.
struct Finding {
  std::string property;
  std::string reason;  // in the first of these trials that was traced, else in the first
  std::vector<std::uint32_t> trials;  // numbers
  std::vector<Consequence> consequences;
};

// A group of clients that got no or few answers in the trials of a scenario, so that a pass of what
// they are there to test would mean little.
struct SilentGroup {
  std::string group;  // as the scenario names it, `clients "orders"`
  std::string what;   // what happened, and what to do
};

struct ScenarioSummary {
  std::string scenario;
  std::string about;
  std::uint32_t planned = 0;
  std::vector<TrialSummary> trials;
  std::vector<PropertySummary> properties;  // in the order of kProperties, then custom ones
  std::vector<SilentGroup> silent{};        // with one of them the exit code is not kHeld
  std::vector<Finding> findings{};          // in the order of properties
  // Habits of a crowd (kHabits) that no stop met.
  std::vector<std::string> not_tried{};
  std::uint32_t untraced = 0;  // trials, of a target that is traced in the others
  std::string gave_up{};       // why it had fewer trials than planned; else empty
};

struct CampaignSummary {
  std::string lastcall_version;
  std::string started_utc;  // "2026-01-31T12:00:00Z"
  std::string host{};       // the machine's name; empty: not known
  std::uint64_t seed = 0;
  Nanoseconds duration{};
  bool interrupted = false;
  std::string broken{};  // why no further trial could be run, if lastcall itself broke
  std::string results;   // the results directory, as named
  std::vector<ScenarioSummary> scenarios;
  int exit_code = 0;
};

// Fills `properties`, `findings`, `silent` and `not_tried` of a scenario from its trials.
void summarise(ScenarioSummary& scenario, const struct Scenario& wanted);

// Takes a trial's failure of a property, with what followed from it, for no failure: the scenario
// has clients for which a good server may do so. It becomes not-applicable and is noted, with
// `why`. Whether there was one.
bool excuse(TrialSummary& trial, std::string_view property, const std::string& why);
// The same in all trials, and fills the rest again. Returns in how many there was one.
std::uint64_t excuse(ScenarioSummary& scenario, const struct Scenario& wanted,
                     std::string_view property, const std::string& why);

// campaign/exit_codes.hpp's rule over the whole campaign, interruption aside.
int exit_code(const CampaignSummary& campaign);

// Why it is kNotJudged, one entry for each scenario and cause: "required, and never judged:
// recovers". Empty if it is not.
std::vector<std::string> why_not_decided(const CampaignSummary& campaign);

}  // namespace lastcall
