// prompt-exit: the stop takes no longer than its slowest obligation, over a campaign.
//
// One trial proves little: a loop that polls every 100 ms sometimes looks just in time. So a trial
// gives a finding and a measure, and campaign/prompt_exit.hpp judges all of them.
//
// The finding is a pattern: waits for a time - a poll interval, a fixed sleep, a time-out that ran
// out - by which a thread held up the end although nothing was left to do. The tracer saw the calls
// (TargetSlept). The last of them held it up if its process called exit, or was gone, right after
// its time was over, not counting time at work or waiting for a processor: 10 ms if the thread that
// waited called exit itself, or ended before (then somebody joined it), 40 ms if it also waited for
// nothing but the time; otherwise 2 ms, which by chance happens in few trials of many. A process
// that is not the target's first holds up the end if that one calls exit within 10 ms of its end.
// Earlier waits of the same thread belong to it if they follow one another as closely. Threads that
// the JVM keeps for itself are left out.
//
// Counted is the part of these waits, no longer than they were asked for, that lies after the last
// obligation that was met before the last of them was over, less the time at work. Obligations:
//   - a request that the target had taken on before the stop, until it is answered or cut;
//   - a connection that was open at the stop, until either side closes it; a child, until it ends.
// While one of them is open the target waits for it, and what it does not wait for any longer, its
// own limit, is no idling. Two kinds of wait cannot be for a connection or a child: one that was
// going on as the stop began, because whoever polls a flag does not know of the stop before that,
// and takes on more meanwhile, which is no obligation of the stop; and, for a connection, a single
// sleep, which nothing can end sooner. For a request all are excused: another thread may be at work
// for it. A poll interval that had begun before the last obligation was met counts only if it is
// longer than the stop had taken by then: polling that backs off, as Go's http.Server.Shutdown does
// up to 500 ms, no more than doubles what there was to wait for. A futex(2) or epoll_pwait(2) that
// begins within 10 ms of that moment is taken for one of before, because Go's scheduler makes its
// waits again whenever something happens.
//
// Where drains-health is judged, the target has to stay for the time that readiness must be away:
// waits and the idle tail count from then on only.
//
// The measure is the idle tail: the time from the last obligation that was met to the target's end,
// as clients saw it, without the time that lastcall had the target paused, that its processes were
// at work, or that they waited for a processor (Lag of the "target"). An obligation is met when a
// client sees an answer (its first byte or its end), a Close frame either way, or close_notify, and
// when one side closes a connection in whatever way; before all of them, the stop signal itself.
// FIN, reset and a client's reply to them count only if they came more than 5 ms before the end:
// nearer to it they may be the exit itself, by which the kernel closes every socket, and would hide
// that the target idled until then. A request that the target had taken on and that is open until
// then is an obligation until the end: there is no tail. Whoever came after the stop was owed
// nothing: there only an acknowledged request counts, work that was taken on. What a target says to
// its service manager or its log is no obligation: a loop that polls can say a lot.
//
// Cannot see work that neither clients nor processors see: a target that waits for a disk after its
// last goodbye has a long tail (`within` is the scenario's). Not seen as a wait: timers that are
// descriptors or signals (timerfd_create(2), setitimer(2)). There is neither measure nor finding
// without an end that the target reached by itself, after a second signal that forced it, or where
// events of clients were lost. There is no measure where lastcall lagged during the tail (counted
// if the scenario has a bound), nor where a client that is silent, slow, gone without a word or cut
// off had a connection that the target had not closed: then there may have been a client to wait
// for that is not seen.
#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/durations.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "checkers/checkers.hpp"
#include "checkers/habits.hpp"
#include "checkers/interference.hpp"
#include "checkers/taken_on.hpp"
#include "scenario/properties/prompt_exit.hpp"

