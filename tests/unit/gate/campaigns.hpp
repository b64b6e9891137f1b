// Campaigns with known counts.
#pragma once

#include <string>

#include "campaign/summary.hpp"
#include "scenario/scenario.hpp"

namespace lastcall::testing {

// A campaign of scenarios of one property each.
class Campaign {
 public:
  // Adds a scenario, or trials to it; failures come first.
  Campaign& with(const std::string& scenario, const std::string& property, int failures, int passes,
                 const std::string& reason = "late") {
    for (int i = 0; i < failures; ++i) add(scenario, property, Outcome::fail, reason);
    for (int i = 0; i < passes; ++i) add(scenario, property, Outcome::pass);
    return *this;
  }
  TrialSummary& add(const std::string& scenario, const std::string& property, Outcome outcome,
                    const std::string& reason = "") {
    auto& trial = scenario_(scenario).trials.emplace_back();
    trial.number = ++number_;
    trial.verdicts.push_back(
        {.property = property, .outcome = outcome, .judged = 1, .reason = reason});
    return trial;
  }
  const CampaignSummary& summary() {
    for (auto& scenario : summary_.scenarios) summarise(scenario, Scenario());
    return summary_;
  }

 private:
  ScenarioSummary& scenario_(const std::string& name) {
    for (auto& scenario : summary_.scenarios) {
      if (scenario.scenario == name) return scenario;
    }
    auto& scenario = summary_.scenarios.emplace_back();
    scenario.scenario = name;
    return scenario;
  }

  CampaignSummary summary_;
  std::uint32_t number_ = 0;
};

}  // namespace lastcall::testing
