// in-flight-finished: a request that the target had demonstrably taken on before the stop is
// answered.
//
// From outside, what was sent is not what was read: a request may wait in a socket's buffer, and
// refusing it then is a server's right. A request that was unanswered at the stop was taken on if
// - a part of its answer had come, or
// - the program had read all of it, as the kernel said just before the signal
//   (checkers/taken_on.hpp), however young it is and whether or not anybody had been answered.
// Where the kernel said nothing of its connection (the target's sockets are in another network
// namespace, it was sent between that look and the signal), time must do: it was sent at least
// `settling` before the stop to a target that was keeping up with its group of clients. At least
// three requests of the recent past were acknowledged then, and no more are waiting than there are
// clients, so no queue grows. The recent past is one second, or twice the median time of an answer
// where answers take longer. `settling` is the scenario's, or ten times the group's median time of
// an answer, which includes the time until it was read; not less than 50 ms, as long as a process
// may wait for a processor, and not more than 100 ms.
//
// Any answer counts, also a refusal such as 503. RFC 9112, section 9.5, lets a server close a
// connection that it takes for idle while a request is on its way. Once its process has read the
// request nobody else can answer it, and the client cannot tell whether it was carried out: that is
// what this property forbids. Cannot see whether the program had looked at the bytes in its own
// buffer; from the read to that it takes a server some microseconds. Whoever reads on and discards
// after it has closed its own side (section 9.6) has taken nothing on, and is not counted.
//
// Not judged, but counted with the reason if they got no answer: requests whose bytes had not all
// been read, or whose connection was not accepted; those on a connection that the target had closed
// before the stop (`serves` judges that); requests that only time could judge and did not;
// those whose client or connection a fault disturbed during the stop; those whose answer a slow
// reader had not come to when lastcall hung up. A client that came with the stop is not looked at.
// "Sent `settling` before" rests on time: if lastcall was held up, or had the target paused, for
// half of it, the request may have been late. What a deadline cut off that was perhaps lastcall's
// own doing is unknown.
#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "checkers/checkers.hpp"
#include "checkers/hindrance.hpp"
#include "checkers/judging.hpp"
#include "checkers/taken_on.hpp"

