#include "campaign/summary.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "campaign/exit_codes.hpp"
#include "campaign/prompt_exit.hpp"
#include "campaign/statistics.hpp"
#include "checkers/checkers.hpp"
#include "scenario/properties.hpp"
#include "scenario/scenario.hpp"

namespace lastcall {
namespace {

void add(std::vector<Counted>& sums, const std::vector<Counted>& items) {
  for (const auto& item : items) {
    const auto same = std::ranges::find(sums, item.why, &Counted::why);
    if (same == sums.end()) {
      sums.push_back(item);
    } else {
      same->count += item.count;
    }
  }
}

void count(PropertySummary& property, const TrialSummary& trial, const Verdict& verdict) {
  property.judged += verdict.judged;
  add(property.not_judged, verdict.not_judged);
  add(property.noted, verdict.noted);
  switch (verdict.outcome) {
    case Outcome::not_applicable:
      if (++property.not_applicable == 1) property.why_not_judged = verdict.reason;
      return;
    case Outcome::pass:
      ++property.pass;
      return;
    case Outcome::unknown:
      ++property.unknown;
      if (property.fail == 0 && property.unknown == 1) property.first_reason = verdict.reason;
      return;
    case Outcome::fail:
      if (++property.fail == 1) property.first_reason = verdict.reason;
      property.failing_trials.push_back(trial.number);
      return;
  }
}

// That it failed in untraced trials only, of those that judged it. Empty if it did not, and if it
// is judged over the campaign.
std::string only_untraced(const std::string& name, const std::vector<TrialSummary>& trials) {
  struct Count {
    std::uint64_t failed = 0, judged = 0;
  } traced, untraced;
  for (const auto& trial : trials) {
    if (!trial.broken.empty()) continue;
    const auto verdict = std::ranges::find(trial.verdicts, name, &Verdict::property);
    if (verdict == trial.verdicts.end()) continue;
    auto& count = trial.traced ? traced : untraced;
    if (verdict->outcome == Outcome::fail) ++count.failed;
    if (verdict->outcome == Outcome::fail || verdict->outcome == Outcome::pass) ++count.judged;
  }
  if (untraced.failed == 0 || traced.failed > 0 || traced.judged == 0) return "";
  return "fails only untraced: " + std::to_string(untraced.failed) + " of " +
         std::to_string(untraced.judged) + " untraced, 0 of " + std::to_string(traced.judged) +
         " traced";
}

// One measured trial is one judged item. A trial that could say nothing because the target was not
// started, or events were lost, is unknown as with every property. So are those that lastcall's own
// lag spoilt if there are too few without them.
void judge_over_campaign(PropertySummary& property, const std::vector<TrialSummary>& trials,
                         std::optional<Nanoseconds> within) {
  std::vector<IdleTrial> measured;
  std::size_t spoilt = 0;
  for (const auto& trial : trials) {
    if (!trial.broken.empty()) continue;
    const auto verdict = std::ranges::find(trial.verdicts, property.name, &Verdict::property);
    if (verdict == trial.verdicts.end()) continue;
    if (verdict->outcome != Outcome::not_applicable) {
      count(property, trial, *verdict);
    } else if (!verdict->not_judged.empty()) {
      ++spoilt;
      add(property.not_judged, verdict->not_judged);
    } else if (trial.idle_tail || trial.idle_waits) {
      measured.push_back({trial.number, trial.idle_tail, trial.idle_waits});
    } else {
      ++property.not_applicable;
    }
  }
  const auto judged = judge_prompt_exit(measured, within);
  const auto joined = !judged.reason.empty() && !judged.numbers.empty() ? "; " : "";
  property.over_campaign = judged.reason + joined + judged.numbers;
  if (trials.size() < kFewestTrials) property.over_campaign += ": run more (--trials)";
  property.not_applicable += measured.size() - judged.judged;
  property.judged += judged.judged;
  const bool is_unknown = judged.outcome == Outcome::not_applicable && spoilt > 0 &&
                          measured.size() + spoilt >= kFewestTrials;
  if (is_unknown && property.unknown == 0) {
    property.first_reason = property.over_campaign + "; " + not_judged_text(property.not_judged);
  }
  (is_unknown ? property.unknown : property.not_applicable) += spoilt;
  if (judged.outcome == Outcome::not_applicable) property.why_not_judged = property.over_campaign;
  if (judged.outcome != Outcome::fail) {
    property.pass += judged.judged;
    return;
  }
  const auto longest = std::ranges::find(trials, judged.late.front(), &TrialSummary::number);
  const auto held = longest == trials.end() ? "" : longest->idle_held_by;
  property.fail += judged.late.size();
  property.pass += judged.judged - judged.late.size();
  property.first_reason = property.over_campaign;
  if (!held.empty()) property.first_reason += "; in the longest, " + held;
  property.failing_trials.insert(property.failing_trials.end(), judged.late.begin(),
                                 judged.late.end());
}

// One property over the trials of a scenario.
PropertySummary summary_of(const std::string& name, const ScenarioSummary& scenario,
                           const Scenario& wanted) {
  PropertySummary property;
  property.name = name;
  property.required = std::ranges::find(wanted.required, name) != wanted.required.end();
  const auto& common = settings(wanted, name);
  if (!common.judged) property.switched_off = common.why.empty() ? "no reason given" : common.why;
  property.configured = common.configured;
  if (name == property::PromptExit::kName && common.judged) {
    judge_over_campaign(property, scenario.trials, settings<property::PromptExit>(wanted).within);
    return property;
  }
  const auto* checker = find_checker(name);
  const bool says_why = checker != nullptr && checker->says_why_not_judged && wanted.target.trace;
  bool culprit_named = false;
  for (const auto& trial : scenario.trials) {
    if (!trial.broken.empty()) continue;
    for (const auto& verdict : trial.verdicts) {
      if (verdict.property != name) continue;
      count(property, trial, verdict);
      // The reason of a traced trial says more.
      if (verdict.outcome == Outcome::fail && trial.traced && !std::exchange(culprit_named, true))
        property.first_reason = verdict.reason;
      if (says_why && trial.traced && verdict.outcome == Outcome::not_applicable)
        property.over_campaign = property.why_not_judged = verdict.reason;
    }
  }
  property.upper_bound = upper_bound(property.fail, property.pass + property.fail);
  property.only_untraced = only_untraced(name, scenario.trials);
  return property;
}

const Verdict* failure(const TrialSummary& trial, std::string_view property) {
  const auto found = std::ranges::find_if(trial.verdicts, [&](const Verdict& verdict) {
    return verdict.property == property && verdict.outcome == Outcome::fail;
  });
  return found == trial.verdicts.end() ? nullptr : &*found;
}

void add_consequences(Finding& finding, const TrialSummary& trial) {
  for (const auto& verdict : trial.verdicts) {
    if (verdict.outcome != Outcome::fail || verdict.consequence_of != finding.property) continue;
    auto& all = finding.consequences;
    auto known = std::ranges::find(all, verdict.property, &Consequence::property);
    if (known == all.end())
      known = all.insert(known, Consequence{verdict.property, verdict.reason, {}});
    known->trials.push_back(trial.number);
  }
}

// What is judged over the campaign fails without a verdict of any trial.
std::vector<Finding> findings(const ScenarioSummary& scenario) {
  std::vector<Finding> findings;
  for (const auto& property : scenario.properties) {
    Finding finding{.property = property.name, .reason = "", .trials = {}, .consequences = {}};
    bool culprit_named = false;  // by a traced trial, as in summary_of()
    for (const auto number : property.failing_trials) {
      const auto trial = std::ranges::find(scenario.trials, number, &TrialSummary::number);
      const auto* verdict = failure(*trial, property.name);
      if (verdict != nullptr && !verdict->consequence_of.empty()) continue;
      if (finding.trials.empty() || (trial->traced && !culprit_named))
        finding.reason = verdict == nullptr ? property.first_reason : verdict->reason;
      culprit_named = culprit_named || trial->traced;
      finding.trials.push_back(number);
      add_consequences(finding, *trial);
    }
    if (!finding.trials.empty()) findings.push_back(std::move(finding));
  }
  return findings;
}

// ` (the target said "login first")`, of the first trial that tells; notes it in `text`.
void note_heard(std::string& text, const TrialSummary& trial, std::size_t g) {
  if (!text.empty() || g >= trial.heard_instead.size() || trial.heard_instead[g].empty()) return;
  text = " (the target said \"" + trial.heard_instead[g] + "\")";
}

// The group, if in some trial all answers to it were the same 4xx, which the scenario does not
// expect. One such trial is enough: `serves` did not judge it.
std::optional<SilentGroup> refused_group(const ScenarioSummary& scenario, const std::string& group,
                                         std::size_t g) {
  int status = 0;
  std::uint64_t refused = 0;
  std::uint64_t looked_at = 0;
  std::string heard;
  for (const auto& trial : scenario.trials) {
    if (!trial.broken.empty() || g >= trial.only_refusals.size()) continue;
    ++looked_at;
    const int its = trial.only_refusals[g];
    if (status == 0) status = its;
    if (its == 0 || its != status) continue;
    ++refused;
    note_heard(heard, trial, g);
  }
  if (refused == 0) return std::nullopt;
  return SilentGroup{group,
                     refusal_text(status, " in " + std::to_string(refused) + " of " +
                                              std::to_string(looked_at) + " trials" + heard)};
}

// Whether its clients send nothing that a server could answer, although no behaviour says so.
bool asks_nothing(const ClientGroup& group) {
  const auto steady = group.mix.find(Behaviour::steady);
  return is_raw(group.protocol) && steady != group.mix.end() && steady->second > 0 &&
         !group.during_drain && !is_to_ask(group);
}

// Over the trials in which the group asked. Nothing if it was answered as it should be.
std::optional<SilentGroup> silent_group(const ScenarioSummary& scenario, const Scenario& wanted,
                                        std::size_t g) {
  std::uint64_t looked_at = 0;
  std::uint64_t asked = 0;
  std::uint64_t unanswered = 0;
  std::uint64_t fell_silent = 0;
  std::uint64_t stalled = 0;
  std::string heard;
  for (const auto& trial : scenario.trials) {
    if (!trial.broken.empty() || g >= trial.answers.size()) continue;
    ++looked_at;
    asked += trial.answers[g] == GroupAnswers::not_asked ? 0 : 1;
    if (trial.answers[g] == GroupAnswers::unanswered) {
      ++unanswered;
      note_heard(heard, trial, g);
    }
    fell_silent += trial.answers[g] == GroupAnswers::fell_silent ? 1 : 0;
    stalled += trial.answers[g] == GroupAnswers::stalled ? 1 : 0;
  }
  const auto& name = wanted.clients[g].name;
  const auto group = "clients " + (name.empty() ? "#" + std::to_string(g + 1) : '"' + name + '"');
  if (auto refused = refused_group(scenario, group, g)) return refused;
  if (looked_at > 0 && asks_nothing(wanted.clients[g])) {
    const auto* const meant = wanted.clients[g].opening.empty() ? "silent" : "quiet";
    return SilentGroup{group,
                       "its clients ask for nothing: add message and ack, or behaviour = \"" +
                           std::string(meant) + "\" if that is meant"};
  }
  // The load is not what the scenario is about if most stops come before it.
  if (2 * asked < looked_at) return std::nullopt;
  const auto trials = std::to_string(asked) + (asked == 1 ? " trial" : " trials");
  if (asked > 0 && unanswered == asked) {
    const bool is_told = std::ranges::any_of(scenario.trials, [&](const TrialSummary& trial) {
      const auto* failed = failure(trial, property::Serves::kName);
      return failed != nullptr && failed->reason.find(group) != std::string::npos;
    });
    if (is_told) {
      return SilentGroup{group, "no client got a complete answer in " + trials + "; see serves"};
    }
    const auto* const keys = is_http(wanted.clients[g].protocol)
                                 ? "url, message and status"
                                 : "url, opening, message and ack (behaviour = \"quiet\" if the "
                                   "target owes no answer)";
    return SilentGroup{group, "no client was answered in any of " + trials + heard + ": look at " +
                                  keys + ", or let the stop come later ([[faults]] when)"};
  }
  if (fell_silent + stalled == 0 || 2 * (fell_silent + stalled + unanswered) < asked)
    return std::nullopt;
  if (stalled >= fell_silent) {
    return SilentGroup{group, "no client was answered for a long time before the stop in " +
                                  std::to_string(stalled) + " of " + trials +
                                  ", and all clients that were left waited: look at what the "
                                  "target did (--keep all, history.jsonl); if an answer may take "
                                  "that long, make load in [budget] longer"};
  }
  return SilentGroup{group, "the last client had gone a long time before the stop in " +
                                std::to_string(fell_silent) + " of " + trials +
                                ", with more to say: look at how its connections end "
                                "(--keep all, history.jsonl), or set reconnect"};
}

// Empty if no trial has looked.
std::vector<std::string> habits_not_tried(const ScenarioSummary& scenario, const Scenario& wanted) {
  std::vector<std::string> missing;
  if (std::ranges::none_of(scenario.trials, [](const auto& t) { return t.habits.has_value(); }))
    return missing;
  const auto look_for = [&](Behaviour habit) {
    const auto is_websocket_group = [](const auto& g) { return is_websocket(g.protocol); };
    if (habit == Behaviour::quiet && std::ranges::none_of(wanted.clients, is_websocket_group))
      return;
    const auto tried = [&](const TrialSummary& trial) {
      return trial.habits && std::ranges::count(*trial.habits, name(habit)) > 0;
    };
    if (std::ranges::none_of(scenario.trials, tried)) missing.emplace_back(name(habit));
  };
  std::ranges::for_each(kHabits, look_for);
  return missing;
}

}  // namespace

void summarise(ScenarioSummary& scenario, const Scenario& wanted) {
  scenario.properties.clear();
  for (const auto& known : kProperties) {
    scenario.properties.push_back(summary_of(std::string(known.name), scenario, wanted));
  }
  for (const auto& [own, checker] : wanted.custom) {
    scenario.properties.push_back(summary_of("custom." + own, scenario, wanted));
  }
  scenario.findings = findings(scenario);
  scenario.not_tried = habits_not_tried(scenario, wanted);
  scenario.untraced = wanted.target.trace ? static_cast<std::uint32_t>(std::ranges::count(
                                                scenario.trials, false, &TrialSummary::traced))
                                          : 0;
  scenario.silent.clear();
  // A scenario that switches it off says that nobody is served, and why.
  if (!is_judged<property::Serves>(wanted)) return;
  for (std::size_t g = 0; g < wanted.clients.size(); ++g) {
    if (auto silent = silent_group(scenario, wanted, g)) scenario.silent.push_back(*silent);
  }
}

bool excuse(TrialSummary& trial, std::string_view property, const std::string& why) {
  const auto* failed = failure(trial, property);
  if (failed == nullptr || !failed->consequence_of.empty()) return false;
  for (auto& verdict : trial.verdicts) {
    const bool is_it = verdict.property == property;
    if (verdict.outcome != Outcome::fail || (!is_it && verdict.consequence_of != property))
      continue;
    if (is_it) verdict.noted.push_back({verdict.reason + " (" + why + ")", 1});
    verdict = Verdict{.property = verdict.property,
                      .outcome = Outcome::not_applicable,
                      .reason = why,
                      .noted = verdict.noted};
  }
  return true;
}

std::uint64_t excuse(ScenarioSummary& scenario, const Scenario& wanted, std::string_view property,
                     const std::string& why) {
  std::uint64_t excused = 0;
  for (auto& trial : scenario.trials) excused += excuse(trial, property, why) ? 1 : 0;
  if (excused > 0) summarise(scenario, wanted);
  return excused;
}

std::vector<std::string> why_not_decided(const CampaignSummary& campaign) {
  std::vector<std::string> reasons;
  if (campaign.scenarios.empty()) reasons.emplace_back("there was no scenario to run");
  for (const auto& scenario : campaign.scenarios) {
    const auto where = campaign.scenarios.size() > 1 ? scenario.scenario + ": " : "";
    std::string unknown;
    std::string missing;
    std::uint64_t passed = 0;
    const auto add = [](std::string& list, const std::string& name) {
      list += (list.empty() ? "" : ", ") + name;
    };
    for (const auto& property : scenario.properties) {
      passed += property.pass;
      if (property.unknown > 0) {
        add(unknown, property.name + " in " + std::to_string(property.unknown));
      } else if (property.required && property.pass == 0) {
        add(missing, property.name);
      }
    }
    // Nothing held, so "every property held" would be a lie.
    if (passed == 0) reasons.push_back(where + "no property held in any trial");
    if (!unknown.empty()) reasons.push_back(where + "unknown, by trials: " + unknown);
    if (!missing.empty()) reasons.push_back(where + "required, and never judged: " + missing);
    for (const auto& silent : scenario.silent)
      reasons.push_back(where + silent.group + ": " + silent.what);
  }
  return reasons;
}

int exit_code(const CampaignSummary& campaign) {
  if (!campaign.broken.empty()) return exit_codes::kBroken;
  bool failed = false;
  for (const auto& scenario : campaign.scenarios) {
    for (const auto& trial : scenario.trials) {
      if (!trial.broken.empty()) return exit_codes::kBroken;
    }
    failed = failed ||
             std::ranges::any_of(scenario.properties, [](const auto& p) { return p.fail > 0; });
  }
  if (failed) return exit_codes::kFailed;
  return why_not_decided(campaign).empty() ? exit_codes::kHeld : exit_codes::kNotJudged;
}

}  // namespace lastcall
