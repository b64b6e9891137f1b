#include "reports/wording.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "campaign/exit_codes.hpp"
#include "campaign/statistics.hpp"
#include "history/utf8.hpp"
#include "reports/gate.hpp"

namespace lastcall::reports {
namespace {

// A crash comes before what it leads to, what is lost before what is merely late or left behind.
constexpr std::array<std::string_view, 11> kMostImportant{
    "no-panic",       "deadline",           "serves",          "acked-durable", "checkpoint-intact",
    "recovers",       "in-flight-finished", "no-masked-panic", "clean-exit",    "no-send-on-closed",
    "close-handshake"};

// One is enough to see it again, and a few show whether they are alike; report.json has all.
constexpr std::size_t kShownFailures = 3;

bool say_the_same(const PropertySummary& one, const PropertySummary& other) {
  return word(one) == word(other) && one.pass == other.pass && one.fail == other.fail &&
         one.unknown == other.unknown && one.required == other.required &&
         reason(one) == reason(other) && !reason(one).empty();
}

bool say_the_same(const Finding& one, const Finding& other) {
  return one.reason == other.reason && one.trials == other.trials &&
         one.consequences == other.consequences;
}

// Adds it to those that say the same, or as the first of its kind.
template <class T>
void add(std::vector<std::vector<const T*>>& groups, const T& one) {
  const auto same =
      std::ranges::find_if(groups, [&](const auto& g) { return say_the_same(*g.front(), one); });
  if (same != groups.end()) {
    same->push_back(&one);
  } else {
    groups.push_back({&one});
  }
}

template <class T>
std::string joined(const std::vector<const T*>& all, std::string T::*name,
                   const std::string& mark) {
  std::string text;
  for (const auto* one : all) text += (text.empty() ? "" : ", ") + mark + one->*name + mark;
  return text;
}

}  // namespace

std::string_view word(const PropertySummary& property) {
  if (property.fail > 0) return "fail";
  if (property.unknown > 0) return "unknown";
  if (property.pass > 0) return "pass";
  if (!property.switched_off.empty()) return "off";
  return property.not_applicable > 0 ? "not-applicable" : "not-judged";
}

std::size_t rank(std::string_view property) {
  return static_cast<std::size_t>(std::ranges::find(kMostImportant, property) -
                                  kMostImportant.begin());
}

std::string names_of_held(const ScenarioSummary& scenario) {
  std::string text;
  for (const auto& property : scenario.properties) {
    if (word(property) == "pass") text += (text.empty() ? "" : ", ") + property.name;
  }
  return text;
}

std::string bound(const PropertySummary& property) {
  if (!property.over_campaign.empty()) return property.over_campaign;
  const auto trials = property.pass + property.fail;
  if (trials == 0) return "";
  return bound_sentence(property.fail, trials) +
         (property.only_untraced.empty() ? "" : "; " + property.only_untraced);
}

std::string untraced_of_them(const ScenarioSummary& scenario) {
  if (scenario.untraced == 0) return "";
  return ", " + std::to_string(scenario.untraced) + " of them untraced";
}

bool is_beside_the_point(const PropertySummary& property) {
  return word(property) == "not-applicable" && !property.required && !property.configured;
}

std::string noted(const PropertySummary& property) {
  const auto others = property.fail + property.unknown + property.not_applicable;
  if (property.noted.empty() || (property.pass == 0 && others == 1)) return "";
  return "not counted as failures: " + items_text(property.noted);
}

const std::string& reason(const PropertySummary& property) {
  const bool is_judged = property.fail > 0 || property.unknown > 0;
  return is_judged ? property.first_reason : property.why_not_judged;
}

std::vector<AlikeFindings> findings(const ScenarioSummary& scenario) {
  std::vector<AlikeFindings> findings;
  for (const auto& finding : scenario.findings) add(findings, finding);
  std::ranges::stable_sort(
      findings, {}, [](const AlikeFindings& alike) { return rank(alike.front()->property); });
  return findings;
}

std::vector<AlikeProperties> undecided(const ScenarioSummary& scenario) {
  std::vector<AlikeProperties> undecided;
  for (const auto& property : scenario.properties) {
    const auto verdict = word(property);
    const bool is_silent =
        !is_beside_the_point(property) && (verdict == "not-applicable" || verdict == "not-judged");
    if (property.unknown > 0 || is_silent) add(undecided, property);
  }
  return undecided;
}

std::vector<AlikeProperties> beside_the_point(const ScenarioSummary& scenario) {
  std::vector<AlikeProperties> beside;
  for (const auto& property : scenario.properties) {
    if (is_beside_the_point(property)) add(beside, property);
  }
  return beside;
}

std::string names(const AlikeFindings& findings, const std::string& mark) {
  return joined(findings, &Finding::property, mark);
}

std::string names(const AlikeProperties& properties, const std::string& mark) {
  return joined(properties, &PropertySummary::name, mark);
}

std::string consequences(const Finding& finding) {
  std::string text;
  for (const auto& one : finding.consequences) {
    text += (text.empty() ? "" : ", ") + one.property;
    if (one.trials.size() < finding.trials.size()) {
      text += " (in " + std::to_string(one.trials.size()) + " of " +
              counted(finding.trials.size(), "trial") + ")";
    }
  }
  return text;
}

std::string first_consequence(const Finding& finding) {
  constexpr std::size_t kLine = 100;
  if (finding.consequences.empty() || finding.consequences.front().reason.empty()) return "";
  const auto& first = finding.consequences.front();
  auto text = first.property + ": " + first.reason;
  return text.size() > kLine ? "" : text;
}

std::string failure_reason(const ScenarioSummary& scenario, const PropertySummary& property) {
  std::string causes;
  for (const auto& finding : scenario.findings) {
    if (finding.property == property.name) return finding.reason;
    const auto& all = finding.consequences;
    if (std::ranges::find(all, property.name, &Consequence::property) != all.end())
      causes += (causes.empty() ? "" : ", ") + finding.property;
  }
  return (causes.empty() ? "" : "consequence of " + causes + ": ") + property.first_reason;
}

const PropertySummary& property_of(const ScenarioSummary& scenario, const Finding& finding) {
  return *std::ranges::find(scenario.properties, finding.property, &PropertySummary::name);
}

Headline headline_of(const CampaignSummary& campaign) {
  if (campaign.interrupted)
    return {"Not decided:", "the campaign was interrupted; these are the trials until then."};
  switch (campaign.exit_code) {
    case exit_codes::kHeld:
      return {"Safe to ship", "as far as it was tested: every judged property held."};
    case exit_codes::kFailed:
      return {"Do not ship:", "at least one property failed."};
    case exit_codes::kBroken: {
      const auto why = exit_reason(campaign);
      return {"Not decided:",
              "the harness or its environment broke" + (why.empty() ? "" : ": " + why) + "."};
    }
    default:
      return {"Not decided:", exit_reason(campaign) + "."};
  }
}

Headline headline_of(const CampaignSummary& campaign, const Release& release) {
  if (!release.gate) return headline_of(campaign);
  const auto why = "by the gate of " + release.policy + ": " + gate_verdict(*release.gate) + ".";
  switch (release.gate->standing) {
    case Standing::passed:
      return {"Safe to ship", why};
    case Standing::not_settled:
      return {"Not decided:", why};
    case Standing::failed:
      return {"Do not ship:", why};
  }
  return headline_of(campaign);
}

std::string exit_reason(const CampaignSummary& campaign) {
  if (campaign.exit_code == exit_codes::kBroken && !campaign.broken.empty())
    return "the campaign broke off: " + campaign.broken;
  if (campaign.exit_code != exit_codes::kNotJudged) return "";
  std::string text;
  for (const auto& reason : why_not_decided(campaign)) text += (text.empty() ? "" : "; ") + reason;
  return "nothing failed, but not everything could be judged: " + text;
}

std::string not_tried(const ScenarioSummary& scenario) {
  const bool failed =
      std::ranges::any_of(scenario.properties, [](const auto& p) { return p.fail > 0; });
  if (failed || scenario.not_tried.empty()) return "";
  std::string text;
  for (const auto& habit : scenario.not_tried) text += (text.empty() ? "" : ", ") + habit;
  return "no stop met clients with these habits: " + text +
         " (key crowd; `lastcall list behaviours` says what they do)";
}

std::string label(const Failure& failure) {
  return std::to_string(failure.trial) + (failure.untraced ? " (untraced)" : "");
}

std::string more_failures(std::span<const std::uint32_t> trials) {
  const auto more = trials.size() - std::min(kShownFailures, trials.size());
  return more == 0 ? "" : "and " + counted(more, "more trial");
}

std::vector<Failure> failures(const CampaignSummary& campaign, const ScenarioSummary& scenario,
                              std::span<const std::uint32_t> trials) {
  std::vector<Failure> failures;
  for (const auto number : trials.first(std::min(kShownFailures, trials.size()))) {
    Failure failure{.trial = number};
    const auto trial = std::ranges::find(scenario.trials, number, &TrialSummary::number);
    const bool is_known = trial != scenario.trials.end();
    failure.untraced = is_known && scenario.untraced > 0 && !trial->traced;
    if (is_known && !trial->directory.empty()) {
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

std::string printable(std::string_view text) {
  const std::string valid = valid_utf8(text);
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(valid[i]); };
  std::string safe;
  for (std::size_t i = 0; i < valid.size(); ++i) {
    const bool is_c1 = byte(i) == 0xC2 && byte(i + 1) < 0xA0;  // valid: a second byte is there
    safe += byte(i) < 0x20 || byte(i) == 0x7F || is_c1 ? '?' : valid[i];
    if (is_c1) ++i;
  }
  return safe;
}

std::string counted(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace lastcall::reports
