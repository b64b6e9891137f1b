// drains-health: during the stop readiness goes away, visibly long, before the listener does.
//
// Judged is one thing: the time between the last moment at which the readiness URL may still have
// answered 2xx and the moment at which the listener was gone (a refused connection, or the end of
// the target). Both ends are measured so that the time is never shorter than the truth; a probe
// that got no answer moves neither. It fails when that time is shorter than `visible`: whoever
// watches readiness could not have seen it change. It passes when an answer other than 2xx was
// seen, and the time is no shorter. Cannot see a change that no probe fell into: then the time
// between probes is too long to tell, and the verdict is unknown.
#include "scenario/properties/drains_health.hpp"

#include "base/durations.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "checkers/interference.hpp"

namespace lastcall::property::drains_health {
namespace {

bool is_good(const HealthProbed& probe) { return probe.status / 100 == 2; }
bool is_other(const HealthProbed& probe) { return probe.status != 0 && !is_good(probe); }

// What the probes say about one stop.
struct Watch {
  bool was_good = false;            // an answer of 2xx was seen, before or during the stop
  EventIndex last_good = 0;         // the stop, if no later probe was answered 2xx
  TimePoint good_until;             // when that probe was sent
  std::optional<EventIndex> other;  // the first answer other than 2xx after it
  std::optional<EventIndex> gone;   // the listener
};

Watch watch(const History& history, EventIndex stop) {
  Watch seen;
  seen.last_good = stop;
  seen.good_until = history.time(stop);
  for (EventIndex i = 0; i < history.events().size() && !seen.gone; ++i) {
    const auto& event = history.at(i);
    const auto* probe = std::get_if<HealthProbed>(&event.body);
    if (i > stop && std::holds_alternative<TargetEnded>(event.body)) seen.gone = i;
    if (probe == nullptr) continue;
    const auto asked = event.at - Nanoseconds(probe->asked);
    const bool after_stop = asked >= history.time(stop);
    if (is_good(*probe)) seen.was_good = true;
    if (!after_stop) continue;
    if (is_good(*probe)) {
      seen.last_good = i;
      seen.good_until = asked;
      seen.other.reset();  // it came back
    }
    if (is_other(*probe) && !seen.other) seen.other = i;
    if (!probe->connected) seen.gone = i;
  }
  return seen;
}

// Why nothing better than unknown can be said; empty if there is no reason.
std::string why_unknown(const History& history, const Watch& seen) {
  for (const auto& [i, missed] : history.all<NotObserved>()) {
    if (missed->property == DrainsHealth::kName) return missed->reason;
  }
  if (!seen.was_good) return "the URL was never seen to answer 2xx";
  const auto ended = history.first<TargetEnded>();
  if (!seen.gone && !ended) return "the listener was not seen to go";
  if (seen.gone && history.first<TargetForced>() && seen.gone == ended && !seen.other) {
    return "the listener did not go by itself";
  }
  return "";
}

// "; lastcall itself lagged 80.0 ms in trial"; empty if nothing is known to have held it up.
std::string what_took_so_long(const History& history, TimePoint from, EventIndex until) {
  const auto to = history.time(until);
  const auto found = interference(history, {.from = from, .to = to}, false);
  if (!found.text.empty()) return "; " + found.text;
  const auto starved = starved_between(history, from, to);
  return starved == Nanoseconds(0)
             ? ""
             : "; the target waited " + human_duration(starved) + " of that for a processor";
}

std::string not_asked(const Plan& plan) {
  return settings<DrainsHealth>(plan).url.empty()
             ? "the scenario names no URL: add [properties.drains-health] url"
             : "";
}

Verdict check(const Plan& plan, const History& history) {
  if (auto why = not_asked(plan); !why.empty()) return Verdict::not_applicable(std::move(why));
  if (const auto why_not = no_stop_to_judge(history)) return Verdict::not_applicable(*why_not);
  const auto stop = *history.stop();
  if (!is_before(history.first<TargetReady>(), stop)) {
    return Verdict::not_applicable(
        "the target was not ready before the stop: let it come later ([[faults]] when)");
  }
  const auto seen = watch(history, stop);
  if (killed_a_child(history, stop, seen.gone.value_or(history.events().size()))) {
    return Verdict::not_applicable(
        "lastcall killed a child of the target during the stop, which may have had the listener");
  }
  if (auto reason = why_unknown(history, seen); !reason.empty()) {
    return Verdict::unknown(std::move(reason));
  }
  if (!seen.gone) return Verdict::unknown("the listener was not seen to go");

  const Nanoseconds visible = promised_visible(plan);
  const Nanoseconds away = history.time(*seen.gone) - seen.good_until;
  const auto at_most =
      "readiness was away for at most " + human_duration(away) + " before the listener was gone";
  if (away < visible) {
    std::vector<EventIndex> evidence{seen.last_good, *seen.gone};
    if (seen.other && *seen.other < *seen.gone) evidence.insert(evidence.begin() + 1, *seen.other);
    auto verdict = Verdict::fail(at_most + ", " + exact_duration(visible) + " is promised",
                                 std::move(evidence));
    verdict.time_claim = TimeClaim{seen.good_until, history.time(*seen.gone), visible};
    return verdict;
  }
  if (seen.other) return Verdict::pass(at_most);
  return Verdict::unknown("no answer within " + human_duration(away) +
                          " before the listener was gone: too long to tell" +
                          what_took_so_long(history, seen.good_until, *seen.gone));
}

}  // namespace
}  // namespace lastcall::property::drains_health

const lastcall::Checker lastcall::property::DrainsHealth::kChecker{
    .property = kName,
    .check = drains_health::check,
    .not_asked = drains_health::not_asked,
    .judges_the_stop = true,
    .off_when_forced = true,
    .is_cut_off = true};
