// deadline: the target is gone within the scenario's deadline after the stop signal.
//
// Measures from the moment before the first stop signal was sent to the moment its end was seen, so
// what it says is never shorter than the truth. Cannot see what the target was waiting for.
#include "base/text.hpp"
#include "checkers/checkers.hpp"
#include "checkers/judging.hpp"

namespace lastcall::checkers {

Verdict deadline(const Plan& plan, const History& history) {
  const Nanoseconds limit = plan.scenario.target.stop.deadline;
  const auto say = [](Outcome outcome, std::string reason, std::vector<EventIndex> evidence = {}) {
    return about_the_end("deadline", outcome, std::move(reason), std::move(evidence));
  };

  const auto stop = history.stop();
  const auto ended = history.first<TargetEnded>();
  if (!stop || is_before(ended, *stop)) {
    return say(Outcome::not_applicable, *no_stop_to_judge(history));
  }
  if (const auto passed = history.first<DeadlinePassed>()) {
    return say(Outcome::fail,
               "still running " + format_duration(limit) + " after " + stop_signal_name(history),
               {*stop, *passed});
  }
  const auto forced = history.first<TargetForced>();
  if (forced && !is_before(ended, *forced)) {
    return say(Outcome::unknown, "lastcall ended the target before its deadline", {*forced});
  }
  if (!ended) return say(Outcome::unknown, "the target's end was not seen");
  const Nanoseconds taken = history.time(*ended) - history.time(*stop);
  const std::string gone = "gone after " + humane_duration(taken);
  if (taken > limit) {
    return say(Outcome::fail, gone + ", later than " + format_duration(limit), {*stop, *ended});
  }
  return say(Outcome::pass, gone);
}

}  // namespace lastcall::checkers
