// in-flight-finished: a request that the target had demonstrably taken on before the stop is
// answered, and an answer to one that was sent before it is finished once it is begun.
//
// From outside, what was sent is not what was read: a request may wait in a socket's buffer, and
// refusing it then is a server's right. A request that was unanswered at the stop was taken on if
// - a part of its answer had come, unless it comes over tcp or tls, where the bytes may be meant
// for
//   anybody, and the kernel said that the request was not read; or
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
// Over HTTP an answer that the target began after the stop, and whose connection it or its end then
// closed, fails too, if the request was sent before the stop. On a raw connection the bytes may be
// meant for anybody.
//
// Any answer counts, also a refusal such as 429 or 503, but no 500, 502 or 504 that the group did
// not get, nor any other status from 500 on, before the stop: the stop took away what the answer
// needs. RFC 9112, section 9.5, lets a server close a connection that it takes for idle while a
// request is on its way. Once its process has read the request nobody else can answer it, and the
// client cannot tell whether it was carried out: that is what this property forbids. Cannot see
// whether the program had looked at the bytes in its own buffer; from the read to that it takes a
// server some microseconds. Whoever reads on and discards after it has closed its own side (section
// 9.6) has taken nothing on, and is not counted.
//
// An HTTP answer without a length ends with its connection, whole or not. It was cut if it is
// shorter than those of its group and status before the stop, of which there must be three, all of
// the same length; or if it is empty where none of theirs was.
//
// An answer that is whole, and not of the kind that the group got before the stop, is counted in
// the reason, and no failure: one with a status that none of them had, and one that is shorter, if
// they all had the same length, or else half as long as the shortest. So a stream that ends with
// the stop shows, and an error that was swallowed, and nobody knows which of them it is.
//
// Not judged, but counted with the reason if they got no answer: requests whose bytes had not all
// been read, or whose connection was not accepted; those on a connection that the target had closed
// before the stop (`serves` judges that); those that were sent after the stop and whose answer was
// cut, which a drain with a limit may do; requests that only time could judge and did not; those
// whose client or connection a fault disturbed during the stop; those whose answer a slow reader
// had not come to when lastcall hung up; those that were still open when lastcall ended processes
// that the target had left; and, not over HTTP, those of a group that was never answered: neither
// WebSocket nor TCP knows an answer, and the target may owe none. Counted likewise are answers that
// ended with the connection where nothing says how long they are, and a 500 where the group was not
// answered before the stop. "Sent `settling` before" rests on time: if lastcall was held up, or had
// the target paused, for half of it, the request may have been late. What a deadline cut off that
// was perhaps lastcall's own doing is unknown, and so is what the target cut a second or
// more after the stop, perhaps by a time limit of its own, if lastcall was held up for a tenth of
// that time or the target waited for a processor for half of it.
#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "base/durations.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "checkers/interference.hpp"
#include "checkers/stop_signals.hpp"
#include "checkers/taken_on.hpp"
#include "scenario/properties/in_flight_finished.hpp"

namespace lastcall::property::in_flight_finished {
namespace {

constexpr Nanoseconds kRecent = std::chrono::seconds(1);
constexpr std::size_t kEnoughAnswers = 3;
// What `settling` is if the scenario does not say.
constexpr Nanoseconds kLongestSettling = std::chrono::milliseconds(100);
constexpr Nanoseconds kShortestSettling = std::chrono::milliseconds(50);
constexpr int kMediansToSettle = 10;

// Of answers, by status.
struct Lengths {
  std::size_t count = 0;
  std::uint32_t shortest = UINT32_MAX;
  std::uint32_t longest = 0;

