// prompt-exit: the stop takes no longer than its slowest obligation, over a campaign.
//
// One trial proves nothing: a loop that polls every 100 ms sometimes looks just in time. So a trial
// gives a measure, its idle tail, and campaign/prompt_exit.hpp judges all of them.
//
// The idle tail is the time from the last obligation that was met to the target's end, as it was
// seen, without the time that lastcall had the target paused or that the target waited for a
// processor (Lag of the "target"). An obligation is met when a client sees an answer (its first
// byte or its end), a Close frame either way, or close_notify, and when one side closes a
// connection in whatever way; before all of them, the stop signal itself. FIN, reset and a client's
// reply to them count only if they came more than 5 ms before the end: nearer to it they may be the
// exit itself, by which the kernel closes every socket, and would hide that the target idled until
// then. Whoever came after the stop was owed nothing: there only an acknowledged request counts,
// work that was taken on. What a target says to its service manager or its log is no obligation: a
// loop that polls can say a lot.
//
// Cannot see work that clients do not see: a target that writes a large checkpoint after its last
// goodbye looks idle (`within` is the scenario's). There is no measure without an end that the
// target reached by itself, after a second signal that forced it, where events of clients were lost
// or lastcall lagged during the tail, nor where a client that is silent, slow, gone without a word
// or cut off had a connection that the target had not closed: then there may have been somebody to
// wait for, whom nobody sees.
#include <algorithm>
#include <set>

#include "checkers/checkers.hpp"
#include "checkers/habits.hpp"
#include "checkers/hindrance.hpp"
#include "checkers/judging.hpp"

namespace lastcall::checkers {
namespace {

constexpr Nanoseconds kExitItself = std::chrono::milliseconds(5);

// Connections that came after the stop.
std::set<std::uint64_t> latecomers(const History& history, EventIndex stop) {
  std::set<std::uint64_t> late;
  for (const auto& c : history.connections()) {
    if (c.invoked > stop) late.insert(c.id.value);
  }
  return late;
}

bool is_of_any(const std::set<std::uint64_t>& connections, const EventBody& body) {
  return std::visit(
      [&](const auto& event) {
        if constexpr (requires { event.connection; }) {
          return connections.contains(event.connection.value);
        }
        return false;
      },
      body);
}

// Whether the event shows that something was done that the target had to do or wait for.
bool is_met(const EventBody& body, bool near_the_end, bool of_late) {
  if (const auto* request = std::get_if<RequestEnded>(&body)) {
    return of_late ? request->end == RequestEnd::ok : request->end != RequestEnd::unknown;
  }
  if (of_late) return false;
  if (const auto* notify = std::get_if<CloseNotify>(&body)) {
    return notify->direction == Direction::received || !near_the_end;
  }
  if (std::holds_alternative<AnswerBegan>(body) || std::holds_alternative<CloseFrame>(body)) {
    return true;
  }
  const bool closes = std::holds_alternative<Fin>(body) || std::holds_alternative<Reset>(body) ||
                      std::holds_alternative<ConnectionEnded>(body);
  return closes && !near_the_end;
}

// Whether there may have been a client to wait for that does not act as one of its protocol.
bool somebody_kept_it(const Plan& plan, const History& history, EventIndex stop, EventIndex ended) {
  const Peers peers(plan, history);
  return std::ranges::any_of(history.connections(), [&](const ConnectionView& c) {
    const bool is_odd =
        !keeps_to_its_protocol(peers.behaviour(c)) || is_before(peers.excused_from(c), ended);
    const bool was_open = is_before(c.tcp_up, ended) && !is_before(c.fin_received, stop) &&
                          !is_before(c.reset, stop) && !is_before(c.ended, stop);
    return is_odd && was_open;
  });
}

// What the target said and what files it left meet no obligation.
bool is_incomplete(const History& history) {
  return std::ranges::any_of(history.all<EventsLost>(), [](const auto& lost) {
    return lost.second->source != "output" && lost.second->source != "files";
  });
}

// The last obligation that was met before the end; nothing if there is nothing to measure.
std::optional<EventIndex> last_obligation(const Plan& plan, const History& history) {
  if (no_stop_to_judge(history) || forced_by_second_signal(plan, history)) return std::nullopt;
  const auto stop = *history.stop();
  const auto ended = history.first<TargetEnded>();
  if (!ended || is_before(history.first<TargetForced>(), *ended)) return std::nullopt;
  if (is_incomplete(history) || history.first<FaultNotReached>()) return std::nullopt;
  if (somebody_kept_it(plan, history, stop, *ended)) return std::nullopt;
  const auto end = history.time(*ended);
  const auto late = latecomers(history, stop);
  EventIndex last = stop;
  for (EventIndex i = stop + 1; i < *ended; ++i) {
    const auto& body = history.at(i).body;
    if (is_met(body, end - history.time(i) < kExitItself, is_of_any(late, body))) last = i;
  }
  return last;
}

}  // namespace

std::optional<Nanoseconds> idle_tail(const Plan& plan, const History& history) {
  const auto last = last_obligation(plan, history);
  if (!last) return std::nullopt;
  const auto from = history.time(*last);
  const auto end = history.time(*history.first<TargetEnded>());
  const auto lag = hindrance(history, {.from = from, .to = end, .pauses = false}, true);
  if (lag.total > Nanoseconds(0)) return std::nullopt;
  const auto busy = paused_between(history, from, end) + starved_between(history, from, end);
  return std::max(Nanoseconds(0), end - from - busy);
}

std::string idle_tail_held_by(const Plan& plan, const History& history) {
  const auto last = last_obligation(plan, history);
  return last ? held_by(plan, history, *last + 1) : "";
}

Verdict prompt_exit(const Plan&, const History&) {
  return {.property = "prompt-exit", .reason = "judged over a campaign"};
}

}  // namespace lastcall::checkers
