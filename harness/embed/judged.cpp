#include "embed/judged.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <sstream>

#include "checkers/checkers.hpp"
#include "scenario/properties.hpp"

namespace lastcall::embed {
namespace {

constexpr std::array kJudged{property::NoPanic::kName,        property::CleanExit::kName,
                             property::Deadline::kName,       property::InFlightFinished::kName,
                             property::CloseHandshake::kName, property::StopsAccepting::kName,
                             property::RepeatSignal::kName,   property::AckedDurable::kName,
                             property::Recovers::kName,       property::Released::kName};

// Only what the subject says it has taken on is in flight: no wait makes it likely enough.
constexpr Nanoseconds kNever = std::chrono::hours(24);

std::vector<ExpectedEnd> ends(const std::vector<int>& codes) {
  std::vector<ExpectedEnd> ends;
  for (const int code : codes) ends.push_back({false, code});
  return ends;
}

property::RepeatPolicy policy(SecondStop second) {
  using property::RepeatPolicy;
  if (second == SecondStop::hastens) return RepeatPolicy::hasten;
  return second == SecondStop::forces ? RepeatPolicy::force : RepeatPolicy::ignore;
}

// From the call of the first stop to its return: until then the subject need not know of it, and
// what begins meanwhile is concurrent. A call that never returned leaves nothing to judge.
Nanoseconds time_to_ask(const History& history) {
  const auto stop = history.stop();
  if (!stop) return kNever;
  for (const auto& [i, finished] : history.all<FaultFinished>()) {
    if (finished->fault == stop->body->fault && finished->step == stop->body->step)
      return history.time(i) - history.time(*stop);
  }
  return kNever;
}

Outcome outcome_of(lastcall::Outcome outcome) {
  switch (outcome) {
    case lastcall::Outcome::not_applicable:
      return Outcome::not_applicable;
    case lastcall::Outcome::pass:
      return Outcome::pass;
    case lastcall::Outcome::unknown:
      return Outcome::unknown;
    case lastcall::Outcome::fail:
      return Outcome::fail;
  }
  return Outcome::unknown;
}

}  // namespace

bool is_judged(std::string_view property) {
  return std::ranges::find(kJudged, property) != kJudged.end();
}

// A connection is a WebSocket to the checkers: taking it on is the upgrade, a goodbye its Close
// frame. Their `within`, a time in which a process cannot have heard of a signal, is the time that
// the call took.
Plan plan_of(const Promises& promises, const Facts& facts, const History& history) {
  Plan plan;
  auto& scenario = plan.scenario;
  auto& stop = scenario.target.stop;
  stop.signals = {SIGTERM, SIGINT};
  stop.deadline = promises.deadline;
  stop.expected = ends(facts.resource_hangs ? promises.exits_if_hung : promises.exits);
  ClientGroup group;
  group.name = "threads";
  group.protocol = Protocol::ws;
  group.count = Schedule::kMaxNumber + 1;
  group.mix[Behaviour::steady] = 1;
  scenario.clients = {group};
  if (facts.tells_survivors) scenario.target.recovery = Recovery{.command = {}, .ask = Ask{}};

  auto& properties = scenario.properties;
  for (const auto& property : kProperties) {
    auto& common = properties[std::string(property.name)];
    if (is_judged(property.name)) continue;
    common.judged = false;
    common.why = "nothing of an embedded subject shows it";
  }
  if (!facts.says_goodbye) {
    auto& goodbye = properties[std::string(property::CloseHandshake::kName)];
    goodbye.judged = false;
    goodbye.why = "the subject says no goodbye";
  }
  settings<property::InFlightFinished>(scenario).settling = kNever;
  settings<property::StopsAccepting>(scenario).within = time_to_ask(history) + promises.accepts_for;
  auto& repeat = settings<property::RepeatSignal>(scenario);
  repeat.policy = policy(promises.second_stop);
  repeat.within = promises.second_stop_within;
  repeat.ends = ends(promises.exits_if_forced);
  // An abandoned subject is not asked.
  settings<property::AckedDurable>(scenario).after_kill = false;
  return plan;
}

Report judged(const Schedule& schedule, const Plan& plan, const History& history) {
  Report report;
  report.schedule = schedule;
  for (auto& verdict : judge(plan, history)) {
    report.verdicts.push_back({.property = std::move(verdict.property),
                               .outcome = outcome_of(verdict.outcome),
                               .judged = verdict.judged,
                               .reason = std::move(verdict.reason),
                               .evidence = std::move(verdict.evidence_text)});
  }
  std::ostringstream lines;
  write_jsonl(history, lines);
  report.history = std::move(lines).str();
  return report;
}

}  // namespace lastcall::embed
