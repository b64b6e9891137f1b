#include "campaign/summary.hpp"

#include <algorithm>

#include "campaign/statistics.hpp"
#include "cli/exit_codes.hpp"
#include "scenario/property_names.hpp"
#include "scenario/scenario.hpp"

namespace lastcall {
namespace {

constexpr std::size_t kMostFailingTrials = 20;

void count(PropertySummary& property, const TrialSummary& trial, const Verdict& verdict) {
  property.judged += verdict.judged;
  switch (verdict.outcome) {
    case Outcome::not_applicable:
      ++property.not_applicable;
      return;
    case Outcome::pass:
      ++property.pass;
      return;
    case Outcome::unknown:
      ++property.unknown;
      if (property.fail == 0 && property.unknown == 1) property.first_reason = verdict.reason;
      return;
    case Outcome::fail:
      if (++property.fail == 1) property.first_reason = verdict.reason;
      if (property.failing_trials.size() < kMostFailingTrials) {
        property.failing_trials.push_back(trial.number);
      }
      return;
  }
}

}  // namespace

void summarise(ScenarioSummary& scenario, const Scenario& wanted) {
  scenario.properties.clear();
  for (const auto& known : kProperties) {
    PropertySummary property;
    property.name = known.name;
    property.required = std::ranges::find(wanted.required, property.name) != wanted.required.end();
    const auto settings = wanted.properties.find(property.name);
    if (settings != wanted.properties.end() && !settings->second.judged) {
      property.switched_off =
          settings->second.why.empty() ? "no reason given" : settings->second.why;
    }
    for (const auto& trial : scenario.trials) {
      if (!trial.broken.empty()) continue;
      for (const auto& verdict : trial.verdicts) {
        if (verdict.property == property.name) count(property, trial, verdict);
      }
    }
    property.upper_bound = upper_bound(property.fail, property.pass + property.fail);
    scenario.properties.push_back(std::move(property));
  }
}

int exit_code(const CampaignSummary& campaign) {
  bool failed = false;
  bool is_judged = true;
  for (const auto& scenario : campaign.scenarios) {
    for (const auto& trial : scenario.trials) {
      if (!trial.broken.empty()) return exit_codes::kBroken;
    }
    std::uint64_t passed = 0;
    for (const auto& property : scenario.properties) {
      passed += property.pass;
      failed = failed || property.fail > 0;
      if (property.unknown > 0 || (property.required && property.pass == 0)) is_judged = false;
    }
    if (passed == 0) is_judged = false;  // nothing held, so "every property held" would be a lie
  }
  if (failed) return exit_codes::kFailed;
  return is_judged && !campaign.scenarios.empty() ? exit_codes::kHeld : exit_codes::kNotJudged;
}

}  // namespace lastcall