namespace lastcall::checkers {
namespace {

constexpr Nanoseconds kExitItself = std::chrono::milliseconds(5);
// Between the end of a wait and what follows from it: a join, a handful of system calls, the
// descriptors of a large server.
constexpr Nanoseconds kSoon = std::chrono::milliseconds(10);
// A sleep does not end because of something else, so that what follows it may take longer: a file
// that is written.
constexpr Nanoseconds kSoonAfterSleep = std::chrono::milliseconds(40);
constexpr Nanoseconds kAtOnce = std::chrono::milliseconds(2);
// What is not known to have to do with the exit must be no timer of a runtime.
constexpr Nanoseconds kLeastOfOthers = std::chrono::milliseconds(20);
// A poll interval may be so much longer than the stop has taken: jitter, and the first of a series.
constexpr Nanoseconds kFirstInterval = std::chrono::milliseconds(10);

// Their waits are the virtual machine's own, also at its exit.
constexpr std::array<std::string_view, 4> kThreadsOfJvm{"VM Thread", "VM Periodic Tas",
                                                        "Monitor Deflati", "Common-Cleaner"};

// Connections that came after the stop.
std::set<std::uint64_t> latecomers(const History& history, EventIndex stop) {
  std::set<std::uint64_t> late;
  for (const auto& c : history.connections()) {
    if (c.invoked > stop) late.insert(c.id.value);
  }
  return late;
}

bool is_of_any(const std::set<std::uint64_t>& connections, const EventBody& body) {
  const auto connection = exchange_of(body).connection;
  return connection && connections.contains(connection->value);
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
  if (const auto* gone = std::get_if<ConnectionEnded>(&body))
    return gone->why != ConnectionEndReason::unconnected && !near_the_end;
  const bool closes = std::holds_alternative<Fin>(body) || std::holds_alternative<Reset>(body);
  return closes && !near_the_end;
}

// Whether there may have been a client to wait for that does not act as one of its protocol.
bool somebody_kept_it(const Plan& plan, const History& history, EventIndex stop, EventIndex ended) {
  const Peers peers(plan, history);
  return std::ranges::any_of(history.connections(), [&](const ConnectionView& c) {
    const bool is_odd = traits(peers.behaviour(c)).misdeed != Misdeed::none ||
                        is_before(peers.excused_from(c), ended);
    const bool was_open = is_before(c.tcp_up, ended) && !is_before(c.fin_received, stop) &&
                          !is_before(c.reset, stop) && !is_before(c.ended, stop);
    return is_odd && was_open;
  });
}

// What the target said and what files it left meet no obligation.
bool is_incomplete(const History& history) {
  return std::ranges::any_of(history.all<EventsLost>(), [](const auto& lost) {
    const std::string_view source = lost.body->source;
    return !source.starts_with("output") && source != "files" && source != kLostNotifications &&
           source != kLostControlFrames;
  });
}

// The stop, and the target's end, if it came to it by itself.
struct Stop {
  EventIndex begun;
  EventIndex ended;
  TimePoint counted_from;  // before that readiness must be away, which takes time
};

std::optional<Stop> stop_to_measure(const Plan& plan, const History& history) {
  if (no_stop_to_judge(history) || forced_by_second_signal(plan, history)) return std::nullopt;
  const auto ended = history.first<TargetEnded>();
  if (!ended || is_before(history.first<TargetForced>(), *ended)) return std::nullopt;
  if (is_incomplete(history) || history.first<FaultNotReached>()) return std::nullopt;
  const auto stop = *history.stop();
  return Stop{stop, *ended, history.time(stop) + promised_visible(plan)};
}

// Who was there at the stop.
class Open {
 public:
  Open(const History& history, EventIndex stop)
      : history_(history), stop_(stop), snapshot_(history) {}

  // A connection that was up at the stop and that nobody has closed by `at`.
  [[nodiscard]] bool connection(TimePoint at) const {
    return std::ranges::any_of(history_.connections(),
                               [&](const ConnectionView& c) { return is_open(c, at); });
  }
  // The same with a request, taken on as far as is known, that is neither answered nor cut.
  [[nodiscard]] bool request(TimePoint at) const {
    return std::ranges::any_of(history_.connections(), [&](const ConnectionView& c) {
      return is_open(c, at) && std::ranges::any_of(c.requests, [&](const RequestView& r) {
               if (r.sent >= stop_ || is_by(r.ended, at)) return false;
               const auto taking = snapshot_.taking(c, r);
               return taking != Taking::unread && taking != Taking::not_accepted;
             });
    });
  }

 private:
  [[nodiscard]] bool is_by(std::optional<EventIndex> event, TimePoint at) const {
    return event && history_.time(*event) <= at;
  }
  [[nodiscard]] bool is_open(const ConnectionView& c, TimePoint at) const {
    return is_before(c.tcp_up, stop_) && !is_by(c.fin_received, at) && !is_by(c.reset, at) &&
           !is_by(c.ended, at);
  }

