// deadline: the target is gone within the scenario's deadline after the stop signal, or within what
// it made of that by EXTEND_TIMEOUT_USEC.
//
// Measures from the moment before the first stop signal was sent to the moment its end was seen, so
// what it says is never shorter than the truth; time during which lastcall had the target paused is
// not the target's and is left out. Of a target that is traced it says which threads wait for one
// another; if those that do are all it has, in a cycle that only a signal breaks, the deadline is
// not waited out. Of one that is not it cannot see what it was waiting for. Of both it says what
// clients were doing on the connections that were still open (checkers/habits.hpp).
//
// A failure rests on time: where lastcall itself, or the machine, stood still for a tenth of the
// deadline and at least 50 ms, the target may have been starved as long, and nothing is said. So
// large a share because smaller lags are everyday on a shared machine and do not make a stop late
// that ends in good time; not larger, because a target that is given nine tenths of its deadline
// and is still there is as good as late.
#include "base/text.hpp"
#include "checkers/checkers.hpp"
#include "checkers/habits.hpp"
#include "checkers/hindrance.hpp"
#include "checkers/judging.hpp"

namespace lastcall::checkers {
namespace {

Verdict say(Outcome outcome, std::string reason, std::vector<EventIndex> evidence = {}) {
  return about_the_end("deadline", outcome, std::move(reason), std::move(evidence));
}

std::string without(Nanoseconds paused) {
  return paused == Nanoseconds(0)
             ? ""
             : ", not counting " + humane_duration(paused) + " that lastcall had paused it";
}

// What the target's threads waited for when they were looked at; empty if nobody looked.
std::string what_it_waits_for(const History& history) {
  constexpr std::size_t kMost = 3;
  const auto stuck = history.first<ThreadsStuck>();
  if (stuck) return ": " + std::get<ThreadsStuck>(history.at(*stuck).body).text;
  std::string text;
  std::size_t count = 0;
  for (const auto& [i, thread] : history.all<ThreadWaits>()) {
    if (count++ >= kMost) continue;
    text += (text.empty() ? ": " : "; ") + thread->thread + " (" + std::to_string(thread->tid) +
            ") in " + thread->place +
            (thread->waits.empty() ? " runs" : " waits for " + thread->waits);
  }
  if (count > kMost) text += "; and " + std::to_string(count - kMost) + " more threads";
  return text;
}

// The deadlock for which lastcall did not wait any longer.
std::optional<EventIndex> deadlock_before(const History& history, EventIndex limit) {
  for (const auto& [i, stuck] : history.all<ThreadsStuck>()) {
    if (stuck->deadlock && i < limit) return i;
  }
  return std::nullopt;
}

}  // namespace

Verdict deadline(const Plan& plan, const History& history) {
  const auto stop = history.stop();
  const auto ended = history.first<TargetEnded>();
  if (!stop || is_before(ended, *stop)) {
    return say(Outcome::not_applicable, *no_stop_to_judge(history));
  }
  if (const auto passed = history.first<DeadlinePassed>()) {
    // Threads that wait for one another for ever wait for no client.
    const auto held = history.first<ThreadsStuck>() ? "" : held_by(plan, history, *passed);
    auto verdict = say(Outcome::fail,
                       "still running " + format_duration(stop_limit(plan, history, *passed)) +
                           " after " + stop_signal_name(history) + what_it_waits_for(history) +
                           (held.empty() ? "" : "; " + held),
                       {*stop, *passed});
    verdict.time_claim = deadline_claim(plan, history, *passed);
    return verdict;
  }
  const auto forced = history.first<TargetForced>();
  if (forced && !is_before(ended, *forced)) {
    if (const auto deadlock = deadlock_before(history, *forced)) {
      return say(Outcome::fail,
                 "never ends after " + stop_signal_name(history) + what_it_waits_for(history),
                 {*stop, *deadlock});
    }
    return say(Outcome::unknown, "lastcall ended the target before its deadline", {*forced});
  }
  if (!ended) return say(Outcome::unknown, "the target's end was not seen");
  if (fault_killed(history)) return say(Outcome::not_applicable, "lastcall sent SIGKILL");
  const auto limit = stop_limit(plan, history, *ended);
  const auto from = history.time(*stop);
  const auto paused = paused_between(history, from, history.time(*ended));
  const Nanoseconds taken = history.time(*ended) - from - paused;
  const std::string gone = "gone after " + humane_duration(taken) + without(paused);
  if (taken <= limit) return say(Outcome::pass, gone);
  auto late = say(Outcome::fail, gone + ", later than " + format_duration(limit), {*stop, *ended});
  late.time_claim = deadline_claim(plan, history, *ended);
  return late;
}

}  // namespace lastcall::checkers
