#include "base/durations.hpp"
#include "reports/gate.hpp"
#include "reports/reports.hpp"
#include "reports/wording.hpp"

namespace lastcall::reports {
namespace {

// Text of targets and scenarios must neither end the cell of a table nor become markup.
std::string plain(const std::string& bytes) {
  std::string text;
  for (const char c : printable(bytes)) {
    if (std::string_view("\\`*_[]<>|#").find(c) != std::string_view::npos) text += '\\';
    text += c;
  }
  return text;
}

std::string headline(const CampaignSummary& campaign, const Release& release) {
  const auto [decision, why] = headline_of(campaign, release);
  return "**" + decision + "** " + plain(why);
}

// What keeps it from passing, and the failures that are known.
std::string gate_section(const Release& release) {
  if (!release.gate) return "";
  std::string text;
  for (const auto& finding : release.gate->findings) {
    if (finding.standing == Standing::passed) continue;
    const auto what = finding.property.empty() ? finding.rule : finding.property;
    text += "- **" + std::string(name(finding.standing)) + "** " +
            plain(finding.scenario + (finding.scenario.empty() ? "" : ", ") + what + ": " +
                  finding.text);
    if (finding.more_clean_trials > 0)
      text += "; " + counted(finding.more_clean_trials, "more clean trial") + " would settle it";
    text += "\n";
  }
  for (const auto& known : known_failures(*release.gate)) text += "- known: " + plain(known) + "\n";
  return text.empty() ? "" : "\n## Gate\n\n" + text;
}

std::string held(const ScenarioSummary& scenario) {
  std::string text;
  for (const auto& p : scenario.properties) {
    if (word(p) != "pass") continue;
    text += "| " + p.name + " | " + std::to_string(p.pass) + " | " + std::to_string(p.judged) +
            " | " + bound(p) + " |\n";
  }
  if (text.empty()) return "";
  return "\n### Held\n\n| property | trials | items judged | bound |\n| --- | ---: | ---: | --- "
         "|\n" +
         text;
}

std::string failed(const CampaignSummary& campaign, const ScenarioSummary& scenario) {
  std::string text;
  for (const auto& alike : findings(scenario)) {
    const auto& first = *alike.front();
    const auto& p = property_of(scenario, first);
    const auto elsewhere = p.fail - first.trials.size();
    text += "- " + names(alike, "**") + " in " + std::to_string(first.trials.size()) + " of " +
            counted(p.pass + p.fail, "trial") +
            (elsewhere > 0 ? ", and in " + std::to_string(elsewhere) + " as a consequence" : "") +
            (p.over_campaign.empty() ? " (" + bound(p) + ")" : "") + ": " + plain(first.reason) +
            "\n";
    if (const auto also = consequences(first); !also.empty())
      text += "  - also failed, as a consequence: " + also + "\n";
    for (const auto& failure : failures(campaign, scenario, first.trials)) {
      text += "  - trial " + label(failure) + ", " +
              (failure.replay.empty() ? "not kept" : "to see it again: `" + failure.replay + "`") +
              "\n";
    }
    if (const auto more = more_failures(first.trials); !more.empty()) text += "  - " + more + "\n";
  }
  return text.empty() ? "" : "\n### Failed\n\n" + text;
}

std::string nothing_heard(const ScenarioSummary& scenario) {
  std::string text;
  for (const auto& silent : scenario.silent)
    text += "- **" + plain(silent.group) + "**: " + plain(silent.what) + "\n";
  return text.empty() ? "" : "\n### Nothing was heard\n\n" + text;
}

std::string not_applicable_items(const ScenarioSummary& scenario) {
  std::string text;
  for (const auto& alike : beside_the_point(scenario)) {
    const auto& why = reason(*alike.front());
    text += "  - " + names(alike) + (why.empty() ? "" : ": " + plain(why)) + "\n";
  }
  return text.empty() ? "" : "- not applicable here:\n" + text;
}

std::string not_judged(const ScenarioSummary& scenario) {
  std::string text;
  for (const auto& p : scenario.properties) {
    if (!p.not_judged.empty())
      text += "- " + p.name + ", items " + plain(not_judged_text(p.not_judged)) + "\n";
    if (const auto also = noted(p); !also.empty())
      text += "- " + p.name + ", " + plain(also) + "\n";
  }
  for (const auto& alike : undecided(scenario)) {
    const auto& p = *alike.front();
    const std::string required = p.required ? " (required)" : "";
    if (p.unknown > 0) {
      text += "- " + names(alike) + required + ": unknown in " + counted(p.unknown, "trial");
      text += (p.fail == 0 ? ": " + plain(p.first_reason) : "") + "\n";
    } else {
      text += "- " + names(alike) + required + ": nothing to judge in any trial" +
              (reason(p).empty() ? "" : ": " + plain(reason(p))) + "\n";
    }
  }
  if (const auto habits = not_tried(scenario); !habits.empty()) text += "- " + habits + "\n";
  for (const auto* trial : broken_trials(scenario)) {
    text += "- trial " + std::to_string(trial->number) + " broke: " + plain(trial->broken) + "\n";
  }
  text += not_applicable_items(scenario);
  return text.empty() ? "" : "\n### Not judged\n\n" + text;
}

std::string switched_off(const ScenarioSummary& scenario) {
  std::string text;
  for (const auto& p : scenario.properties) {
    if (!p.switched_off.empty()) text += "- " + p.name + ": " + plain(p.switched_off) + "\n";
  }
  return text.empty() ? "" : "\n### Switched off\n\n" + text;
}

}  // namespace

std::string markdown(const CampaignSummary& campaign, const Release& release) {
  std::string text = "# Shutdown report\n\n" + headline(campaign, release) + "\n\n";
  text += "lastcall " + plain(campaign.lastcall_version) + ", started " +
          plain(campaign.started_utc) + ", " + human_duration(campaign.duration) + ", seed " +
          std::to_string(campaign.seed) + ".\n" + gate_section(release);
  for (const auto& scenario : campaign.scenarios) {
    text += "\n## " + plain(scenario.scenario) + "\n\n";
    if (!scenario.about.empty()) text += plain(scenario.about) + "\n\n";
    text += std::to_string(scenario.trials.size()) + " of " + counted(scenario.planned, "trial") +
            " were run" + untraced_of_them(scenario) +
            (scenario.gave_up.empty() ? "" : ": " + plain(scenario.gave_up)) + ".\n";
    text += nothing_heard(scenario) + failed(campaign, scenario) + held(scenario) +
            not_judged(scenario) + switched_off(scenario);
  }
  return text;
}

}  // namespace lastcall::reports
