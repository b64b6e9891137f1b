#include <array>
#include <cstdio>

#include "base/durations.hpp"
#include "reports/reports.hpp"
#include "reports/wording.hpp"

namespace lastcall::reports {
namespace {

std::string_view colour_of(std::string_view verdict) {
  if (verdict == "fail") return "\x1b[31m";
  if (verdict == "unknown") return "\x1b[33m";
  return verdict == "pass" ? "\x1b[32m" : "\x1b[2m";
}

std::string row(const PropertySummary& p, bool colour) {
  const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
  const std::string verdict(word(p));
  std::array<char, 160> counts{};
  std::snprintf(counts.data(), counts.size(), "%5llu %5llu %8llu %5llu %9llu", number(p.pass),
                number(p.fail), number(p.unknown), number(p.not_applicable), number(p.judged));
  std::string line = "  " + p.name + std::string(p.name.size() < 20 ? 20 - p.name.size() : 1, ' ');
  if (colour) line += colour_of(verdict);
  line += verdict;
  if (colour) line += "\x1b[0m";
  line += std::string(verdict.size() < 15 ? 15 - verdict.size() : 1, ' ') + counts.data();
  const auto note = printable(p.switched_off.empty() ? bound(p) : p.switched_off);
  return line + (note.empty() ? "" : "  " + note) + "\n";
}

std::string found(const CampaignSummary& campaign, const ScenarioSummary& scenario) {
  std::string text;
  for (const auto& alike : findings(scenario)) {
    const auto& first = *alike.front();
    text += "\n  " + names(alike) + ": " + printable(first.reason) + "\n";
    if (const auto also = consequences(first); !also.empty())
      text += "    also failed, as a consequence: " + also + "\n";
    if (const auto why = first_consequence(first); !why.empty())
      text += "      " + printable(why) + "\n";
    for (const auto& failure : failures(campaign, scenario, first.trials)) {
      text += "    trial " + label(failure) + ": " +
              (failure.replay.empty() ? "not kept" : printable(failure.replay)) + "\n";
    }
    if (const auto more = more_failures(first.trials); !more.empty()) text += "    " + more + "\n";
  }
  return text;
}

std::string not_applicable_lines(const ScenarioSummary& scenario) {
  std::string text;
  for (const auto& alike : beside_the_point(scenario)) {
    const auto& why = reason(*alike.front());
    text += "    " + names(alike) + (why.empty() ? "" : ": " + printable(why)) + "\n";
  }
  return text.empty() ? "" : "\n  not applicable here:\n" + text;
}

std::string details(const CampaignSummary& campaign, const ScenarioSummary& scenario) {
  std::string text;
  for (const auto& silent : scenario.silent)
    text +=
        "\n  NOTHING WAS HEARD: " + printable(silent.group) + ": " + printable(silent.what) + "\n";
  for (const auto& p : scenario.properties) {
    if (!p.not_judged.empty())
      text += "\n  " + p.name + ", " + printable(not_judged_text(p.not_judged)) + "\n";
    if (const auto also = noted(p); !also.empty())
      text += "\n  " + p.name + ", " + printable(also) + "\n";
  }
  text += found(campaign, scenario);
  for (const auto& alike : undecided(scenario)) {
    const auto& first = *alike.front();
    if (reason(first).empty() || first.fail > 0) continue;
    text += "\n  " + names(alike) + ": " + (first.unknown > 0 ? "" : "not judged: ") +
            printable(reason(first)) + "\n";
  }
  if (const auto habits = not_tried(scenario); !habits.empty()) text += "\n  " + habits + "\n";
  for (const auto* trial : broken_trials(scenario)) {
    text +=
        "\n  trial " + std::to_string(trial->number) + " broke: " + printable(trial->broken) + "\n";
  }
  return text + not_applicable_lines(scenario);
}

}  // namespace

std::string tables(const CampaignSummary& campaign, bool colour) {
  std::string text;
  for (const auto& scenario : campaign.scenarios) {
    text += printable(scenario.scenario) + ": " + std::to_string(scenario.trials.size()) + " of " +
            counted(scenario.planned, "trial") + untraced_of_them(scenario) + "\n";
    text += "  property            verdict         pass  fail  unknown   n/a    judged  bound\n";
    for (const auto& property : scenario.properties) {
      if (!is_beside_the_point(property)) text += row(property, colour);
    }
    text += details(campaign, scenario) + "\n";
  }
  return text;
}

std::string terminal(const CampaignSummary& campaign, bool colour) {
  auto text = tables(campaign, colour);
  text += "seed " + std::to_string(campaign.seed) + ", " + human_duration(campaign.duration) +
          ", results in " + printable(campaign.results) +
          (campaign.interrupted ? ", interrupted" : "") + "\n";
  if (const auto why = exit_reason(campaign); !why.empty())
    text += "exit code " + std::to_string(campaign.exit_code) + ": " + printable(why) + "\n";
  return text;
}

}  // namespace lastcall::reports
