#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>

#include "reports/json_text.hpp"
#include "reports/reports.hpp"
#include "reports/wording.hpp"

namespace lastcall::reports {
namespace {

namespace bj = boost::json;

using json_values::text;

bj::array to_json(const std::vector<Counted>& items) {
  bj::array array;
  for (const auto& item : items) array.push_back({{"why", text(item.why)}, {"count", item.count}});
  return array;
}

bj::object to_json(const Verdict& verdict) {
  bj::array evidence;
  for (const auto& line : verdict.evidence_text) evidence.push_back(text(line));
  return {{"property", text(verdict.property)}, {"outcome", text(name(verdict.outcome))},
          {"judged", verdict.judged},           {"reason", text(verdict.reason)},
          {"evidence", std::move(evidence)},    {"consequence_of", text(verdict.consequence_of)}};
}

bj::object to_json(const TrialSummary& trial) {
  bj::array verdicts;
  for (const auto& verdict : trial.verdicts) verdicts.push_back(to_json(verdict));
  bj::object object{{"number", trial.number},
                    // A string: readers that take numbers as doubles would round it.
                    {"seed", std::to_string(trial.seed)},
                    {"directory", text(trial.directory)},
                    {"broken", text(trial.broken)},
                    {"duration_ns", trial.duration.count()},
                    {"stop_ns", trial.stop.count()},
                    {"clients", trial.clients},
                    {"connections", trial.connections},
                    {"traced", trial.traced},
                    {"verdicts", std::move(verdicts)}};
  if (!trial.warnings.empty()) {
    bj::array warnings;
    for (const auto& warning : trial.warnings) warnings.push_back(text(warning));
    object["warnings"] = std::move(warnings);
  }
  if (const auto& moment = trial.stop_moment)
    object["stop_moment"] = {{"phase", name(moment->phase)}, {"after_ns", moment->after.count()}};
  if (trial.idle_tail) object["idle_tail_ns"] = trial.idle_tail->count();
  if (const auto& waits = trial.idle_waits)
    object["idle_waits"] = {{"ns", waits->length.count()}, {"text", text(waits->text)}};
  return object;
}

bj::object to_json(const Consequence& consequence) {
  return {{"property", text(consequence.property)},
          {"reason", text(consequence.reason)},
          {"trials", bj::value_from(consequence.trials)}};
}

bj::object to_json(const Finding& finding) {
  bj::array consequences;
  for (const auto& one : finding.consequences) consequences.push_back(to_json(one));
  return {{"property", text(finding.property)},
          {"reason", text(finding.reason)},
          {"trials", bj::value_from(finding.trials)},
          {"consequences", std::move(consequences)}};
}

bj::object to_json(const PropertySummary& property) {
  return {{"name", text(property.name)},
          {"verdict", text(word(property))},
          {"switched_off", text(property.switched_off)},
          {"required", property.required},
          {"configured", property.configured},
          {"pass", property.pass},
          {"fail", property.fail},
          {"unknown", property.unknown},
          {"not_applicable", property.not_applicable},
          {"judged", property.judged},
          {"upper_bound", property.upper_bound},
          {"confidence", 0.95},
          {"failing_trials", bj::value_from(property.failing_trials)},
          {"first_reason", text(property.first_reason)},
          {"why_not_judged", text(property.why_not_judged)},
          {"over_campaign", text(property.over_campaign)},
          {"only_untraced", text(property.only_untraced)},
          {"not_judged", to_json(property.not_judged)},
          {"noted", to_json(property.noted)}};
}

bj::object to_json(const ScenarioSummary& scenario) {
  bj::array properties;
  bj::array trials;
  bj::array silent;
  bj::array findings;
  bj::array not_tried;
  for (const auto& habit : scenario.not_tried) not_tried.push_back(text(habit));
  for (const auto& group : scenario.silent)
    silent.push_back({{"group", text(group.group)}, {"what", text(group.what)}});
  for (const auto& property : scenario.properties) properties.push_back(to_json(property));
  for (const auto& finding : scenario.findings) findings.push_back(to_json(finding));
  for (const auto& trial : scenario.trials) trials.push_back(to_json(trial));
  return {{"scenario", text(scenario.scenario)}, {"about", text(scenario.about)},
          {"planned", scenario.planned},         {"untraced", scenario.untraced},
          {"gave_up", text(scenario.gave_up)},   {"silent", std::move(silent)},
          {"findings", std::move(findings)},     {"not_tried", std::move(not_tried)},
          {"properties", std::move(properties)}, {"trials", std::move(trials)}};
}

}  // namespace

std::string json(const CampaignSummary& campaign) {
  bj::array scenarios;
  for (const auto& scenario : campaign.scenarios) scenarios.push_back(to_json(scenario));
  const bj::object report{{"format", "lastcall-report"},
                          {"version", 1},
                          {"lastcall_version", text(campaign.lastcall_version)},
                          {"started_utc", text(campaign.started_utc)},
                          {"host", text(campaign.host)},
                          {"seed", std::to_string(campaign.seed)},
                          {"duration_ns", campaign.duration.count()},
                          {"interrupted", campaign.interrupted},
                          {"broken", text(campaign.broken)},
                          {"results", text(campaign.results)},
                          {"exit_code", campaign.exit_code},
                          {"exit_reason", text(exit_reason(campaign))},
                          {"scenarios", std::move(scenarios)}};
  return bj::serialize(report) + "\n";
}

}  // namespace lastcall::reports
