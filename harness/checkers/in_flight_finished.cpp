// in-flight-finished: a request that the target had demonstrably taken on before the stop is
// answered.
//
// From outside, what was sent is not what was read: a request may wait in a socket's buffer, and
// refusing it then is a server's right. So a request that was unanswered at the stop counts only if
// a part of its answer had come, or if it was sent at least `settling` before the stop to a target
// that was keeping up with its group of clients: at least three requests of the recent past were
// acknowledged, and no more are waiting than there are clients, so no queue grows. The recent past
// is one second, or twice the median time of an answer where answers take longer. Any answer
// counts, also a refusal. Cannot see requests that were taken on by a target too busy to answer
// anything.
#include <algorithm>

#include "base/text.hpp"
#include "checkers/checkers.hpp"
#include "checkers/judging.hpp"

namespace lastcall::checkers {
namespace {

constexpr Nanoseconds kDefaultSettling = std::chrono::milliseconds(100);
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

enum class Fate : std::uint8_t { answered, unanswered, unseen };

Fate fate(const RequestView& request, const ConnectionView& c, bool end_was_seen) {
  if (request.ended) return request.end == RequestEnd::unknown ? Fate::unanswered : Fate::answered;
  return end_was_seen || c.ended ? Fate::unanswered : Fate::unseen;
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
  const TimePoint settled =
      stop_time - settings(plan, verdict.property).settling.value_or(kDefaultSettling);
  auto by_group = loads(plan, history, stop, settled);
  std::vector<bool> keeping_up;
  for (std::size_t g = 0; g < by_group.size(); ++g) {
    keeping_up.push_back(is_keeping_up(by_group[g], plan.scenario.clients[g].count, stop_time));
  }
  const bool end_was_seen = history.first<TargetEnded>() || history.first<DeadlinePassed>();

  Violations violations;
  std::uint64_t unseen = 0;
  for (const auto& c : history.connections()) {
    if (c.group >= keeping_up.size()) continue;
    for (const auto& r : c.requests) {
      if (r.sent > stop || is_before(r.ended, stop)) continue;
      const bool taken_on = is_before(r.answer_began, stop) ||
                            (keeping_up[c.group] && history.time(r.sent) <= settled);
      if (!taken_on) continue;
      const Fate how = fate(r, c, end_was_seen);
      ++(how == Fate::unseen ? unseen : verdict.judged);
      if (how != Fate::unanswered) continue;
      const auto age = humane_duration(stop_time - history.time(r.sent));
      std::vector<EventIndex> evidence{r.sent};
      if (r.ended) evidence.push_back(*r.ended);
      if (c.ended) evidence.push_back(*c.ended);
      violations.add("got no answer",
                     to_text(c.id) + " request " + std::to_string(r.id.value) + ", sent " + age +
                         " before the stop",
                     evidence);
    }
  }
  if (!violations.empty()) {
    verdict.outcome = Outcome::fail;
    verdict.reason = violations.text(verdict.judged, "requests");
    verdict.evidence = violations.evidence();
  } else if (unseen > 0) {
    verdict.outcome = Outcome::unknown;
    verdict.reason = "the outcome of " + std::to_string(unseen) + " requests was not seen";
  } else if (verdict.judged > 0) {
    verdict.outcome = Outcome::pass;
  } else {
    verdict.reason = "no request was demonstrably taken on and unanswered at the stop";
  }
  return verdict;
}

}  // namespace lastcall::checkers
