// Any bytes are a scenario, by the grammar of scenarios, and the history of its trials: they are
// planned, judged, summed up and reported without a crash, and no step loses or invents anything.
// A plan that was edited is refused, or is a plan like any other.
#include <algorithm>
#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <pugixml.hpp>
#include <sstream>

#include "base/invariant.hpp"
#include "campaign/exit_codes.hpp"
#include "campaign/summary.hpp"
#include "checkers/checker_support.hpp"
#include "checkers/checkers.hpp"
#include "checkers/habits.hpp"
#include "history/utf8.hpp"
#include "history_grammar.hpp"
#include "plan/planned_commands.hpp"
#include "reached.hpp"
#include "reports/page.hpp"
#include "reports/reports.hpp"
#include "reports/trace.hpp"
#include "reports/trial_text.hpp"
#include "scenario_grammar.hpp"

namespace {

using namespace lastcall;
namespace json = boost::json;
using fuzz::Choices;

constexpr const char* kFile = "s.toml";

// --- the planner -------------------------------------------------------------------------------

void check_round_trip(const Plan& plan) {
  const auto text = to_json(plan);
  const auto back = plan_from_json(text, "plan.json");
  LASTCALL_INVARIANT(back.has_value() && to_json(*back) == text);
  LASTCALL_INVARIANT(!planned_commands(plan).empty());
}

// The numbers, texts and truths below a value, but for the scenario and what says that it is a
// plan.
void collect(json::value& value, std::vector<json::value*>& found) {
  if (auto* object = value.if_object()) {
    for (auto& member : *object) {
      const auto key = member.key();
      if (key != "scenario" && key != "format" && key != "version") collect(member.value(), found);
    }
  } else if (auto* array = value.if_array()) {
    for (auto& item : *array) collect(item, found);
  } else {
    found.push_back(&value);
  }
}

// The plan as somebody edits it: a few of its values are others of their kind.
std::string edited(const Plan& plan, Choices& choices) {
  constexpr std::string_view kTexts[] = {
      "0s",   "1ms",   "24h",  "SIGKILL", "SIGTERM", "drain",  "load",   "exit",
      "tree", "write", "both", "reset",   "x",       "silent", "ENOSPC", "0xffffffffffffffff"};
  auto document = json::parse(to_json(plan));
  std::vector<json::value*> values;
  collect(document, values);
  for (auto left = 1 + choices.below(3); left > 0; --left) {
    auto& value = *choices.of(values);
    if (value.is_string()) {
      value = json::string(choices.of(kTexts));
    } else if (value.is_number()) {
      value = static_cast<std::uint64_t>(choices.between(0, INT64_MAX));
    } else {
      value = choices.once_in(2);
    }
  }
  return json::serialize(document);
}

// --- the judge ---------------------------------------------------------------------------------

// As a trial process judges (trial/judgement.cpp).
TrialResult judged(const Plan& plan, const History& history) {
  TrialResult result;
  result.seed = plan.seed;
  result.traced = was_traced(plan, history);
  result.verdicts = judge(plan, history);
  result.connections = connections_at_stop(history);
  result.answers = group_answers(plan, history);
  result.only_refusals = only_refusals(plan, history);
  result.heard_instead = heard_instead(plan, history);
  result.idle_tail = checkers::idle_tail(plan, history);
  result.idle_held_by = checkers::idle_tail_held_by(plan, history);
  result.idle_waits = checkers::idle_waits(plan, history);
  if (history.stop()) {
    auto& habits = result.habits.emplace();
    for (const auto habit : habits_tried(plan, history)) habits.emplace_back(name(habit));
  }
  for (const auto& verdict : result.verdicts) {
    LASTCALL_INVARIANT(verdict.outcome != Outcome::pass || verdict.judged > 0);
    LASTCALL_INVARIANT(verdict.reason.find("the checker failed") == std::string::npos);
    LASTCALL_INVARIANT(verdict.outcome != Outcome::fail || !verdict.reason.empty());
  }
  return result;
}

// --- the reports -------------------------------------------------------------------------------

bool is_text(const std::string& report) { return valid_utf8(report) == report; }

bool is_shown(const std::string& text) {
  return is_text(text) && std::ranges::none_of(text, [](unsigned char c) {
           return (c < 0x20 && c != '\n') || c == 0x7F;
         });
}

void check_reports(const CampaignSummary& campaign) {
  const auto page = reports::json(campaign);
  LASTCALL_INVARIANT(json::parse(page).is_object());
  pugi::xml_document document;
  const auto xml = reports::junit(campaign);
  LASTCALL_INVARIANT(is_text(xml) && document.load_string(xml.c_str()));
  LASTCALL_INVARIANT(is_text(reports::markdown(campaign)));
  LASTCALL_INVARIANT(is_shown(reports::terminal(campaign, false)));
  LASTCALL_INVARIANT(is_text(reports::openmetrics(campaign)));
  LASTCALL_INVARIANT(is_text(reports::github(campaign)));
}

void check_story(const reports::Trial& trial) {
  const auto width = 1 + trial.plan.seed % 200;
  LASTCALL_INVARIANT(is_shown(reports::trial_text(trial, {.width = width})));
  const auto most = trial.history.events().size() / 2;
  LASTCALL_INVARIANT(json::parse(reports::page_of_trial(trial, "", most)).is_object());
  LASTCALL_INVARIANT(json::parse(reports::trace(trial)).is_object());
}

void check_exit_code(const CampaignSummary& campaign) {
  const auto any = [&](Outcome outcome) {
    return std::ranges::any_of(campaign.scenarios.front().trials, [&](const auto& trial) {
      return std::ranges::any_of(trial.verdicts,
                                 [&](const auto& verdict) { return verdict.outcome == outcome; });
    });
  };
  const bool fails = any(Outcome::fail);
  LASTCALL_INVARIANT(!fails || campaign.exit_code == exit_codes::kFailed ||
                     campaign.exit_code == exit_codes::kBroken);
  LASTCALL_INVARIANT(!any(Outcome::unknown) || campaign.exit_code != exit_codes::kHeld);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::Reached reached;
  reached.begin();
  // A part of the bytes each, so that a change of one leaves the others as they were.
  const auto part = size / 4;
  Choices of_scenario(data, part);
  Choices of_edit(data + part, std::min<std::size_t>(part, 16));
  Choices of_trials(data + 2 * part, size - 2 * part);

  const auto text = fuzz::scenario_of(of_scenario);
  const auto parsed = parse_scenario(text, kFile);
  const auto* scenario = std::get_if<Scenario>(&parsed);
  if (scenario == nullptr) return 0;
  reached.stage("the planner");

  CampaignSummary campaign;
  campaign.lastcall_version = "1";
  campaign.started_utc = "2026-01-31T12:00:00Z";
  campaign.results = "results";
  auto& summary = campaign.scenarios.emplace_back();
  summary.scenario = kFile;
  summary.about = scenario->about;
  auto& trials = summary.trials;
  const auto count = 1 + static_cast<std::uint32_t>(of_trials.below(6));
  for (std::uint32_t number = 1; number <= count; ++number) {
    auto plan = draw_plan(kFile, text, *scenario, of_trials.below(256), number);
    check_round_trip(plan);
    if (auto other = plan_from_json(edited(plan, of_edit), "plan.json")) {
      if (number == 1) reached.stage("an edited plan");
      check_round_trip(*other);
      plan = std::move(*other);
    }
    const auto history = fuzz::history_of(plan, of_trials);
    if (history.events().empty()) continue;
    std::ostringstream lines;
    write_jsonl(history, lines);
    LASTCALL_INVARIANT(is_text(lines.str()));
    if (number == 1) reached.stage("the judge");
    TrialSummary trial;
    static_cast<TrialResult&>(trial) = judged(plan, history);
    trial.number = number;
    trial.scenario = kFile;
    trial.directory = of_trials.once_in(2) ? "trials/s-1" : "";
    if (of_trials.once_in(16)) trial.broken = "the disk\x1b is full\xff";
    const auto told = to_json(static_cast<const TrialResult&>(trial));
    const auto back = trial_result_from_json(told);
    LASTCALL_INVARIANT(back.has_value() && to_json(*back) == told);
    check_story({plan, history, trial});
    trials.push_back(std::move(trial));
  }
  if (trials.empty()) return 0;
  summarise(summary, *scenario);
  campaign.exit_code = exit_code(campaign);
  check_exit_code(campaign);
  check_reports(campaign);
  reached.stage("the reports");
  return 0;
}