namespace lastcall::checkers {
namespace {

constexpr Nanoseconds kRecent = std::chrono::seconds(1);
constexpr std::size_t kEnoughAnswers = 3;
// What `settling` is if the scenario does not say.
constexpr Nanoseconds kLongestSettling = std::chrono::milliseconds(100);
constexpr Nanoseconds kShortestSettling = std::chrono::milliseconds(50);
constexpr int kMediansToSettle = 10;

// What was sent by one group before the stop.
struct GroupLoad {
  std::vector<std::pair<TimePoint, Nanoseconds>> acknowledged;  // when sent, time to the answer
  std::vector<TimePoint> waiting;                               // when sent
};

// What time says of a group's requests where nothing better is known.
struct GroupPace {
  Nanoseconds settling{};
  bool keeps_up = false;
};

std::vector<GroupLoad> loads(const Plan& plan, const History& history, EventIndex stop) {
  std::vector<GroupLoad> loads(plan.scenario.clients.size());
  for (const auto& c : history.connections()) {
    if (c.group >= loads.size()) continue;
    auto& load = loads[c.group];
    for (const auto& r : c.requests) {
      const TimePoint sent = history.time(r.sent);
      if (is_before(r.ended, stop)) {
        if (r.end == RequestEnd::ok)
          load.acknowledged.emplace_back(sent, history.time(*r.ended) - sent);
      } else if (r.sent < stop) {
        load.waiting.push_back(sent);
      }
    }
  }
  return loads;
}

GroupPace pace(GroupLoad& load, std::uint32_t clients, std::optional<Nanoseconds> settling,
               TimePoint stop) {
  GroupPace pace{.settling = settling.value_or(kLongestSettling)};
  if (load.acknowledged.size() < kEnoughAnswers) return pace;
  const auto middle =
      load.acknowledged.begin() + static_cast<std::ptrdiff_t>(load.acknowledged.size() / 2);
  std::ranges::nth_element(load.acknowledged, middle, {},
                           &std::pair<TimePoint, Nanoseconds>::second);
  const auto median = middle->second;
  if (!settling) {
    pace.settling = std::clamp(kMediansToSettle * std::min(median, kLongestSettling),
                               kShortestSettling, kLongestSettling);
  }
  const auto waiting = std::ranges::count_if(
      load.waiting, [&](TimePoint sent) { return sent <= stop - pace.settling; });
  const auto recent = std::max(kRecent, 2 * median);
  const auto count = std::ranges::count_if(
      load.acknowledged, [&](const auto& request) { return request.first >= stop - recent; });
  pace.keeps_up = static_cast<std::size_t>(count) >= kEnoughAnswers && waiting <= clients;
  return pace;
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

// Why a request may have been taken on, or that it was.
struct Standing {
  bool taken_on = false;
  bool by_time = false;  // and nothing but time says so
  std::string how{};     // for a violation: what says so; otherwise: why it is not known to be
};

Standing standing(const RequestView& r, Taking taking, const GroupPace& pace, EventIndex stop,
                  const History& history) {
  if (is_before(r.answer_began, stop)) return {.taken_on = true};
  switch (taking) {
    case Taking::read:
      return {.taken_on = true, .how = "read by the target"};
    case Taking::unread:
      return {.how = "whose bytes the target had not read"};
    case Taking::not_accepted:
      return {.how = "whose connection the target had not accepted"};
    case Taking::unknown:
      break;
  }
  if (history.time(r.sent) > history.time(stop) - pace.settling)
    return {.how = "sent too shortly before the stop to know whether the target had read it"};
  if (!pace.keeps_up) return {.how = "sent to a target that was not known to keep up"};
  return {.taken_on = true, .by_time = true};
}

// Of one trial.
class Requests {
 public:
  Requests(const Plan& plan, const History& history, EventIndex stop)
      : plan_(plan), history_(history), stop_(stop), peers_(plan, history), snapshot_(history) {
    const auto doubt = deadline_in_doubt(plan, history);
    if (doubt) why_doubted_ = doubt->why;
    circumstances_ = {
        .end_was_seen = history.first<TargetEnded>() || history.first<DeadlinePassed>(),
        .doubt = doubt ? doubt->from : history.events().size()};
    auto by_group = loads(plan, history, stop);
    const auto settling = settings(plan, "in-flight-finished").settling;
    for (std::size_t g = 0; g < by_group.size(); ++g) {
      paces_.push_back(
          pace(by_group[g], plan.scenario.clients[g].count, settling, history.time(stop)));
    }
  }

  void judge(const ConnectionView& c) {
    if (c.group >= paces_.size() || plan_.scenario.clients[c.group].during_drain) return;
    for (const auto& r : c.requests) {
      if (r.sent < stop_ && !is_before(r.ended, stop_) && !was_given_up(c)) judge(c, r);
    }
  }

  [[nodiscard]] Verdict verdict() const {
    Verdict verdict{.property = "in-flight-finished", .judged = judged_};
    for (const auto& [why, count] : not_judged_) verdict.not_judged.push_back({why, count});
    if (!violations_.empty()) {
      violations_.fail(verdict, "requests");
    } else if (unseen_ > 0) {
      verdict.outcome = Outcome::unknown;
      verdict.reason = "the outcome of " + std::to_string(unseen_) + " requests was not seen";
      if (!why_doubted_.empty()) verdict.reason += ": " + why_doubted_;
    } else if (judged_ > 0) {
      verdict.outcome = Outcome::pass;
    } else {
      verdict.reason = "no request was demonstrably taken on and unanswered at the stop";
    }
    if (!not_judged_.empty()) {
      verdict.reason += (verdict.reason.empty() ? "" : "; ") + not_judged_text(verdict.not_judged);
    }
    return verdict;
  }

 private:
  // By its client, or by what a fault did to it, before the stop.
  [[nodiscard]] bool was_given_up(const ConnectionView& c) const {
    return is_before(peers_.excused_from(c), stop_) || is_before(c.ended, stop_);
  }

  // By the target, before the stop.
  [[nodiscard]] bool was_closed(const ConnectionView& c) const {
    return is_before(c.close_frame_received, stop_) || is_before(c.close_notify_received, stop_) ||
           is_before(c.fin_received, stop_) || is_before(c.reset, stop_);
  }

  void judge(const ConnectionView& c, const RequestView& r) {
    const auto stands = standing(r, snapshot_.taking(c, r), paces_[c.group], stop_, history_);
    const Fate how = fate(r, c, peers_, circumstances_, history_);
    const bool is_answered = r.ended && r.end != RequestEnd::unknown;
    if (how == Fate::excused) {
      if (!is_answered) ++not_judged_["whose client, or a fault, was to blame"];
    } else if (was_closed(c)) {
      if (how != Fate::answered) ++not_judged_["on a connection that the target had closed before"];
    } else if (!stands.taken_on) {
      if (how != Fate::answered) ++not_judged_[stands.how];
    } else {
      ++(how == Fate::unseen ? unseen_ : judged_);
      if (how == Fate::unanswered) add_violation(c, r, stands);
    }
  }

  // An unanswered request, with what says so.
  void add_violation(const ConnectionView& c, const RequestView& r, const Standing& stands) {
    const TimePoint stop = history_.time(stop_);
    Footing footing{.absence = !r.ended};
    if (stands.by_time) {
      const auto settling = paces_[c.group].settling;
      footing.claim = TimeClaim{stop - settling, stop, settling / 2};
    }
    std::vector<EventIndex> evidence{r.sent};
    if (r.ended) evidence.push_back(*r.ended);
    if (c.ended) evidence.push_back(*c.ended);
    violations_.add(what_it_got(r, plan_.scenario.clients[c.group], history_),
                    address(plan_, c.id, r.id) + ", sent " +
                        humane_duration(stop - history_.time(r.sent)) + " before the stop" +
                        (stands.how.empty() ? "" : ", " + stands.how),
                    evidence, footing);
  }

  const Plan& plan_;
  const History& history_;
  EventIndex stop_;
  Peers peers_;
  SocketSnapshot snapshot_;
  Circumstances circumstances_;
  std::string why_doubted_;
  std::vector<GroupPace> paces_;
  Violations violations_;
  std::map<std::string, std::uint64_t> not_judged_;
  std::uint64_t unseen_ = 0;
  std::uint64_t judged_ = 0;
};

}  // namespace

Verdict in_flight_finished(const Plan& plan, const History& history) {
  if (const auto why_not = no_stop_to_judge(history))
    return {.property = "in-flight-finished", .reason = *why_not};
  Requests requests(plan, history, *history.stop());
  for (const auto& c : history.connections()) requests.judge(c);
  return requests.verdict();
}

}  // namespace lastcall::checkers
