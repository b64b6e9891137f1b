// watchdog: between the end of the start-up and the stop (with watchdog_while_stopping: the end) a
// heartbeat comes at least every WATCHDOG_USEC.
//
// Judged are the gaps between heartbeats as lastcall read them; WATCHDOG_USEC= and
// EXTEND_TIMEOUT_USEC= of the target change what is due, as ServiceState has it. One item is each
// gap that has an end. A heartbeat may be late by the time that the target waited for a processor,
// at most by as much as it promised, as threads of a busy program wait all the time: the watchdog
// lets that time pass before it expires (trial/service_watch.cpp). Where the stop or the end of the
// target comes within that time, nothing is known of the gap. Cannot see a heartbeat that a stuck
// target's other thread sends.
#include <algorithm>

#include "base/durations.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "checkers/interference.hpp"
#include "checkers/service_view.hpp"
#include "scenario/properties/watchdog.hpp"

namespace lastcall::property::watchdog {
namespace {

struct Gaps {
  std::uint64_t judged = 0;
  std::optional<TimeClaim> late;  // the first that was too long
  Nanoseconds allowed{};
  Nanoseconds starved{};  // in the last that came to nothing within the time that it had for it
  std::optional<EventIndex> until;
};

// A gap ends with a heartbeat, with the stop, with the target, or with what lastcall saw of its
// lateness.
bool ends_a_gap(const History& history, EventIndex i) {
  const auto& body = history.at(i).body;
  return history.stop() == i || std::holds_alternative<WatchdogExpired>(body) ||
         std::holds_alternative<TargetEnded>(body);
}

Gaps gaps(const Plan& plan, const History& history) {
  Gaps found;
  std::optional<TimePoint> due;    // before the event
  std::optional<TimePoint> since;  // likewise
  std::optional<Nanoseconds> allowed;
  bool over = false;  // it expired, and nothing is awaited any more
  const auto look = [&](EventIndex i) {
    if (!due || !since) return;
    ++found.judged;
    const auto at = history.time(i);
    // WATCHDOG=trigger makes it due before its time: nothing of that is about a gap.
    const bool triggered = !allowed || *due < *since + *allowed;
    if (found.late || triggered || at <= *due) return;
    const auto starved = std::min(starved_between(history, *since, at), *allowed);
    const bool is_over = std::holds_alternative<WatchdogExpired>(history.at(i).body);
    if (!is_over && at - starved <= *due) {
      if (std::holds_alternative<Notification>(history.at(i).body)) return;
      found.starved = starved;
      --found.judged;
      return;
    }
    found.late = TimeClaim{.from = *since, .to = at, .tolerance = at - *due};
    found.allowed = allowed.value_or(Nanoseconds(0));
    found.until = i;
  };
  const auto remember = [&](const ServiceState& service) {
    due = service.watchdog_due();
    since = service.last_heartbeat();
    allowed = service.watchdog();
  };
  const auto before = [&](EventIndex i, const ServiceState& service) {
    remember(service);
    if (over || !ends_a_gap(history, i)) return;
    over = std::holds_alternative<WatchdogExpired>(history.at(i).body);
    look(i);
  };
  const auto notified = [&](EventIndex i, const ServiceState& service,
                            const std::vector<Assessed>&) {
    if (!over && (service.last_heartbeat() != since || !service.watchdog_due())) look(i);
    remember(service);
  };
  replay_service(plan, history, {.before = before, .notified = notified});
  return found;
}

std::string not_asked(const Plan& plan) {
  return plan.scenario.target.service.watchdog
             ? ""
             : "the scenario sets no watchdog: add [target.service] watchdog";
}

Verdict check(const Plan& plan, const History& history) {
  if (auto why = not_asked(plan); !why.empty()) return Verdict::not_applicable(std::move(why));
  const auto found = gaps(plan, history);
  Verdict verdict{.judged = found.judged};
  if (const auto expired = history.first<WatchdogExpired>()) {
    verdict.conclude(Outcome::fail, "the watchdog expired");
    verdict.judged = std::max<std::uint64_t>(verdict.judged, 1);
    verdict.evidence = {*expired};
    if (found.late) {
      verdict.reason += ": no WATCHDOG=1 for " + human_duration(found.late->to - found.late->from) +
                        " of " + exact_duration(found.allowed);
      verdict.time_claim = found.late;
    }
  } else if (found.late) {
    verdict.conclude(Outcome::fail, "no WATCHDOG=1 for " +
                                        human_duration(found.late->to - found.late->from) +
                                        ", promised every " + exact_duration(found.allowed));
    verdict.evidence = {*found.until};
    verdict.time_claim = found.late;
  } else if (found.starved > Nanoseconds(0)) {
    verdict.conclude(Outcome::unknown, "a WATCHDOG=1 was late; but the target had waited " +
                                           human_duration(found.starved) +
                                           " of that time for a processor");
  } else if (verdict.judged > 0) {
    verdict.outcome = Outcome::pass;
  } else {
    verdict.reason =
        "no heartbeat was due: shorten [target.service] watchdog, or let the stop come later "
        "([[faults]] when)";
  }
  return verdict;
}

}  // namespace
}  // namespace lastcall::property::watchdog

const lastcall::Checker lastcall::property::Watchdog::kChecker{.property = kName,
                                                               .check = watchdog::check,
                                                               .not_asked = watchdog::not_asked,
                                                               .needs_notifications = true};