  void add(std::uint32_t length) {
    ++count;
    shortest = std::min(shortest, length);
    longest = std::max(longest, length);
  }
};
using LengthsByStatus = std::map<std::int32_t, Lengths>;

// How the requests of one group ended, and which had not at the stop.
struct GroupSeen {
  // Before the stop: when sent, time to the answer.
  std::vector<std::pair<TimePoint, Nanoseconds>> acknowledged;
  std::vector<TimePoint> waiting;  // when sent
  LengthsByStatus until_eof;       // of those before the stop that ended so
  LengthsByStatus whole;           // and of the others
  bool was_answered = false;       // before the stop
  bool was_failed = false;         // before the stop, by a status from 500 on
  bool is_acknowledged = false;    // before or after it
};

// What time says of a group's requests where nothing better is known.
struct GroupPace {
  Nanoseconds settling{};
  std::optional<Nanoseconds> median{};  // time to an answer; none if there were too few
  bool keeps_up = false;
};

// There must be an end.
const RequestEnded& ended_of(const RequestView& r, const History& history) {
  return std::get<RequestEnded>(history.at(*r.ended).body);
}

void look(GroupSeen& seen, const RequestView& r, bool is_excused, EventIndex stop,
          const History& history) {
  seen.is_acknowledged |= r.end == RequestEnd::ok;
  const TimePoint sent = history.time(r.sent);
  if (!is_before(r.ended, stop)) {
    if (r.sent < stop) seen.waiting.push_back(sent);
    return;
  }
  const auto& ended = ended_of(r, history);
  seen.was_answered |= r.end != RequestEnd::unknown;
  seen.was_failed |= ended.status >= 500;
  if (r.end != RequestEnd::ok) return;
  seen.acknowledged.emplace_back(sent, history.time(*r.ended) - sent);
  if (!is_excused) (r.ended_by_eof ? seen.until_eof : seen.whole)[ended.status].add(ended.bytes);
}

GroupPace pace(GroupSeen& seen, std::uint32_t clients, std::optional<Nanoseconds> settling,
               TimePoint stop) {
  GroupPace pace{.settling = settling.value_or(kLongestSettling)};
  if (seen.acknowledged.size() < kEnoughAnswers) return pace;
  const auto middle =
      seen.acknowledged.begin() + static_cast<std::ptrdiff_t>(seen.acknowledged.size() / 2);
  std::ranges::nth_element(seen.acknowledged, middle, {},
                           &std::pair<TimePoint, Nanoseconds>::second);
  const auto median = middle->second;
  pace.median = median;
  if (!settling) {
    pace.settling = std::clamp(kMediansToSettle * std::min(median, kLongestSettling),
                               kShortestSettling, kLongestSettling);
  }
  const auto waiting = std::ranges::count_if(
      seen.waiting, [&](TimePoint sent) { return sent <= stop - pace.settling; });
  const auto recent = std::max(kRecent, 2 * median);
  const auto count = std::ranges::count_if(
      seen.acknowledged, [&](const auto& request) { return request.first >= stop - recent; });
  pace.keeps_up = static_cast<std::size_t>(count) >= kEnoughAnswers && waiting <= clients;
  return pace;
}

// What became of a request. `failed`: it got a 500, 502 or 504; `unclear`: its answer may have been
// cut; `cut`: by lastcall, with the processes that were left.
enum class Fate : std::uint8_t { answered, failed, unclear, unanswered, unseen, excused, cut };

// What the fates of requests depend on beside themselves.
struct Circumstances {
  bool end_was_seen = false;
  EventIndex doubt = 0;       // from here on the end may be lastcall's doing
  EventIndex left_ended = 0;  // here lastcall ended the processes that were left
};

// By the target, before the event.
bool was_closed(const ConnectionView& c, EventIndex limit) {
  return is_before(c.close_frame_received, limit) || is_before(c.close_notify_received, limit) ||
         is_before(c.fin_received, limit) || is_before(c.reset, limit);
}

// Not 503, which refuses (RFC 9110, section 15.6).
bool is_failure(int status) { return status == 500 || status == 502 || status == 504; }

// Of one that was answered after the stop.
Fate fate_of_answer(const RequestView& r, const GroupSeen& before, const History& history) {
  const auto& ended = ended_of(r, history);
  if (r.end == RequestEnd::refused) {
    return is_failure(ended.status) && !before.was_failed ? Fate::failed : Fate::answered;
  }
  if (!r.ended_by_eof) return Fate::answered;
  const auto found = before.until_eof.find(ended.status);
  if (found == before.until_eof.end()) return Fate::unclear;
  const auto& lengths = found->second;
  if (lengths.count < kEnoughAnswers) return Fate::unclear;
  if (ended.bytes == 0 && lengths.shortest > 0) return Fate::unanswered;
  if (lengths.shortest != lengths.longest) return Fate::unclear;
  return ended.bytes < lengths.shortest ? Fate::unanswered : Fate::answered;
}

// What is odd about an answer that came after the stop and was whole; empty if nothing is.
std::string_view what_is_odd(const RequestView& r, const GroupSeen& before,
                             const History& history) {
  if (r.end != RequestEnd::ok || r.ended_by_eof || before.acknowledged.size() < kEnoughAnswers)
    return {};
  const auto& ended = ended_of(r, history);
  const auto found = before.whole.find(ended.status);
  if (found == before.whole.end()) {
    return before.until_eof.contains(ended.status)
               ? std::string_view{}
               : "answered with a status that none had before the stop";
  }
  const auto& lengths = found->second;
  const bool is_short = ended.bytes < lengths.shortest && (lengths.shortest == lengths.longest ||
                                                           ended.bytes <= lengths.shortest / 2);
  return is_short && lengths.count >= kEnoughAnswers
             ? "whose answer was shorter than all before the stop"
             : std::string_view{};
}

Fate fate(const RequestView& request, const ConnectionView& c, const GroupSeen& before,
          const Peers& peers, const Circumstances& circumstances, const History& history) {
  const auto disturbed = peers.excused_from(c);
  if (disturbed && !is_before(request.ended, *disturbed)) return Fate::excused;
  if (request.ended && request.end != RequestEnd::unknown) {
    const Fate how = fate_of_answer(request, before, history);
    if (how != Fate::unanswered) return how;
  }
  if (c.ended && peers.behaviour(c) == Behaviour::slow_reader &&
      std::get<ConnectionEnded>(history.at(*c.ended).body).why == ConnectionEndReason::harness) {
    return Fate::excused;
  }
  const auto limit = circumstances.left_ended;
  const bool was_over = is_before(request.ended, limit) || is_before(c.ended, limit);
  if (limit < history.events().size() && !was_over && !was_closed(c, limit)) return Fate::cut;
  const bool is_over = circumstances.end_was_seen || request.ended || c.ended;
  const auto when = request.ended.value_or(history.events().size() - 1);
  return is_over && when < circumstances.doubt ? Fate::unanswered : Fate::unseen;
}

// Whether the target began an answer to a request that got no whole one, and then closed the
// connection or ended. What lastcall's SIGKILL cut is not its doing. A time-out counts: the client
// had seen the close begin and waited for its rest.
bool was_cut(const RequestView& r, const ConnectionView& c, const ClientGroup& group,
             const History& history) {
  if (!is_http(group.protocol) || !r.answer_began || !r.ended || !c.ended) return false;
  const auto killed = cut_by_lastcall(history);
  if (killed && !is_before(r.ended, *killed)) return false;
  const auto why = std::get<ConnectionEnded>(history.at(*c.ended).body).why;
  return why == ConnectionEndReason::server_closed || why == ConnectionEndReason::reset ||
         why == ConnectionEndReason::timeout;
}

// What is wrong with how it ended. Lastcall itself cuts off what is not finished at the deadline.
// In process an answer is a call's return: what began is the subject's work.
std::string what_it_got(const RequestView& r, const ClientGroup& group, const History& history) {
  if (r.end == RequestEnd::refused)
    return "got status " + std::to_string(ended_of(r, history).status) +
           ", as none did before the stop";
  if (!r.answer_began || is_in_process(group)) return "got no answer";
  if (is_raw(group.protocol)) return "got bytes, but not what acknowledges them (ack)";
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

Standing standing(const RequestView& r, const ClientGroup& group, Taking taking,
                  const GroupPace& pace, EventIndex stop, const History& history) {
  // Over tcp and tls the bytes may have been meant for anybody.
  const bool is_unread = taking == Taking::unread || taking == Taking::not_accepted;
  if (is_before(r.answer_began, stop) && !(is_unread && is_raw(group.protocol)))
    return {.taken_on = true};
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
        .doubt = doubt ? doubt->from : history.events().size(),
        .left_ended = left_processes_ended(history).value_or(history.events().size())};
    groups_.resize(plan.scenario.clients.size());
    for (const auto& c : history.connections()) {
      if (c.group >= groups_.size()) continue;
      const auto excused = peers_.excused_from(c);
      for (const auto& r : c.requests)
        look(groups_[c.group], r, r.ended && is_before(excused, *r.ended), stop, history);
    }
    const auto settling = settings<InFlightFinished>(plan).settling;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      paces_.push_back(
          pace(groups_[g], plan.scenario.clients[g].count, settling, history.time(stop)));
    }
  }

