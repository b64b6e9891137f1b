#include "reports/page.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "base/invariant.hpp"
#include "reports/gate.hpp"
#include "reports/json_text.hpp"
#include "reports/wording.hpp"

namespace lastcall::reports {
namespace {

namespace bj = boost::json;

using json_values::text;

bj::object page_of(const PropertySummary& p, bj::array trend) {
  bj::object object{{"name", text(p.name)},
                    {"verdict", text(word(p))},
                    {"required", p.required},
                    {"beside", is_beside_the_point(p)},
                    {"pass", p.pass},
                    {"fail", p.fail},
                    {"unknown", p.unknown},
                    {"not_applicable", p.not_applicable},
                    {"judged", p.judged},
                    {"bound", text(bound(p))},
                    {"upper_bound", p.upper_bound},
                    {"reason", text(p.switched_off.empty() ? reason(p) : p.switched_off)},
                    {"noted", text(noted(p))},
                    {"not_judged", text(p.not_judged.empty() ? "" : not_judged_text(p.not_judged))},
                    {"failing_trials", bj::value_from(p.failing_trials)}};
  if (!trend.empty()) object["trend"] = std::move(trend);
  return object;
}

// Of each earlier campaign in how many trials the property failed, of how many; null if it did not
// judge it.
bj::array trend_of(const std::vector<PastCampaign>& past, const std::string& scenario,
                   const PropertySummary& property) {
  bj::array trend;
  if (!property.over_campaign.empty()) return trend;  // its failures are no rate
  for (const auto& campaign : past) {
    const auto found = std::ranges::find_if(campaign.counts, [&](const PastCounts& one) {
      return one.scenario == scenario && one.property == property.name && one.trials > 0;
    });
    if (found == campaign.counts.end()) {
      trend.push_back(nullptr);
    } else {
      trend.push_back(bj::array{found->failures, found->trials});
    }
  }
  return trend;
}

bj::object page_of(const GateResult& gate, const std::string& policy) {
  bj::array findings;
  for (const auto& finding : gate.findings)
    findings.push_back({{"scenario", text(finding.scenario)},
                        {"property", text(finding.property)},
                        {"rule", text(finding.rule)},
                        {"standing", text(name(finding.standing))},
                        {"text", text(finding.text)},
                        {"more", finding.more_clean_trials}});
  bj::array known;
  for (const auto& line : known_failures(gate)) known.push_back(text(line));
  return {{"policy", text(policy)},
          {"standing", text(name(gate.standing))},
          {"verdict", text(gate_verdict(gate))},
          {"findings", std::move(findings)},
          {"known", std::move(known)}};
}

bj::object page_of(const Finding& finding) {
  bj::array consequences;
  for (const auto& one : finding.consequences)
    consequences.push_back({{"property", text(one.property)},
                            {"reason", text(one.reason)},
                            {"trials", bj::value_from(one.trials)}});
  return {{"property", text(finding.property)},
          {"reason", text(finding.reason)},
          {"trials", bj::value_from(finding.trials)},
          {"consequences", std::move(consequences)}};
}

bj::object page_of(const TrialSummary& trial) {
  bj::array failed;
  auto worst = Outcome::not_applicable;
  for (const auto& verdict : trial.verdicts) {
    worst = std::max(worst, verdict.outcome);
    if (verdict.outcome == Outcome::fail) failed.push_back(text(verdict.property));
  }
  bj::object object{{"n", trial.number},
                    {"out", text(trial.broken.empty() ? name(worst) : "broken")},
                    {"ns", trial.duration.count()},
                    {"stop", trial.stop.count()},
                    {"up", trial.connections}};
  if (!failed.empty()) object["failed"] = std::move(failed);
  if (!trial.traced) object["untraced"] = true;
  if (!trial.broken.empty()) object["broken"] = text(trial.broken);
  if (!trial.directory.empty()) object["dir"] = text(trial.directory);
  if (const auto& moment = trial.stop_moment) {
    object["phase"] = text(name(moment->phase));
    object["after"] = moment->after.count();
  }
  return object;
}

bj::object page_of(const ScenarioSummary& scenario, const std::vector<PastCampaign>& past) {
  bj::array properties;
  bj::array findings;
  bj::array silent;
  bj::array trials;
  for (const auto& p : scenario.properties)
    properties.push_back(page_of(p, trend_of(past, scenario.scenario, p)));
  for (const auto& finding : scenario.findings) findings.push_back(page_of(finding));
  for (const auto& one : scenario.silent)
    silent.push_back({{"group", text(one.group)}, {"what", text(one.what)}});
  for (const auto& trial : scenario.trials) trials.push_back(page_of(trial));
  return {{"scenario", text(scenario.scenario)}, {"about", text(scenario.about)},
          {"planned", scenario.planned},         {"untraced", scenario.untraced},
          {"gave_up", text(scenario.gave_up)},   {"not_tried", text(not_tried(scenario))},
          {"silent", std::move(silent)},         {"properties", std::move(properties)},
          {"findings", std::move(findings)},     {"trials", std::move(trials)}};
}

}  // namespace

std::string page_of_campaign(const CampaignSummary& campaign, const Release& release) {
  const auto headline = headline_of(campaign, release);
  bj::array scenarios;
  for (const auto& scenario : campaign.scenarios)
    scenarios.push_back(page_of(scenario, release.past));
  bj::array past;
  for (const auto& one : release.past)
    past.push_back({{"started_utc", text(one.started_utc)}, {"version", text(one.target_version)}});
  bj::object page{{"format", "lastcall-page"},
                  {"version", 1},
                  {"lastcall_version", text(campaign.lastcall_version)},
                  {"started_utc", text(campaign.started_utc)},
                  {"seed", std::to_string(campaign.seed)},
                  {"duration_ns", campaign.duration.count()},
                  {"results", text(campaign.results)},
                  {"exit_code", campaign.exit_code},
                  {"interrupted", campaign.interrupted},
                  {"decision", text(headline.decision)},
                  {"why", text(headline.why)},
                  {"past", std::move(past)},
                  {"scenarios", std::move(scenarios)}};
  if (release.gate) page["gate"] = page_of(*release.gate, release.policy);
  return bj::serialize(page);
}

std::vector<std::uint32_t> told_trials(const CampaignSummary& campaign) {
  constexpr std::size_t kEach = 3;
  std::vector<std::uint32_t> told;
  std::set<std::uint32_t> known;
  const auto add = [&](std::uint32_t number) {
    if (known.insert(number).second) told.push_back(number);
  };
  for (std::size_t nth = 0; nth < kEach; ++nth) {
    for (const auto& scenario : campaign.scenarios) {
      for (const auto& finding : scenario.findings) {
        if (nth < finding.trials.size()) add(finding.trials[nth]);
      }
    }
  }
  for (const auto& scenario : campaign.scenarios) {
    std::set<std::string> unknown;
    for (const auto& trial : scenario.trials) {
      for (const auto& verdict : trial.verdicts) {
        if (verdict.outcome == Outcome::unknown && unknown.insert(verdict.property).second)
          add(trial.number);
      }
    }
  }
  return told;
}

std::string inert(std::string json) {
  std::string safe;
  safe.reserve(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    const auto rest = std::string_view(json).substr(i);
    if (json[i] == '<') {
      safe += "\\u003c";
    } else if (json[i] == '>') {
      safe += "\\u003e";
    } else if (rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9")) {
      safe += rest[2] == '\xA8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      safe += json[i];
    }
  }
  return safe;
}

std::string html(const CampaignSummary& campaign, std::span<const TrialPage> trials,
                 const Release& release) {
  // Stands in viewer/index.html.
  constexpr std::string_view kPlace = "<!--lastcall-data-->";
  const auto page = viewer();
  const auto place = page.find(kPlace);
  LASTCALL_INVARIANT(place != std::string_view::npos);
  std::string text(page.substr(0, place));
  text += "<script type=\"application/json\" id=\"campaign\">" +
          inert(page_of_campaign(campaign, release)) + "</script>\n";
  for (const auto& [number, json] : trials) {
    text += "<script type=\"application/json\" id=\"trial-" + std::to_string(number) + "\">" +
            inert(json) + "</script>\n";
  }
  text += page.substr(place + kPlace.size());
  return text;
}

}  // namespace lastcall::reports
