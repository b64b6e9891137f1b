#include "cli/until_gate.hpp"

#include <algorithm>
#include <iostream>
#include <utility>

#include "base/file.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/policies.hpp"
#include "reports/gate.hpp"
#include "reports/wording.hpp"

namespace lastcall::cli {
namespace {

// What the scenarios judge, without trials.
CampaignSummary without_trials(const std::vector<LoadedScenario>& scenarios) {
  CampaignSummary summary;
  for (const auto& loaded : scenarios) {
    auto& scenario = summary.scenarios.emplace_back();
    scenario.scenario = loaded.file;
    summarise(scenario, loaded.scenario);
  }
  return summary;
}

// Why no number of trials of the scenarios can pass; empty if one can.
std::string why_not(const GatePolicy& policy, const std::vector<LoadedScenario>& scenarios) {
  if (policy.regression)
    return "it has [regression], and a comparison needs a fixed number of trials: run with "
           "--trials, "
           "then lastcall gate";
  for (const auto& wanted : policy.scenarios) {
    const bool is_there = std::ranges::any_of(
        scenarios, [&](const auto& one) { return means_scenario(wanted, one.file); });
    if (!is_there) return "it wants " + wanted + ", which is none of these scenarios";
  }
  return {};
}

bool is_whole(const CampaignSummary& campaign) {
  return !campaign.interrupted && campaign.exit_code != exit_codes::kBroken;
}

}  // namespace

UntilGate::UntilGate(GatePolicy policy, const CampaignSummary& scenarios)
    : policy_(std::move(policy)), watch_(policy_, scenarios, utc_now().substr(0, 10)) {}

std::optional<UntilGate> UntilGate::with(const std::string& policy,
                                         const std::vector<LoadedScenario>& scenarios) {
  auto loaded = load_policy(policy);
  if (!loaded) return std::nullopt;
  if (const auto why = why_not(*loaded, scenarios); !why.empty()) {
    std::cerr << "lastcall: --until-gate " << reports::printable(policy + ": " + why) << "\n";
    return std::nullopt;
  }
  return UntilGate(std::move(*loaded), without_trials(scenarios));
}

GateResult UntilGate::judge(const CampaignSummary& campaign) const {
  return gate(policy_, {.head = campaign,
                        .stopped_by_its_results = true,
                        .not_ended = is_whole(campaign) ? "" : "the campaign did not end",
                        .today = utc_now().substr(0, 10)});
}

int UntilGate::finish(const CampaignSummary& campaign, const GateResult& result, bool prints) {
  const int code = is_whole(campaign) ? exit_code_of(result) : campaign.exit_code;
  if (prints) std::cout << "\n" << reports::gate_text(result, false);
  const auto written =
      write_regular(campaign.results + "/gate.json", reports::gate_json(result, code));
  if (written) return code;
  std::cerr << "lastcall: " << reports::printable(written.error().message()) << "\n";
  return exit_codes::kBroken;
}

}  // namespace lastcall::cli