  const History& history_;
  EventIndex stop_;
  SocketSnapshot snapshot_;
};

// The last obligation that was met before the end; before all of them, the stop.
EventIndex last_obligation(const History& history, Stop stop) {
  const auto end = history.time(stop.ended);
  const auto late = latecomers(history, stop.begun);
  EventIndex last = stop.begun;
  for (EventIndex i = stop.begun + 1; i < stop.ended; ++i) {
    const auto& body = history.at(i).body;
    if (is_met(body, end - history.time(i) < kExitItself, is_of_any(late, body))) last = i;
  }
  return last;
}

// What clients did not see: little, however many there are.
History without_clients(const History& history) {
  std::vector<Event> events;
  for (const auto& event : history.events()) {
    if (!exchange_of(event.body).connection && !std::holds_alternative<TargetOutput>(event.body))
      events.push_back(event);
  }
  return History::of(std::move(events));
}

// The waits that held up the end.
class Waits {
 public:
  Waits(const History& history, Stop stop)
      : history_(history),
        target_(without_clients(history)),
        stop_(history.time(stop.begun)),
        counted_from_(stop.counted_from),
        ended_(history.time(stop.ended)),
        begun_(stop.begun),
        open_(history, stop.begun),
        first_process_(target_pid(history)),
        latecomers_(latecomers(history, stop.begun)) {
    for (const auto& c : history.connections()) {
      for (const auto& r : c.requests) {
        if (r.sent > begun_) late_requests_.emplace(c.id, r.id);
      }
    }
    for (const auto& [i, slept] : history.all<TargetSlept>()) {
      if (std::ranges::count(kThreadsOfJvm, slept->thread) > 0) continue;
      const auto to = history.time(i);
      const auto from = to - Nanoseconds(slept->slept);
      waits_.push_back({slept, from, to, slept->was_going_on || from < stop_});
    }
  }

  [[nodiscard]] IdleWaits found() const {
    const auto chain = last_chain();
    if (chain.empty() || open_.request(chain.back().to)) return {};
    const auto& last = chain.back();
    Found found{.after = last_met(last, false), .with_connection = open_.connection(last.to)};
    const bool with_child = is_child_open(last);
    const auto begun_since = std::ranges::count(chain, false, &One::was_going_on);
    for (const auto& wait : chain) {
      if (wait.was_going_on) {
        add(found, wait, history_.time(last_met(last, true)), stop_);
        continue;
      }
      const bool is_single_sleep = begun_since == 1 && wait.slept->alone;
      const auto met = history_.time(found.after);
      if (with_child || (found.with_connection && !is_single_sleep)) continue;
      if (began_before(wait, met) && backs_off(wait)) continue;
      add(found, wait, met, met);
    }
    if (found.times == 0) return {};
    return {found.length, text(found, *last.slept)};
  }

 private:
  struct One {
    const TargetSlept* slept;
    TimePoint from;
    TimePoint to;
    bool was_going_on;  // as the stop began
  };
  struct Found {
    EventIndex after;  // the last obligation that was met, or the stop
    bool with_connection = false;
    bool all_were_going_on = true;
    bool begun_before = false;  // that, or the stop: the first of them
    Nanoseconds rest{};         // how much of the last wait came after `after`
    int times = 0;
    Nanoseconds length{};
    Nanoseconds longest{};  // as asked for
  };

  [[nodiscard]] Nanoseconds idle_between(TimePoint from, TimePoint to) const {
    const auto not_idle = busy_between(target_, from, to) + paused_between(target_, from, to);
    return std::max(Nanoseconds(0), to - from - not_idle);
  }

  // Whether what happened at `to` followed from what had happened at `from`.
  [[nodiscard]] bool follows(TimePoint from, TimePoint to, Nanoseconds within) const {
    return from <= to && idle_between(from, to) - starved_between(target_, from, to) <= within;
  }

  // When a process called exit; of one that was killed, when it was gone.
  [[nodiscard]] TimePoint exit_of(std::int32_t pid) const {
    for (const auto& [i, called] : target_.all<ExitCalled>()) {
      if (called->pid == pid) return target_.time(i);
    }
    return gone(pid).value_or(ended_);
  }
  [[nodiscard]] std::optional<TimePoint> gone(std::int32_t pid) const {
    for (const auto& [i, ended] : target_.all<ProcessEnded>()) {
      if (ended->pid == pid) return target_.time(i);
    }
    return std::nullopt;
  }

  static Nanoseconds soon_after(const TargetSlept& slept) {
    if (slept.then == AfterWait::went_on) return kAtOnce;
    return slept.alone ? kSoonAfterSleep : kSoon;
  }