  void judge(const ConnectionView& c) {
    if (c.group >= groups_.size() || was_given_up(c)) return;
    const auto& group = plan_.scenario.clients[c.group];
    for (const auto& r : c.requests) {
      if (is_before(r.ended, stop_)) continue;
      const bool is_cut = was_cut(r, c, group, history_);
      if (r.sent < stop_) {
        if (!group.during_drain) judge(c, r, is_cut);
      } else if (is_cut && r.end == RequestEnd::unknown && !peers_.excused_from(c)) {
        ++not_judged_["sent after the stop, whose answer was cut"];
      }
    }
  }

  [[nodiscard]] Verdict verdict() const {
    Verdict verdict{.judged = judged_};
    for (const auto& [why, count] : not_judged_) verdict.not_judged.push_back({why, count});
    for (const auto& [what, count] : odd_) verdict.noted.push_back({std::string(what), count});
    if (!violations_.empty()) {
      violations_.fail(verdict, "requests");
      verdict.reason += too_soon();
      verdict.say(signal_advice(history_));
    } else if (unseen_ > 0) {
      verdict.conclude(Outcome::unknown,
                       "the outcome of " + std::to_string(unseen_) + " requests was not seen");
      if (!why_doubted_.empty()) verdict.reason += ": " + why_doubted_;
    } else if (judged_ > 0) {
      verdict.outcome = Outcome::pass;
    } else {
      verdict.reason =
          "no request was demonstrably taken on and unanswered at the stop: raise count in "
          "[[clients]], or name a url whose answers take longer";
    }
    verdict.say(items_text(verdict.noted));
    if (!not_judged_.empty()) verdict.say(not_judged_text(verdict.not_judged));
    return verdict;
  }

