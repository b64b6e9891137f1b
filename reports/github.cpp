#include "history/utf8.hpp"
#include "reports/reports.hpp"
#include "reports/wording.hpp"

namespace lastcall::reports {
namespace {

// GitHub, "Workflow commands": what would end the command, or one of its parameters, is escaped.
std::string escaped(std::string_view bytes, bool is_parameter) {
  std::string text;
  for (const char c : valid_utf8(bytes)) {
    const std::string_view special = is_parameter ? "%\r\n:," : "%\r\n";
    if (special.find(c) == std::string_view::npos) {
      text += c;
      continue;
    }
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    text += '%';
    text += kDigits[static_cast<unsigned char>(c) >> 4U];
    text += kDigits[static_cast<unsigned char>(c) & 15U];
  }
  return text;
}

struct Annotation {
  const char* level;
  std::string file;  // the scenario; empty: none
  std::string title;
  std::string message;
};

std::string line(const Annotation& one) {
  return "::" + std::string(one.level) + " " +
         (one.file.empty() ? "" : "file=" + escaped(one.file, true) + ",line=1,") +
         "title=" + escaped(one.title, true) + "::" + escaped(one.message, false) + "\n";
}

std::string errors(const CampaignSummary& campaign, const ScenarioSummary& scenario) {
  std::string text;
  for (const auto& alike : findings(scenario)) {
    const auto& first = *alike.front();
    auto message = first.reason;
    if (const auto also = consequences(first); !also.empty())
      message += "\nalso failed, as a consequence: " + also;
    for (const auto& failure : failures(campaign, scenario, first.trials)) {
      if (!failure.replay.empty()) message += "\n" + failure.replay;
    }
    text += line({"error", scenario.scenario,
                  names(alike) + " failed in " + std::to_string(first.trials.size()) + " of " +
                      counted(scenario.trials.size(), "trial"),
                  message});
  }
  return text;
}

std::string warnings(const ScenarioSummary& scenario) {
  std::string text;
  for (const auto& alike : undecided(scenario)) {
    const auto& first = *alike.front();
    if (first.fail > 0 || (first.unknown == 0 && !first.required)) continue;
    const auto what = first.unknown > 0 ? " unknown in " + counted(first.unknown, "trial")
                                        : std::string(" required, and never judged");
    text += line({"warning", scenario.scenario, names(alike) + what, reason(first)});
  }
  for (const auto& silent : scenario.silent)
    text += line({"warning", scenario.scenario, silent.group + " heard nothing", silent.what});
  for (const auto* trial : broken_trials(scenario))
    text += line({"warning", scenario.scenario, "trial " + std::to_string(trial->number) + " broke",
                  trial->broken});
  return text;
}

}  // namespace

std::string github(const CampaignSummary& campaign) {
  std::string text;
  for (const auto& scenario : campaign.scenarios)
    text += errors(campaign, scenario) + warnings(scenario);
  const auto headline = headline_of(campaign);
  if (campaign.interrupted || !campaign.broken.empty())
    return text + line({"warning", "", "lastcall", headline.decision + " " + headline.why});
  if (!text.empty()) return text;
  return line({"notice", "", "lastcall", headline.decision + " " + headline.why});
}

}  // namespace lastcall::reports
