// in-flight-finished: a request that the target had demonstrably taken on before the stop is
// answered.
//
// From outside, what was sent is not what was read: a request may wait in a socket's buffer, and
// refusing it then is a server's right. So a request that was unanswered at the stop counts only if
// a part of its answer had come, or if it was sent at least `settling` before the stop to a target
// that was keeping up with its group of clients: at least three requests of the recent past were
// acknowledged, and no more are waiting than there are clients, so no queue grows. The recent past
// is one second, or twice the median time of an answer where answers take longer. Any answer
// counts, also a refusal. The reason tells an answer that was cut from none at all. Cannot see
// requests that were taken on by a target too busy to answer anything.
//
// "Sent `settling` before" rests on time: if lastcall was held up, or had the target paused, for
// half of it, the request may have been late. Not judged: a request whose connection its client or
// a fault disturbed before it ended, one of a client that came with the stop, and one whose answer
// a slow reader had not come to when lastcall hung up. What a deadline cut off that was perhaps
// lastcall's own doing is unknown.
#include <algorithm>

#include "base/text.hpp"
#include "checkers/checkers.hpp"
#include "checkers/hindrance.hpp"
#include "checkers/judging.hpp"

namespace lastcall::checkers {
namespace {

constexpr Nanoseconds kRecent = std::chrono::seconds(1);
constexpr std::size_t kEnoughAnswers = 3;

// What was sent by one group before the stop.
struct GroupLoad {
  std::vector<std::pair<TimePoint, Nanoseconds>> acknowledged;  // when sent, time to the answer
  std::size_t waiting = 0;                                      // sent before `settling`, not ended
};

std::vector<GroupLoad> loads(const Plan& plan, const History& history, EventIndex stop,
                             TimePoint settled) {
  std::vector<GroupLoad> loads(plan.scenario.clients.size());
  for (const auto& c : history.connections()) {
    if (c.group >= loads.size()) continue;
    auto& load = loads[c.group];
    for (const auto& r : c.requests) {
      const TimePoint sent = history.time(r.sent);
      if (is_before(r.ended, stop)) {
        if (r.end == RequestEnd::ok)
          load.acknowledged.emplace_back(sent, history.time(*r.ended) - sent);
      } else if (r.sent < stop && sent <= settled) {
        ++load.waiting;
      }
    }
  }
  return loads;
}

bool is_keeping_up(GroupLoad& load, std::uint32_t clients, TimePoint stop) {
  if (load.acknowledged.size() < kEnoughAnswers || load.waiting > clients) return false;
  const auto middle =
      load.acknowledged.begin() + static_cast<std::ptrdiff_t>(load.acknowledged.size() / 2);
  std::ranges::nth_element(load.acknowledged, middle, {},
                           &std::pair<TimePoint, Nanoseconds>::second);
  const auto recent = std::max(kRecent, 2 * middle->second);
  const auto count = std::ranges::count_if(
      load.acknowledged, [&](const auto& request) { return request.first >= stop - recent; });
  return static_cast<std::size_t>(count) >= kEnoughAnswers;
}

enum class Fate : std::uint8_t { answered, unanswered, unseen, excused };

// What the fates of requests depend on beside themselves.
struct Circumstances {
  bool end_was_seen = false;
  EventIndex doubt = 0;  // from here on the end may be lastcall's doing
};

Fate fate(const RequestView& request, const ConnectionView& c, const Peers& peers,
          const Circumstances& circumstances, const History& history) {
  const auto disturbed = peers.excused_from(c);
  if (disturbed && !is_before(request.ended, *disturbed)) return Fate::excused;
  if (request.ended && request.end != RequestEnd::unknown) return Fate::answered;
  if (c.ended && peers.behaviour(c) == Behaviour::slow_reader &&
      std::get<ConnectionEnded>(history.at(*c.ended).body).why == ConnectionEndReason::harness) {
    return Fate::excused;
  }
  const bool is_over = circumstances.end_was_seen || request.ended || c.ended;
  const auto when = request.ended.value_or(history.events().size() - 1);
  return is_over && when < circumstances.doubt ? Fate::unanswered : Fate::unseen;
}

// How a request is unanswered. Lastcall itself cuts off what is not finished at the deadline. In
// process an answer is a call's return: what began is the subject's work.
std::string what_it_got(const RequestView& r, const ClientGroup& group, const History& history) {
  if (!r.answer_began || is_in_process(group)) return "got no answer";
  const auto forced = history.first<TargetForced>();
  return forced && !is_before(r.ended, *forced) ? "got an answer that was not finished"
                                                : "got an answer that was cut";
}

// An unanswered request, with what says so.
void add_violation(Violations& violations, const RequestView& r, const ConnectionView& c,
                   const Footing& footing, const Plan& plan, const History& history) {
  std::vector<EventIndex> evidence{r.sent};
  if (r.ended) evidence.push_back(*r.ended);
  if (c.ended) evidence.push_back(*c.ended);
  violations.add(what_it_got(r, plan.scenario.clients[c.group], history),
                 address(plan, c.id, r.id) + ", sent " +
                     humane_duration(history.time(*history.stop()) - history.time(r.sent)) +
                     " before the stop",
                 evidence, footing);
}

}  // namespace

Verdict in_flight_finished(const Plan& plan, const History& history) {
  Verdict verdict{.property = "in-flight-finished"};
  if (const auto why_not = no_stop_to_judge(history)) {
    verdict.reason = *why_not;
    return verdict;
  }
  const EventIndex stop = *history.stop();
  const TimePoint stop_time = history.time(stop);
  const TimePoint settled = settled_before_stop(plan, history);
  auto by_group = loads(plan, history, stop, settled);
  std::vector<bool> keeping_up;
  for (std::size_t g = 0; g < by_group.size(); ++g) {
    const auto& group = plan.scenario.clients[g];
    keeping_up.push_back(is_keeping_up(by_group[g], group.count, stop_time));
  }
  const Peers peers(plan, history);
  const auto doubt = deadline_in_doubt(plan, history);
  const Circumstances circumstances{
      .end_was_seen = history.first<TargetEnded>() || history.first<DeadlinePassed>(),
      .doubt = doubt ? doubt->from : history.events().size()};

  Violations violations;
  std::uint64_t unseen = 0;
  for (const auto& c : history.connections()) {
    if (c.group >= keeping_up.size() || plan.scenario.clients[c.group].during_drain) continue;
    for (const auto& r : c.requests) {
      if (r.sent > stop || is_before(r.ended, stop)) continue;
      const bool began = is_before(r.answer_began, stop);
      if (!began && !(keeping_up[c.group] && history.time(r.sent) <= settled)) continue;
      const Fate how = fate(r, c, peers, circumstances, history);
      if (how == Fate::excused) continue;
      ++(how == Fate::unseen ? unseen : verdict.judged);
      if (how != Fate::unanswered) continue;
      Footing footing{.absence = !r.ended};
      if (!began) footing.claim = TimeClaim{settled, stop_time, (stop_time - settled) / 2};
      add_violation(violations, r, c, footing, plan, history);
    }
  }
  if (!violations.empty()) {
    violations.fail(verdict, "requests");
  } else if (unseen > 0) {
    verdict.outcome = Outcome::unknown;
    verdict.reason = "the outcome of " + std::to_string(unseen) + " requests was not seen";
    if (doubt) verdict.reason += ": " + doubt->why;
  } else if (verdict.judged > 0) {
    verdict.outcome = Outcome::pass;
  } else {
    verdict.reason = "no request was demonstrably taken on and unanswered at the stop";
  }
  return verdict;
}

}  // namespace lastcall::checkers