  [[nodiscard]] bool led_to_the_end(const One& wait) const {
    const auto& slept = *wait.slept;
    if (slept.then == AfterWait::went_on && Nanoseconds(slept.requested) < kLeastOfOthers)
      return false;
    if (!follows(wait.to, exit_of(slept.pid), soon_after(slept))) return false;
    if (slept.pid == first_process_) return true;
    const auto end = gone(slept.pid);
    return end && follows(*end, exit_of(first_process_), kSoon);
  }

  // The last wait that led to the end, and before it those of its thread that led to one another.
  [[nodiscard]] std::vector<One> last_chain() const {
    std::vector<One> chain;
    for (auto wait = waits_.rbegin(); wait != waits_.rend(); ++wait) {
      if (chain.empty()) {
        if (led_to_the_end(*wait)) chain.push_back(*wait);
      } else if (wait->slept->tid == chain.back().slept->tid) {
        const auto within = wait->slept->alone ? kSoonAfterSleep : kSoon;
        if (!follows(wait->to, chain.back().from, within)) break;
        chain.push_back(*wait);
      }
    }
    std::ranges::reverse(chain);
    return chain;
  }

  // The last obligation that was met before the wait was over, or the stop. `early`: of those that
  // were there at the stop.
  [[nodiscard]] EventIndex last_met(const One& wait, bool early) const {
    EventIndex last = begun_;
    for (EventIndex i = begun_ + 1; i < history_.events().size(); ++i) {
      if (history_.time(i) >= wait.to) break;
      const auto& body = history_.at(i).body;
      const auto* child = std::get_if<ProcessEnded>(&body);
      const bool counts = child != nullptr ? is_other_child(*child, wait)
                                           : is_met(body, false, is_of_any(latecomers_, body)) &&
                                                 !(early && came_later(body));
      if (counts) last = i;
    }
    return last;
  }

  // Whether it is about a connection or a request that came only after the stop.
  [[nodiscard]] bool came_later(const EventBody& body) const {
    const auto [connection, request] = exchange_of(body);
    return (connection && request && late_requests_.contains({*connection, *request})) ||
           is_of_any(latecomers_, body);
  }

  [[nodiscard]] bool is_other_child(const ProcessEnded& ended, const One& wait) const {
    return ended.pid != first_process_ && ended.pid != wait.slept->pid;
  }
  // A child that ended only after the wait, and before the target.
  [[nodiscard]] bool is_child_open(const One& wait) const {
    return std::ranges::any_of(target_.all<ProcessEnded>(), [&](const auto& ended) {
      return is_other_child(*ended.body, wait) && target_.time(ended) >= wait.to &&
             target_.time(ended) <= ended_;
    });
  }

  // Go's scheduler makes its wait for a timer again whenever something happens, such as the end of
  // the last connection.
  static bool began_before(const One& wait, TimePoint met) {
    const bool is_made_again = wait.slept->call == "futex" || wait.slept->call == "epoll_pwait";
    return wait.from < (is_made_again ? met + kSoon : met);
  }
  [[nodiscard]] bool backs_off(const One& wait) const {
    return Nanoseconds(wait.slept->requested) <= (wait.from - stop_) * 5 / 4 + kFirstInterval;
  }

  // `told`: the moment that the text names.
  void add(Found& found, const One& wait, TimePoint met, TimePoint told) const {
    const auto requested = Nanoseconds(wait.slept->requested);
    const auto from = std::max({wait.from, met, counted_from_});
    const auto to = std::min(wait.to, wait.from + requested);
    if (from >= to) return;
    if (found.times++ == 0) found.begun_before = wait.was_going_on || wait.from < met;
    found.rest = to - std::max(wait.from, told);
    found.length += idle_between(from, to);
    found.longest = std::max(found.longest, requested);
    found.all_were_going_on &= wait.was_going_on;
  }

  [[nodiscard]] std::string text(const Found& found, const TargetSlept& last) const {
    auto text = who(last);
    const auto call = last.call + "(" + human_duration(found.longest) + ")";
    const auto met = found.all_were_going_on ? "the stop signal" : what_was_met(found);
    if (found.times > 1) {
      text += " waited in " + call + " " + std::to_string(found.times) + " times" +
              (found.begun_before ? ", the first begun before " : " after ") + met;
    } else if (found.begun_before) {
      text += " was still in " + call + ", begun before " + met +
              ", and went on only when it was over, " + human_duration(found.rest) +
              " later: a flag that is polled, or a " + (last.alone ? "fixed sleep" : "time-out");
    } else {
      text += " began " + call + " after " + met;
    }
    return text + (last.place.empty() ? "" : ", in " + last.place);
  }

