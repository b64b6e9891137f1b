#include "reports/wording.hpp"

#include <algorithm>

#include "campaign/statistics.hpp"

namespace lastcall::reports {
namespace {

// For a POSIX shell, quoted only where it must be.
std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./,:+@%=";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

}  // namespace

std::string_view word(const PropertySummary& property) {
  if (property.fail > 0) return "fail";
  if (property.unknown > 0) return "unknown";
  if (property.pass > 0) return "pass";
  if (!property.switched_off.empty()) return "off";
  return property.not_applicable > 0 ? "not-applicable" : "not-judged";
}

std::string bound(const PropertySummary& property) {
  if (!property.over_campaign.empty()) return property.over_campaign;
  const auto trials = property.pass + property.fail;
  return trials == 0 ? "" : bound_sentence(property.fail, trials);
}

bool is_beside_the_point(const PropertySummary& property) {
  return word(property) == "not-applicable" && !property.required && !property.configured;
}

std::string beside_the_point(const ScenarioSummary& scenario) {
  std::string names;
  for (const auto& property : scenario.properties) {
    if (!is_beside_the_point(property)) continue;
    names += (names.empty() ? "" : ", ") + property.name;
    if (!property.over_campaign.empty()) names += " (" + property.over_campaign + ")";
  }
  return names;
}

std::vector<Failure> failures(const CampaignSummary& campaign, const ScenarioSummary& scenario,
                              const PropertySummary& property) {
  std::vector<Failure> failures;
  for (const auto number : property.failing_trials) {
    Failure failure{number, "", ""};
    const auto trial = std::ranges::find(scenario.trials, number, &TrialSummary::number);
    if (trial != scenario.trials.end() && !trial->directory.empty()) {
      failure.directory = campaign.results + "/" + trial->directory;
      failure.replay = "lastcall replay " + shell_word(failure.directory);
    }
    failures.push_back(std::move(failure));
  }
  return failures;
}

std::vector<const TrialSummary*> broken_trials(const ScenarioSummary& scenario) {
  std::vector<const TrialSummary*> broken;
  for (const auto& trial : scenario.trials) {
    if (!trial.broken.empty()) broken.push_back(&trial);
  }
  return broken;
}

std::string counted(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace lastcall::reports
