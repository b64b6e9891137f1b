#include "reports/story.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include "base/durations.hpp"
#include "base/signal_names.hpp"
#include "checkers/checker_support.hpp"
#include "reports/event_words.hpp"
#include "reports/wording.hpp"

namespace lastcall::reports {
namespace {

std::string since(const History& history, EventIndex from, EventIndex to) {
  return human_duration(history.time(to) - history.time(from));
}

std::string beginning(const History& history) {
  const auto started = history.first<TargetStarted>();
  if (!started) {
    const auto failed = history.first<TargetNotStarted>();
    return failed ? "The target could not be started: " + failed->body->reason + "."
                  : "The target was not started.";
  }
  std::string text = "The target started as process " + std::to_string(started->body->pid);
  if (const auto ready = history.first<TargetReady>())
    return text + " and was ready after " + since(history, *started, *ready) + ".";
  const auto not_ready = history.first<TargetNotReady>();
  return text + (not_ready ? " and was not ready: " + not_ready->body->reason : "") + ".";
}

std::string the_stop(const History& history) {
  const auto stop = history.stop();
  if (!stop) return "No stop came.";
  std::string where;
  for (const auto& [at, began] : history.all<PhaseBegan>()) {
    if (at < *stop)
      where = ", " + since(history, at, *stop) + " into the " + std::string(name(began->phase));
  }
  return signal_name(stop->body->signal) + " came" + where + ", with " +
         counted(connections_at_stop(history), "connection") + " up.";
}

// What lastcall did besides the stop. Many are counted.
std::vector<std::string> other_faults(const Trial& trial) {
  constexpr std::size_t kShown = 5;
  std::vector<std::string> sentences;
  std::size_t more = 0;
  const auto stop = trial.history.stop();
  const auto add = [&](EventIndex at, const std::string& text) {
    if (sentences.size() == kShown) {
      ++more;
      return;
    }
    sentences.push_back("At " + relative_time(trial.history, at) + ": " + text + ".");
  };
  for (EventIndex i = 0; i < trial.history.events().size(); ++i) {
    const auto& event = trial.history.at(i);
    const auto& body = static_cast<const EventVariant&>(event.body);
    const bool is_told =
        (std::holds_alternative<FaultInvoked>(body) && (!stop || stop->index != i)) ||
        std::holds_alternative<FaultNotReached>(body) ||
        std::holds_alternative<FunctionReached>(body) ||
        std::holds_alternative<SyscallReached>(body) || std::holds_alternative<KillSent>(body);
    if (is_told) add(i, words(event));
  }
  if (more > 0) sentences.push_back("And " + counted(more, "more such event") + ".");
  return sentences;
}

std::string the_end(const History& history) {
  std::string text;
  const auto stop = history.stop();
  const auto ended = history.first<TargetEnded>();
  if (const auto passed = history.first<DeadlinePassed>()) {
    text = "It was still running at the deadline";
    if (stop) text += ", " + since(history, *stop, *passed) + " after the stop";
    text += ". ";
  }
  if (const auto forced = history.first<TargetForced>())
    text += "lastcall ended it with " + signal_name(forced->body->signal) +
            (forced->body->reason.empty() ? "" : ": " + forced->body->reason) + ". ";
  if (!ended) return text + "Its end was not seen.";
  const auto after = stop && *stop < *ended
                         ? " " + since(history, *stop, *ended) + " after the stop"
                         : std::string();
  return text + "It ended" + after + " with " + to_text(*ended->body) +
         (ended->body->core ? " and dumped core" : "") + ".";
}

int rank(const Verdict& verdict) {
  if (verdict.outcome == Outcome::fail) return verdict.consequence_of.empty() ? 0 : 1;
  return verdict.outcome == Outcome::unknown ? 2 : 3;
}

}  // namespace

std::vector<std::string> story(const Trial& trial) {
  std::vector<std::string> sentences{beginning(trial.history), the_stop(trial.history)};
  std::ranges::move(other_faults(trial), std::back_inserter(sentences));
  sentences.push_back(the_end(trial.history));
  for (const auto& [at, lost] : trial.history.all<EventsLost>())
    sentences.push_back("Not all was recorded: " + lost_text(*lost) + ".");
  return sentences;
}

std::vector<const Verdict*> told_verdicts(const TrialSummary& result) {
  std::vector<const Verdict*> told;
  for (const auto& verdict : result.verdicts) {
    if (rank(verdict) < 3) told.push_back(&verdict);
  }
  std::ranges::stable_sort(told, {}, [](const Verdict* verdict) { return rank(*verdict); });
  return told;
}

std::vector<EventIndex> evidence_of(const Trial& trial) {
  std::set<EventIndex> events;
  for (const auto* verdict : told_verdicts(trial.result)) {
    for (const auto event : verdict->evidence) {
      if (event < trial.history.events().size()) events.insert(event);
    }
  }
  return {events.begin(), events.end()};
}

bool is_of_the_stop(const History& history, EventIndex event) {
  const auto stop = history.stop();
  const auto* taken = std::get_if<StacksTaken>(&history.at(event).body);
  return !stop || event > *stop || (taken != nullptr && taken->at != StacksAt::exit);
}

std::string relative_time(const History& history, EventIndex event) {
  const auto stop = history.stop();
  const auto from = stop ? history.time(*stop) : history.time(0);
  const auto seconds = std::chrono::duration<double>(history.time(event) - from).count();
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%+.6f s", seconds);
  return text.data();
}

std::string sentence(const Plan& plan, const Event& event) {
  const auto [connection, request] = exchange_of(event.body);
  if (!connection) return words(event);
  return (request ? address(plan, *connection, *request) : address(plan, *connection)) + ": " +
         words(event);
}

}  // namespace lastcall::reports
