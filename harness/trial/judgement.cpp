#include "trial/judgement.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "checkers/checker_support.hpp"
#include "checkers/checkers.hpp"
#include "checkers/habits.hpp"
#include "history/history.hpp"
#include "trial/custom_checkers.hpp"
#include "trial/merged_history.hpp"

namespace lastcall {

namespace {

std::optional<StopMoment> stop_moment(const History& history) {
  const auto stop = history.stop();
  if (!stop) return std::nullopt;
  std::optional<StopMoment> moment;
  for (const auto& [at, began] : history.all<PhaseBegan>()) {
    if (at < *stop) moment = {began->phase, history.time(*stop) - history.time(at)};
  }
  return moment;
}

}  // namespace

void judge_into(TrialResult& result, const FinishedTrial& trial) {
  const auto& [order, plan, placeholders, workers, lifeline] = trial;
  auto history = read_history(order, plan.scenario.sidecars, workers);
  if (!history) {
    result.broken = history.error().message();
    return;
  }
  result.traced = was_traced(plan, *history);
  result.verdicts = judge(plan, *history);
  const auto file = order.directory + "/history.jsonl";
  const bool has_custom = !plan.scenario.custom.empty();
  if (has_custom && !write_history(*history, file)) {
    result.broken = Error{"write", file, errno, "custom checkers read it"}.message();
    return;
  }
  std::ranges::move(judge_custom(plan, *history, {placeholders, file, order.tools, lifeline}),
                    std::back_inserter(result.verdicts));
  result.connections = connections_at_stop(*history);
  result.answers = group_answers(plan, *history);
  result.only_refusals = only_refusals(plan, *history);
  result.heard_instead = heard_instead(plan, *history);
  result.idle_tail = checkers::idle_tail(plan, *history);
  result.idle_held_by = checkers::idle_tail_held_by(plan, *history);
  const auto stop = history->stop();
  if (stop) {
    auto& habits = result.habits.emplace();
    for (const auto habit : habits_tried(plan, *history)) habits.emplace_back(name(habit));
  }
  result.idle_waits = checkers::idle_waits(plan, *history);
  const auto end = history->first<TargetEnded>();
  result.stop_moment = stop_moment(*history);
  if (stop && end) result.stop = history->time(*end) - history->time(*stop);
  if (is_kept(order.keep, result) && !has_custom && !write_history(*history, file))
    result.broken = Error{"write", file, errno, ""}.message();
}

bool is_kept(Keep keep, const TrialResult& result) {
  const bool held = result.broken.empty() && worst(result.verdicts) <= Outcome::pass;
  return keep == Keep::all || (keep == Keep::failed && !held);
}

}  // namespace lastcall