 private:
  // By its client, or by what a fault did to it, before the stop.
  [[nodiscard]] bool was_given_up(const ConnectionView& c) const {
    return is_before(peers_.excused_from(c), stop_) || is_before(c.ended, stop_);
  }

  void judge(const ConnectionView& c, const RequestView& r, bool is_cut) {
    const Fate how = fate(r, c, groups_[c.group], peers_, circumstances_, history_);
    auto stands = standing(r, plan_.scenario.clients[c.group], snapshot_.taking(c, r),
                           paces_[c.group], stop_, history_);
    const bool is_open = how == Fate::unanswered || how == Fate::unseen || how == Fate::cut;
    if (is_cut && is_open && (!stands.taken_on || stands.by_time)) stands = {.taken_on = true};
    const bool is_answered = r.end != RequestEnd::unknown && !is_open;
    if (how == Fate::answered) {
      if (is_http(plan_.scenario.clients[c.group].protocol)) {
        const auto odd = what_is_odd(r, groups_[c.group], history_);
        if (!odd.empty()) ++odd_[odd];
      }
      if (stands.taken_on && !was_closed(c, stop_)) ++judged_;
    } else if (is_answered && (how == Fate::excused || !stands.taken_on)) {
      return;
    } else if (const auto why_not = why_not_judged(c, how, stands); !why_not.empty()) {
      ++not_judged_[why_not];
    } else {
      ++(how == Fate::unseen ? unseen_ : judged_);
      if (how != Fate::unseen) add_violation(c, r, how, stands);
    }
  }

