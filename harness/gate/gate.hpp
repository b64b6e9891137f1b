// Whether results are good enough for a policy, and what is missing if not. Pure functions;
// thread-safe.
//
// A property's probability of a failure is bounded from the trials that judged it, by Clopper and
// Pearson (campaign/statistics.hpp) if the number of trials was fixed beforehand, else by bounds
// that hold at every moment (gate/sequential.hpp). It passes if the upper bound is at most what is
// allowed, fails if the lower bound is above that, and is not settled in between. Each rule is
// judged at its own confidence: results that break one rule pass all of them with a probability of
// at most 1 minus the confidence of that rule, however many rules there are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "campaign/summary.hpp"
#include "gate/policy.hpp"
#include "gate/two_samples.hpp"

namespace lastcall {

enum class Standing : std::uint8_t { passed, not_settled, failed };  // from best to worst

constexpr std::string_view name(Standing standing) {
  constexpr std::string_view kNames[] = {"passed", "not-settled", "failed"};
  return kNames[static_cast<std::size_t>(standing)];
}

// Failures that the policy knows of, in one property of one scenario.
struct KnownCount {
  std::string property{};
  std::string reason{};  // why the first of them failed
  std::string until{};
  std::string link{};
  bool expired = false;  // then they count as others do
  std::uint64_t trials = 0;
};

// What the trials of a scenario say of a property. Known failures that are not expired are in
// neither `failures` nor `trials`.
struct Tally {
  std::string scenario{};
  std::string property{};
  Counts counts{};
  // As the bounds that hold at every moment first showed that it fails too often, else that it does
  // not. That stays shown: what was under way then, and ended later, does not undo it.
  std::optional<Counts> settled{};
  std::uint64_t unknown = 0;
  std::uint64_t broken = 0;  // trials of the scenario that broke
  // Judged over the whole campaign: its failures are no rate.
  bool is_over_campaign = false;
  bool matters = false;  // it was exercised, or the scenario requires it
  std::vector<KnownCount> known{};
};

struct GateFinding {
  std::string scenario{};  // empty: the whole results
  std::string property{};  // empty: the whole scenario
  std::string rule{};      // the key of the policy that it is about, "fails_at_most"
  Standing standing{};
  std::string text{};  // what was found, what is allowed, by how much it differs
  // With as many more trials of the scenario that judge the property and find no failure it would
  // pass; 0: it does, or no number would settle it.
  std::uint64_t more_clean_trials = 0;
};

struct GateResult {
  Standing standing{};                  // the worst of the findings
  std::vector<GateFinding> findings;    // in the order of scenarios and properties
  std::vector<Tally> tallies;           // of all that matters, in the same order
  std::uint64_t more_clean_trials = 0;  // per scenario, the most that a finding needs
};

struct GateInput {
  const CampaignSummary& head;
  bool stopped_by_its_results = false;  // its number of trials depends on what they found
  std::string not_ended{};              // why the campaign did not end as planned; empty if it did
  const CampaignSummary* baseline = nullptr;
  std::string today{};  // UTC, "2026-12-31"
};

std::vector<Tally> tallies(const GatePolicy& policy, const CampaignSummary& head,
                           const std::string& today);

// Adds what a trial says of the property.
void add_verdict(Tally& tally, const GatePolicy& policy, const TrialSummary& trial,
                 const Verdict& verdict, const std::string& today);

// Sets `settled` if such bounds show that now for the first time.
void note_settled(Tally& tally, const Demand& demanded);

// What of a demand is shown. `anytime`: by bounds that hold at every moment.
std::vector<GateFinding> judge_tally(const Tally& tally, const Demand& demanded, bool anytime);

GateResult gate(const GatePolicy& policy, const GateInput& input);

// "1.25 %", with two significant digits below 1 %. An upper bound is rounded up and a lower one
// down, so that none is shown better than it is.
enum class Rounding : std::uint8_t { nearest, up, down };
std::string percent(double part, Rounding rounding = Rounding::nearest);

}  // namespace lastcall
