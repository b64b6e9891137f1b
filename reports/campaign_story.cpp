// The verdict of several scenarios as one story for a person.
#include <algorithm>
#include <set>

#include "reports/reports.hpp"
#include "reports/wording.hpp"

namespace lastcall::reports {
namespace {

// The failures of one property over all scenarios.
struct Wrong {
  const Finding* finding = nullptr;  // the first
  const ScenarioSummary* scenario = nullptr;
  std::vector<std::string> where{};  // scenarios
  std::uint64_t trials = 0;
  std::set<std::string> consequences{};
};

std::vector<Wrong> all_wrong(const CampaignSummary& campaign) {
  std::vector<Wrong> all;
  for (const auto& scenario : campaign.scenarios) {
    for (const auto& finding : scenario.findings) {
      auto known = std::ranges::find_if(
          all, [&](const Wrong& one) { return one.finding->property == finding.property; });
      if (known == all.end())
        known = all.insert(known, Wrong{.finding = &finding, .scenario = &scenario});
      known->where.push_back(scenario.scenario);
      known->trials += finding.trials.size();
      for (const auto& one : finding.consequences) known->consequences.insert(one.property);
    }
  }
  std::ranges::stable_sort(all, {}, [](const Wrong& one) { return rank(one.finding->property); });
  return all;
}

std::string listed(const auto& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string wrong_text(const CampaignSummary& campaign, const std::vector<Wrong>& all,
                       std::uint64_t trials) {
  std::string text;
  for (const auto& one : all) {
    text += "  " + one.finding->property + ": " + printable(one.finding->reason) + "\n";
    text += "    in " + listed(one.where) + ", " + std::to_string(one.trials) + " of " +
            counted(trials, "trial") + "\n";
    if (!one.consequences.empty())
      text += "    also failed, as a consequence: " + listed(one.consequences) + "\n";
    const auto first = failures(campaign, *one.scenario, one.finding->trials);
    if (!first.empty() && !first.front().replay.empty())
      text += "    see it again: " + printable(first.front().replay) + "\n";
  }
  return text;
}

struct Held {
  std::vector<std::string> names;
  std::vector<std::string> unknown;  // "serves: its reason"
};

// A property held if some trial says so and none speaks against it.
Held what_held(const CampaignSummary& campaign) {
  Held held;
  std::vector<std::string> names;
  for (const auto& scenario : campaign.scenarios) {
    for (const auto& property : scenario.properties) {
      if (std::ranges::count(names, property.name) == 0) names.push_back(property.name);
    }
  }
  for (const auto& name : names) {
    std::uint64_t pass = 0;
    std::uint64_t fail = 0;
    std::uint64_t unknown = 0;
    std::string why;
    for (const auto& scenario : campaign.scenarios) {
      const auto found = std::ranges::find(scenario.properties, name, &PropertySummary::name);
      if (found == scenario.properties.end()) continue;
      pass += found->pass;
      fail += found->fail;
      unknown += found->unknown;
      if (found->unknown > 0 && why.empty()) why = scenario.scenario + ": " + reason(*found);
    }
    if (fail == 0 && unknown > 0)
      held.unknown.push_back(name + " in " + counted(unknown, "trial") + ", " + why);
    if (fail == 0 && unknown == 0 && pass > 0) held.names.push_back(name);
  }
  return held;
}

std::string noted_text(const CampaignSummary& campaign) {
  std::string text;
  for (const auto& scenario : campaign.scenarios) {
    for (const auto& property : scenario.properties) {
      if (property.noted.empty()) continue;
      text += "  " + scenario.scenario + ", " + property.name + ": " +
              printable(property.noted.size() == 1 && property.noted.front().count == 1
                            ? property.noted.front().why
                            : items_text(property.noted)) +
              "\n";
    }
  }
  return text;
}

std::string not_judged_lines(const CampaignSummary& campaign, const Held& held) {
  std::string text;
  for (const auto& unknown : held.unknown) text += "  " + printable(unknown) + "\n";
  for (const auto& scenario : campaign.scenarios) {
    for (const auto& silent : scenario.silent)
      text += "  " + scenario.scenario + ", " + printable(silent.group) + ": " +
              printable(silent.what) + "\n";
    for (const auto* trial : broken_trials(scenario))
      text += "  " + scenario.scenario + ", trial " + std::to_string(trial->number) +
              " broke: " + printable(trial->broken) + "\n";
  }
  return text;
}

}  // namespace

std::string story(const CampaignSummary& campaign, bool colour) {
  std::uint64_t trials = 0;
  for (const auto& scenario : campaign.scenarios) trials += scenario.trials.size();
  const auto wrong = all_wrong(campaign);
  const auto painted = [&](const std::string& text, const char* code) {
    return colour ? code + text + "\x1b[0m" : text;
  };
  std::string text;
  if (!wrong.empty())
    text += painted("WRONG", "\x1b[31m") + ", most important first:\n" +
            wrong_text(campaign, wrong, trials);
  const auto held = what_held(campaign);
  if (!held.names.empty()) {
    text += painted(wrong.empty() ? "All that was judged held" : "held", "\x1b[32m") + " (" +
            counted(trials, "trial") + "): " + listed(held.names) + "\n";
  }
  if (const auto noted = noted_text(campaign); !noted.empty())
    text += "worth knowing, no failure:\n" + noted;
  if (const auto missing = not_judged_lines(campaign, held); !missing.empty())
    text += painted("could not be judged", "\x1b[33m") + ":\n" + missing;
  return text;
}

}  // namespace lastcall::reports
