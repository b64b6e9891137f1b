// repeat-signal: a second stop signal, sent while the stop was going on, does what the scenario
// says, and never crashes the target.
//
// Sees when the second signal was sent and that there was somebody to receive it, and how and when
// the target ended. `ignore` asks only that no signal ended it that the stop does not promise: what
// else was promised is judged by the other properties, as always. `hasten` and `force` ask also
// that it was gone `within` and how; with `force` what the stop promised is off for such a trial.
// Cannot see whether the target noticed the second signal at all, nor tell its end apart from one
// that would have come without it. Signals to a child are not the target's.
//
// A failure by time holds unless what held lastcall up, or the pauses of the target, were as long
// as the target was late.
#include <algorithm>

#include "base/durations.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "checkers/interference.hpp"
#include "scenario/properties/repeat_signal.hpp"

namespace lastcall {
namespace {

bool goes_to_a_child(const Plan& plan, const FaultInvoked& invoked) {
  if (invoked.fault.value >= plan.faults.size()) return false;
  const auto* send = std::get_if<SendSignals>(&plan.faults[invoked.fault.value].act);
  return send != nullptr && send->to == Recipient::child;
}

bool is_received(const History& history, const FaultInvoked& invoked) {
  return std::ranges::any_of(history.all<FaultFinished>(), [&](const auto& finished) {
    return finished.body->fault == invoked.fault && finished.body->step == invoked.step &&
           finished.body->error == 0;
  });
}

}  // namespace

std::optional<EventIndex> second_stop_signal(const Plan& plan, const History& history) {
  const auto stop = history.stop();
  const auto& signals = plan.scenario.target.stop.signals;
  if (!stop) return std::nullopt;
  const auto ended = history.first<TargetEnded>();
  for (const auto& [i, fault] : history.all<FaultInvoked>()) {
    if (i <= *stop || is_before(ended, i)) continue;
    if (std::ranges::count(signals, fault->signal) == 0 || goes_to_a_child(plan, *fault)) continue;
    if (is_received(history, *fault)) return i;
  }
  return std::nullopt;
}

std::optional<std::string> forced_by_second_signal(const Plan& plan, const History& history) {
  if (settings<property::RepeatSignal>(plan).policy != property::RepeatPolicy::force)
    return std::nullopt;
  if (!second_stop_signal(plan, history)) return std::nullopt;
  return "a second signal forced the end";
}

namespace property::repeat_signal {
namespace {

// Still there, or gone too late: by `at`, not counting pauses.
std::optional<Verdict> too_late(const RepeatSignal& wanted, const History& history,
                                EventIndex second, EventIndex at, bool is_gone) {
  const auto from = history.time(second);
  const auto to = history.time(at);
  const auto taken = to - from - paused_between(history, from, to);
  if (taken <= wanted.within) return std::nullopt;
  auto late =
      Verdict::fail((is_gone ? "gone " : "still running ") + human_duration(taken) +
                        " after the second signal, later than " + exact_duration(wanted.within),
                    {second, at});
  late.time_claim = TimeClaim{from, to, taken - wanted.within, false};
  return late;
}

Verdict check(const Plan& plan, const History& history) {
  if (const auto why_not = no_stop_to_judge(history)) return Verdict::not_applicable(*why_not);
  const auto second = second_stop_signal(plan, history);
  if (!second) {
    return Verdict::not_applicable(
        "no second stop signal reached the target during the stop: add [[faults]] what = "
        "\"double-signal\"");
  }
  const auto& wanted = settings<RepeatSignal>(plan);
  const bool is_ignored = wanted.policy == RepeatPolicy::ignore;
  const bool has_own_ends = wanted.policy == RepeatPolicy::force && !wanted.ends.empty();
  const auto ended = history.first<TargetEnded>();
  const auto forced = history.first<TargetForced>();
  if (forced && !is_before(ended, *forced)) {
    // What it did by itself is not known; with `ignore`, how late it may be is `deadline`'s matter.
    if (is_ignored) return Verdict::unknown("lastcall ended the target", {*forced});
    if (auto late = too_late(wanted, history, *second, *forced, false)) return *late;
    return Verdict::unknown("lastcall ended the target before the time was over", {*forced});
  }
  if (!ended) return Verdict::unknown("the target's end was not seen");
  const auto& end = *ended->body;
  const ExpectedEnd how{end.how == EndKind::signalled, end.value};
  const auto promised =
      has_own_ends ? std::ranges::count(wanted.ends, how) > 0 : is_promised(plan, history, end);
  if (!promised) return Verdict::not_applicable(why_not_known(history));
  if (!*promised && (how.by_signal || !is_ignored)) {
    const auto& ends = has_own_ends ? wanted.ends : plan.scenario.target.stop.expected;
    return Verdict::fail(to_text(how) + " after a second signal, expected " + to_text(ends),
                         {*second, *ended});
  }
  if (!is_ignored) {
    if (auto late = too_late(wanted, history, *second, *ended, true)) return *late;
  }
  return Verdict::pass();
}

}  // namespace
}  // namespace property::repeat_signal

const Checker property::RepeatSignal::kChecker{.property = kName,
                                               .check = repeat_signal::check,
                                               .waits_for_clients = true,
                                               .judges_the_stop = true};

}  // namespace lastcall