  // Of one that was not answered as it should be; empty if it is judged.
  [[nodiscard]] std::string why_not_judged(const ConnectionView& c, Fate how,
                                           const Standing& stands) const {
    const auto& group = plan_.scenario.clients[c.group];
    const auto& seen = groups_[c.group];
    if (how == Fate::excused) return "whose client, or a fault, was to blame";
    if (was_closed(c, stop_)) return "on a connection that the target had closed before";
    if (!is_http(group.protocol) && !is_in_process(group) && !seen.is_acknowledged)
      return "sent by a group that was never answered";
    if (!stands.taken_on) return stands.how;
    if (how == Fate::cut) return kCutWithLeft;
    if (how == Fate::unclear) return "whose answer ended with its connection and may have been cut";
    if (how == Fate::failed && !seen.was_answered)
      return "that got an error in a group that was not answered before the stop";
    return "";
  }

  // With what says so.
  void add_violation(const ConnectionView& c, const RequestView& r, Fate how,
                     const Standing& stands) {
    const auto& group = plan_.scenario.clients[c.group];
    const TimePoint stop = history_.time(stop_);
    const TimePoint sent = history_.time(r.sent);
    const bool is_cut_by_eof = how == Fate::unanswered && r.ended_by_eof;
    // The last two are told by what the others got, all of them.
    ClaimBasis footing{.absence = !r.ended || how == Fate::failed || is_cut_by_eof};
    if (how == Fate::unanswered && r.ended)
      footing.claim = claim_of_own_limit(stop, history_.time(*r.ended));
    if (stands.by_time) {
      const auto settling = paces_[c.group].settling;
      footing.claim = TimeClaim{stop - settling, stop, settling / 2};
    }
    std::vector<EventIndex> evidence{r.sent};
    // Another end of an answer is an act of the target (checkers/consequences.hpp).
    if (r.ended) evidence.push_back(is_cut_by_eof ? *r.ended_by_eof : *r.ended);
    if (c.ended) evidence.push_back(*c.ended);
    violations_.add(what_it_got(r, group, history_),
                    address(plan_, c.id, r.id) + ", sent " + human_duration(stop - sent) +
                        " before the stop" + (stands.how.empty() ? "" : ", " + stands.how) +
                        (how == Fate::failed ? said_text(ended_of(r, history_).said) : ""),
                    evidence, footing);
    if (how == Fate::unanswered && !is_in_process(group))
      median_ = std::max(median_, paces_[c.group].median.value_or(Nanoseconds(0)));
  }

  // That the target was gone before it could have answered; empty if it was not.
  [[nodiscard]] std::string too_soon() const {
    const auto ended = history_.first<TargetEnded>();
    if (!ended || is_before(history_.first<TargetForced>(), *ended)) return "";
    const auto after = history_.time(*ended) - history_.time(stop_);
    const bool exited = ended->body->how == EndKind::exited;
    const auto went = std::string("; the target ") + (exited ? "exited " : "ended ") +
                      human_duration(after) + " after " + stop_signal_name(history_);
    if (after < 2 * median_)
      return went + ", its answers took " + human_duration(median_) + " (median)";
    const bool nobody = std::ranges::none_of(
        groups_, [](const auto& seen) { return seen.was_answered || seen.is_acknowledged; });
    return nobody ? went + ", before it had answered anybody" : "";
  }

  const Plan& plan_;
  const History& history_;
  EventIndex stop_;
  Peers peers_;
  SocketSnapshot snapshot_;
  Circumstances circumstances_;
  std::string why_doubted_;
  std::vector<GroupSeen> groups_;
  std::vector<GroupPace> paces_;
  Violations violations_;
  Nanoseconds median_{};  // the longest time of an answer of a group with one that is missing
  std::map<std::string, std::uint64_t> not_judged_;
  std::map<std::string_view, std::uint64_t> odd_;  // answers
  std::uint64_t unseen_ = 0;
  std::uint64_t judged_ = 0;
};

Verdict check(const Plan& plan, const History& history) {
  if (const auto why_not = no_stop_to_judge(history)) return Verdict::not_applicable(*why_not);
  Requests requests(plan, history, *history.stop());
  for (const auto& c : history.connections()) requests.judge(c);
  return requests.verdict();
}

}  // namespace
}  // namespace lastcall::property::in_flight_finished

const lastcall::Checker lastcall::property::InFlightFinished::kChecker{
    .property = kName,
    .check = in_flight_finished::check,
    .not_asked = without_clients,
    .needs_clients = true,
    .judges_the_stop = true,
    .off_when_forced = true,
    .is_cut_off = true};