  [[nodiscard]] std::string who(const TargetSlept& slept) const {
    const auto number = std::to_string(slept.tid);
    if (slept.tid != slept.pid) return slept.thread + " (" + number + ")";
    return std::string("the main thread ") +
           (slept.pid == first_process_ ? "" : "of a child process ") + "(" + slept.thread + ", " +
           number + ")";
  }

  [[nodiscard]] std::string what_was_met(const Found& found) const {
    const auto& body = history_.at(found.after).body;
    if (std::holds_alternative<FaultInvoked>(body)) return "the stop signal";
    if (std::holds_alternative<ProcessEnded>(body)) return "its last child had ended";
    if (std::holds_alternative<RequestEnded>(body) || std::holds_alternative<AnswerBegan>(body))
      return "its last answer";
    return found.with_connection ? last_goodbye(body) : "its last connection was gone";
  }

  // With connections that are still open.
  static std::string last_goodbye(const EventBody& body) {
    const auto of = [](Direction direction, const std::string& what) {
      return (direction == Direction::received ? "its last " : "a client's ") + what;
    };
    if (const auto* frame = std::get_if<CloseFrame>(&body))
      return of(frame->direction, "Close frame");
    if (const auto* notify = std::get_if<CloseNotify>(&body))
      return of(notify->direction, "close_notify");
    if (const auto* fin = std::get_if<Fin>(&body)) return of(fin->direction, "FIN");
    if (std::holds_alternative<Reset>(body)) return "its last reset";
    const auto* ended = std::get_if<ConnectionEnded>(&body);
    if (ended != nullptr && ended->why == ConnectionEndReason::server_closed) return "its last FIN";
    if (ended != nullptr && ended->why == ConnectionEndReason::reset) return "its last reset";
    return "the end of a client's connection";
  }

  const History& history_;
  History target_;  // what was seen of the target alone
  TimePoint stop_;
  TimePoint counted_from_;
  TimePoint ended_;
  EventIndex begun_;
  Open open_;
  std::int32_t first_process_;
  std::set<std::uint64_t> latecomers_;
  std::set<std::pair<ConnectionId, RequestId>> late_requests_;
  std::vector<One> waits_;  // by their ends
};

}  // namespace

std::optional<Nanoseconds> idle_tail(const Plan& plan, const History& history) {
  const auto measured = stop_to_measure(plan, history);
  if (!measured || somebody_kept_it(plan, history, measured->begun, measured->ended))
    return std::nullopt;
  const auto end = history.time(measured->ended);
  if (Open(history, measured->begun).request(end - kExitItself)) return Nanoseconds(0);
  const auto from =
      std::max(history.time(last_obligation(history, *measured)), measured->counted_from);
  if (from >= end) return Nanoseconds(0);
  const auto lag = interference(history, {.from = from, .to = end, .pauses = false}, true);
  if (lag.total > Nanoseconds(0)) return std::nullopt;
  const auto not_idle = paused_between(history, from, end) + starved_between(history, from, end) +
                        busy_between(history, from, end);
  return std::max(Nanoseconds(0), end - from - not_idle);
}

std::string idle_tail_held_by(const Plan& plan, const History& history) {
  const auto measured = stop_to_measure(plan, history);
  return measured ? held_by(plan, history, last_obligation(history, *measured) + 1) : "";
}

std::optional<IdleWaits> idle_waits(const Plan& plan, const History& history) {
  const auto measured = stop_to_measure(plan, history);
  if (!measured || !history.first<SleepsWatched>() || history.first<TraceFailed>())
    return std::nullopt;
  return Waits(history, *measured).found();
}

}  // namespace lastcall::checkers

namespace lastcall::property::prompt_exit {
namespace {

// Lastcall lagged during the tail.
bool is_spoilt(const Plan& plan, const History& history) {
  const auto measured = checkers::stop_to_measure(plan, history);
  return measured && !checkers::somebody_kept_it(plan, history, measured->begun, measured->ended) &&
         !checkers::idle_tail(plan, history);
}

Verdict check(const Plan& plan, const History& history) {
  auto verdict = Verdict::not_applicable("judged over a campaign");
  if (settings<PromptExit>(plan).within && is_spoilt(plan, history))
    verdict.not_judged = {{"in which lastcall itself lagged", 1}};
  return verdict;
}

}  // namespace
}  // namespace lastcall::property::prompt_exit

const lastcall::Checker lastcall::property::PromptExit::kChecker{.property = kName,
                                                                 .check = prompt_exit::check};
