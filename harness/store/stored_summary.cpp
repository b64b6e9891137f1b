#include "store/stored_summary.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>
#include <variant>

#include "campaign/exit_codes.hpp"
#include "scenario/parse.hpp"

namespace lastcall {
namespace {

// Empty for several machines.
std::string name_of(const std::string& machine) {
  boost::json::error_code ec;
  const auto parsed = boost::json::parse(machine, ec);
  const auto* object = ec ? nullptr : parsed.if_object();
  const auto* name = object == nullptr ? nullptr : object->if_contains("name");
  return name != nullptr && name->is_string() ? std::string(name->get_string()) : "";
}

}  // namespace

Result<CampaignSummary> summary_of(StoredCampaign campaign) {
  CampaignSummary summary;
  summary.lastcall_version = campaign.start.lastcall_version;
  summary.started_utc = campaign.start.started_utc;
  summary.host = name_of(campaign.start.machine);
  summary.seed = campaign.start.seed;
  summary.results = campaign.start.results;
  summary.interrupted = !campaign.end || campaign.end->interrupted;
  if (campaign.end) {
    summary.duration = campaign.end->duration;
    summary.broken = campaign.end->broken;
  }
  for (std::size_t i = 0; i < campaign.start.scenarios.size(); ++i) {
    const auto& stored = campaign.start.scenarios[i];
    const auto parsed = parse_scenario(stored.text, stored.file);
    if (const auto* errors = std::get_if<std::vector<ScenarioError>>(&parsed))
      return Error{"use the scenario of a stored campaign,", errors->front().text(), 0,
                   "another version of lastcall wrote it: use that one"};
    ScenarioSummary scenario;
    scenario.scenario = stored.file;
    scenario.gave_up = stored.gave_up;
    const auto& wanted = std::get<Scenario>(parsed);
    scenario.about = wanted.about;
    for (auto& stored_trial : campaign.trials) {
      if (stored_trial.scenario == i) scenario.trials.push_back(std::move(stored_trial.trial));
    }
    scenario.planned =
        stored.planned > 0 ? stored.planned : static_cast<std::uint32_t>(scenario.trials.size());
    summarise(scenario, wanted);
    summary.scenarios.push_back(std::move(scenario));
  }
  summary.exit_code = campaign.end ? campaign.end->exit_code : exit_code(summary);
  return summary;
}

}  // namespace lastcall
