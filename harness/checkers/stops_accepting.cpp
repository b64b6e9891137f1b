// stops-accepting: no new work is taken on after the stop.
//
// An item is an attempt that a client made more than `within` after the stop signal and before the
// target's end: a new connection, or a request on an older one. Taken on is a request that was
// acknowledged, and a WebSocket that was upgraded (101). A refusal, another status (503), an end
// without an answer are as good as silence. A TCP connect that succeeds proves nothing, the
// kernel's backlog does that, nor does a TLS handshake alone: a server may greet and then say
// goodbye. Cannot see work that was taken on and not answered.
//
// A failure rests on time: that the target had known of its stop for `within`. So it is none if
// what held lastcall up since the stop, or the pauses of the target, were as long as the latest
// attempt that succeeded was late. Time in which the target waited for a processor or the tracer is
// not its own: an attempt that came before the target had run for `within` is counted and not
// judged, taken on or not.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/durations.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "checkers/interference.hpp"
#include "scenario/properties/stops_accepting.hpp"

namespace lastcall::property::stops_accepting {
namespace {

// Attempts of one kind that succeeded.
struct Kind {
  std::string_view one, many;
  std::string_view so;
  std::uint64_t count = 0;
  TimePoint last{};
  std::string first{};

  void add(const std::string& who, TimePoint begun) {
    if (++count == 1) first = who;
    last = std::max(last, begun);
  }
};

struct Attempts {
  const Plan& plan;
  std::uint64_t count = 0;
  Kind upgrades{"WebSocket was upgraded", "WebSockets were upgraded",
                "the target goes on accepting"};
  Kind on_new{"request on a new connection was answered",
              "requests on new connections were answered", "the target goes on accepting"};
  Kind on_old{"request on an old connection was answered",
              "requests on old connections were answered", "the target goes on taking requests"};
  std::vector<EventIndex> evidence{};

  [[nodiscard]] std::array<const Kind*, 3> kinds() const { return {&upgrades, &on_new, &on_old}; }
  void taken_on(Kind& kind, const ConnectionView& c, TimePoint begun, EventIndex from,
                EventIndex to) {
    kind.add(address(plan, c.id), begun);
    evidence.insert(evidence.end(), {from, to});
  }
};

// The time within which attempts are items, both ends excluded.
struct Window {
  const History& history;
  TimePoint stop;
  Nanoseconds within;
  TimePoint to;
  [[nodiscard]] bool holds(TimePoint at) const { return stop + within < at && at < to; }
  // How late that is, without the time in which the target could not run; not late if not positive.
  [[nodiscard]] Nanoseconds late(TimePoint at) const {
    return at - stop - within - starved_between(history, stop, at);
  }
};

struct Tally {
  Attempts judged, early;  // `early`: before the target had run for `within`

  Attempts& add(TimePoint at, const Window& window) {
    auto& attempts = window.late(at) > Nanoseconds(0) ? judged : early;
    ++attempts.count;
    return attempts;
  }
};

void count(Tally& tally, const ConnectionView& c, const Window& window, const History& history) {
  const auto begun = history.time(c.invoked);
  if (window.holds(begun)) {
    auto& attempts = tally.add(begun, window);
    if (c.websocket_up) {
      attempts.taken_on(attempts.upgrades, c, begun, c.invoked, *c.websocket_up);
    }
  }
  for (const auto& request : c.requests) {
    const auto sent = history.time(request.sent);
    if (!window.holds(sent)) continue;
    auto& attempts = tally.add(sent, window);
    if (request.ended && request.end == RequestEnd::ok) {
      auto& kind = begun > window.stop ? attempts.on_new : attempts.on_old;
      attempts.taken_on(kind, c, sent, request.sent, *request.ended);
    }
  }
}

// The target's end, or when lastcall began to force it.
TimePoint end_of_attempts(const History& history) {
  auto end = TimePoint::max();
  if (const auto i = history.first<TargetEnded>()) end = std::min(end, history.time(*i));
  if (const auto i = history.first<TargetForced>()) end = std::min(end, history.time(*i));
  return end;
}

// "256 requests on new connections were answered, the last 998 ms after the stop (allowed: 100 ms)"
std::string text(const Kind& kind, const Window& window) {
  const bool is_one = kind.count == 1;
  return std::to_string(kind.count) + " " + std::string(is_one ? kind.one : kind.many) +
         (is_one ? ", " : ", the last ") + human_duration(kind.last - window.stop) +
         " after the stop (allowed: " + human_duration(window.within) + ")";
}

void fail(Verdict& verdict, const Attempts& attempts, const Window& window) {
  verdict.outcome = Outcome::fail;
  verdict.evidence = attempts.evidence;
  TimePoint last{};
  for (const auto* kind : attempts.kinds()) {
    if (kind->count == 0) continue;
    verdict.say(text(*kind, window) + ": " + std::string(kind->so) + "; first: " + kind->first);
    last = std::max(last, kind->last);
  }
  verdict.time_claim = TimeClaim{.from = window.stop, .to = last, .tolerance = window.late(last)};
}

std::vector<Counted> not_judged(const Attempts& early, const std::string& within) {
  const auto when = " before the target had had " + within + " to run";
  std::uint64_t taken_on = 0;
  for (const auto* kind : early.kinds()) taken_on += kind->count;
  std::vector<Counted> items;
  if (taken_on > 0) items.push_back({"taken on" + when, taken_on});
  if (early.count > taken_on) items.push_back({"tried" + when, early.count - taken_on});
  return items;
}

Verdict check(const Plan& plan, const History& history) {
  if (const auto why_not = no_stop_to_judge(history)) return Verdict::not_applicable(*why_not);
  const auto stop = history.time(*history.stop());
  const Window window{history, stop, settings<StopsAccepting>(plan).within,
                      end_of_attempts(history)};
  const auto within = exact_duration(window.within);
  Tally tally{.judged = {plan}, .early = {plan}};
  for (const auto& c : history.connections()) count(tally, c, window, history);
  Verdict verdict{.judged = tally.judged.count, .not_judged = not_judged(tally.early, within)};
  if (!tally.judged.evidence.empty()) {
    fail(verdict, tally.judged, window);
  } else if (tally.judged.count > 0) {
    verdict.outcome = Outcome::pass;
  } else if (tally.early.count > 0) {
    verdict.reason = "nobody tried anything new once the target had had " + within +
                     " to run after the stop: run fewer trials at once (--jobs)";
  } else {
    verdict.reason = "nobody tried anything new later than " + within +
                     " after the stop, while the target was there: add [[clients]] during = "
                     "\"drain\"";
  }
  if (!verdict.not_judged.empty()) verdict.say(not_judged_text(verdict.not_judged));
  return verdict;
}

}  // namespace
}  // namespace lastcall::property::stops_accepting

const lastcall::Checker lastcall::property::StopsAccepting::kChecker{
    .property = kName,
    .check = stops_accepting::check,
    .not_asked = without_clients,
    .needs_clients = true,
    .judges_the_stop = true};
