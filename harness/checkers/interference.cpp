#include "checkers/interference.hpp"

#include <algorithm>
#include <csignal>
#include <set>
#include <vector>

#include "base/durations.hpp"

namespace lastcall {
namespace {

constexpr int kTolerated = 10;  // the tolerated lag is a wait divided by this
constexpr Nanoseconds kLeastTolerated = std::chrono::milliseconds(50);

// Whether the lag held up the target, and not only what lastcall does to it or sees of it.
bool is_starvation(const Lag& lag) {
  return lag.source == "target" || lag.source == "machine" || lag.source == "tracer";
}

struct Span {
  TimePoint from;
  TimePoint to;
};

// The length of the union.
Nanoseconds covered(std::vector<Span> spans) {
  std::ranges::sort(spans, {}, &Span::from);
  Nanoseconds sum{};
  TimePoint reached = TimePoint::min();
  for (const auto& span : spans) {
    const auto from = std::max(span.from, reached);
    if (span.to <= from) continue;
    sum += span.to - from;
    reached = span.to;
  }
  return sum;
}

void add_overlap(std::vector<Span>& spans, Span span, TimePoint from, TimePoint to) {
  span = {std::max(span.from, from), std::min(span.to, to)};
  if (span.from < span.to) spans.push_back(span);
}

bool is_done(const History& history, const FaultInvoked& invoked) {
  return std::ranges::any_of(history.all<FaultFinished>(), [&](const auto& finished) {
    return finished.body->fault == invoked.fault && finished.body->step == invoked.step &&
           finished.body->error == 0;
  });
}

// When its effect was certain.
TimePoint finished_at(const History& history, EventIndex i, const FaultInvoked& invoked) {
  for (const auto& [f, finished] : history.all<FaultFinished>()) {
    if (finished->fault == invoked.fault && finished->step == invoked.step) return history.time(f);
  }
  return history.time(i);
}

// From each SIGSTOP that reached somebody to the next SIGCONT, or to the target's end: a stopped
// process can still be killed.
std::vector<Span> pauses(const History& history) {
  std::vector<Span> pauses;
  std::optional<TimePoint> begun;
  const auto end = [&](TimePoint at) {
    if (begun) pauses.push_back({*begun, at});
    begun.reset();
  };
  for (EventIndex i = 0; i < history.events().size(); ++i) {
    const auto& body = history.at(i).body;
    if (std::holds_alternative<TargetEnded>(body)) end(history.time(i));
    const auto* fault = std::get_if<FaultInvoked>(&body);
    if (fault == nullptr) continue;
    if (fault->signal == SIGSTOP && !begun && is_done(history, *fault)) begun = history.time(i);
    if (fault->signal == SIGCONT) end(finished_at(history, i, *fault));
  }
  if (!history.events().empty()) end(history.events().back().at);
  return pauses;
}

}  // namespace

Nanoseconds paused_between(const History& history, TimePoint from, TimePoint to) {
  std::vector<Span> spans;
  for (const auto& pause : pauses(history)) add_overlap(spans, pause, from, to);
  return covered(std::move(spans));
}

Nanoseconds starved_between(const History& history, TimePoint from, TimePoint to) {
  Nanoseconds sum{};
  for (const auto& [i, lag] : history.all<Lag>()) {
    if (!is_starvation(*lag)) continue;
    const auto end = history.time(i);
    const auto begin = end - Nanoseconds(lag->nanoseconds);
    sum += std::max(Nanoseconds(0), std::min(end, to) - std::max(begin, from));
  }
  return sum;
}

Nanoseconds busy_between(const History& history, TimePoint from, TimePoint to) {
  const auto ended = history.first<TargetEnded>();
  Nanoseconds sum{};
  for (const auto& [i, used] : history.all<ProcessorUsed>()) {
    // The last look comes a little after the end.
    const auto end = ended ? std::min(history.time(i), history.time(*ended)) : history.time(i);
    const auto begin = end - Nanoseconds(used->nanoseconds);
    sum += std::max(Nanoseconds(0), std::min(end, to) - std::max(begin, from));
  }
  return sum;
}

Interference interference(const History& history, const TimeClaim& claim, bool of_clients) {
  std::vector<Span> lags;
  std::set<std::string> sources;
  for (const auto& [i, lag] : history.all<Lag>()) {
    if (is_starvation(*lag)) continue;
    if (!of_clients && lag->source != "trial") continue;
    const auto before = lags.size();
    add_overlap(lags, {history.time(i) - Nanoseconds(lag->nanoseconds), history.time(i)},
                claim.from, claim.to);
    if (lags.size() > before) sources.insert(lag->source);
  }
  Interference found;
  if (!lags.empty()) {
    found.text = "lastcall itself lagged " + human_duration(covered(lags)) + " in ";
    std::string names;
    for (const auto& source : sources) names += (names.empty() ? "" : " and ") + source;
    found.text += names;
  }
  auto all = lags;
  if (claim.pauses) {
    for (const auto& pause : pauses(history)) add_overlap(all, pause, claim.from, claim.to);
  }
  if (all.size() > lags.size()) {
    found.text += (found.text.empty() ? "" : " and ") + std::string("lastcall had paused it for ") +
                  human_duration(paused_between(history, claim.from, claim.to));
  }
  found.total = covered(std::move(all));
  const auto starved =
      claim.starvation ? starved_between(history, claim.from, claim.to) : Nanoseconds(0);
  if (starved > Nanoseconds(0) && 2 * starved >= claim.to - claim.from &&
      starved > busy_between(history, claim.from, claim.to)) {
    found.text += (found.text.empty() ? "" : " and ") + std::string("the target waited ") +
                  human_duration(starved) + " for a processor";
    found.total += starved;
  }
  return found;
}

TimeClaim claim_of_wait(TimePoint from, TimePoint to) {
  return {.from = from, .to = to, .tolerance = std::max((to - from) / kTolerated, kLeastTolerated)};
}

std::optional<TimeClaim> claim_of_own_limit(TimePoint from, TimePoint to) {
  constexpr Nanoseconds kShortestLimit = std::chrono::seconds(1);
  if (to - from < kShortestLimit) return std::nullopt;
  auto claim = claim_of_wait(from, to);
  claim.starvation = true;
  return claim;
}

Nanoseconds stop_limit(const Plan& plan, const History& history, EventIndex until) {
  Nanoseconds limit = plan.scenario.target.stop.deadline;
  for (const auto& [i, extended] : history.all<DeadlineExtended>()) {
    if (i < until) limit = Nanoseconds(extended->nanoseconds);
  }
  return limit;
}

TimeClaim deadline_claim(const Plan& plan, const History& history, EventIndex until) {
  const auto from = history.time(history.stop().value());
  const auto to = history.time(until);
  const auto limit = stop_limit(plan, history, until);
  auto claim = claim_of_wait(from, from + limit);
  claim.to = to;
  claim.starvation = true;
  const auto paused = paused_between(history, from, to);
  claim.pauses = paused > Nanoseconds(0) && to - from - paused < limit;
  if (claim.pauses) claim.tolerance = std::min(claim.tolerance, paused);
  return claim;
}

std::optional<DeadlineDoubt> deadline_in_doubt(const Plan& plan, const History& history) {
  const auto passed = history.first<DeadlinePassed>();
  if (!passed || !history.stop()) return std::nullopt;
  const auto claim = deadline_claim(plan, history, *passed);
  const auto found = interference(history, claim, true);
  if (found.total < claim.tolerance) return std::nullopt;
  return DeadlineDoubt{*passed, "the deadline passed, but " + found.text + " meanwhile"};
}

}  // namespace lastcall
