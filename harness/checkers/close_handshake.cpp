// close-handshake: each WebSocket client gets a Close frame with an agreed code (RFC 6455, section
// 7), each TLS client close_notify (RFC 8446, section 6.1), and none of them a reset.
//
// Judges connections that were fully up at the stop and that their client had not begun to close,
// and WebSockets whose upgrade the target answered after it: it could have refused. Of those that
// their client had begun to close it counts the ones whose Close frame got no answer, if their end
// came after the stop. Those whose upgrade came as the target ended are counted only: a thread that
// answers cannot take its 101 back when another ends the process.
//
// Agreed are the codes that `codes` lists. Without that: 1000, 1001, 1012 and a Close frame without
// a code; codes from 4000 to 4999 are the application's, so they are counted and said.
//
// A reset after the goodbye (the Close frame; over TLS close_notify; on a plain connection FIN)
// cuts nothing off that the client waits for: whoever closes without waiting for the client's own
// Close (RFC 6455, section 7.1.1) or close_notify (RFC 8446, section 6.1) ends so. It is counted
// and said; with `strict` it is a violation. A reset instead of the goodbye always is one, and so
// is, over TLS, a reset after the Close frame and before close_notify. Whatever happens to a
// connection after lastcall began to force the target's end is not the target's doing, nor what
// lastcall cuts as it ends processes that the target had left: those are counted only.
//
// What a client waited for in vain is not judged if the target waited for a processor for a tenth
// of that time: it may have been about to say it. A goodbye that had not come when the target ended
// the connection a second or more after the stop, perhaps by a time limit of its own, is unknown if
// lastcall was held up for a tenth of that time, or the target waited for a processor for half.
//
// Cannot see what the server sent and the network lost. A client that sent a request after the
// stop, or so shortly before that the server need not have read it (in-flight-finished's
// `settling`) and got no answer to it, not over WebSocket, may meet a reset that destroys
// close_notify too: a window that no server can close (RFC 9112, sections 9.5 and 9.6), so such
// connections are not judged; nor is the reset of a plain one that got no byte of an answer, unless
// the kernel says that the server had accepted it (checkers/taken_on.hpp).
//
// A connection that its client or a fault disturbed is judged by what was seen before. A silent
// client is owed what came up: over TLS close_notify. One that never closes its side is reset in
// the end by any server that limits how long it waits: not even `strict` takes that for a violation
// once the server had closed its own side. A slow reader that lastcall hung up on may not have come
// to the goodbye yet. What a deadline cut off that was perhaps lastcall's own doing is unknown.
#include <algorithm>

#include "base/durations.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "checkers/close_codes.hpp"
#include "checkers/interference.hpp"
#include "checkers/taken_on.hpp"
#include "scenario/properties/close_handshake.hpp"

namespace lastcall::property::close_handshake {
namespace {

// An upgrade and the exit that are no further apart may have crossed.
constexpr Nanoseconds kCrossing = std::chrono::milliseconds(5);

// What the server owed and did not give; empty if nothing.
struct Debt {
  std::string what;
  bool proven = false;             // no later event could mend it
  bool absence = false;            // it rests on something that was not seen
  bool is_act = false;             // the target did what it should not, however long it took
  std::optional<EventIndex> at{};  // what proves it, if one event does
};

bool is_plain(Protocol protocol) { return !is_websocket(protocol) && !is_tls(protocol); }

// What a connection of this client speaks: one that is silent never gets beyond TLS.
Protocol spoken(Protocol protocol, Behaviour behaviour) {
  if (behaviour != Behaviour::silent) return protocol;
  return is_tls(protocol) ? Protocol::tls : Protocol::tcp;
}

// What a connection was told and how it ended, as far as the target had the say.
struct Farewell {
  const CloseFrame* close_frame = nullptr;
  bool close_notify = false;
  bool fin = false;
  std::optional<EventIndex> reset{};
  bool broke_protocol = false;
};

bool had_goodbye(const Farewell& told, Protocol protocol) {
  if (is_tls(protocol)) return told.close_notify;
  return is_websocket(protocol) ? told.close_frame != nullptr : told.fin;
}

// How a reason calls a reset that came after the goodbye, or after a part of it.
std::string reset_after_goodbye(const Farewell& told) {
  const std::string last = told.close_notify             ? "close_notify"
                           : told.close_frame != nullptr ? "the Close frame"
                                                         : "FIN";
  return "were reset after " + last;
}

// Over TLS a reset alone proves nothing: it may follow a complete goodbye.
Debt no_close_frame(const Farewell& told, Protocol protocol) {
  const bool owes_notify = is_tls(protocol) && !told.close_notify;
  if (told.reset) {
    return {.what = std::string("were reset without a Close frame") +
                    (owes_notify ? " or close_notify" : ""),
            .proven = true,
            .absence = is_tls(protocol),
            .at = told.reset};
  }
  return {.what = owes_notify ? "got neither a Close frame nor close_notify" : "got no Close frame",
          .absence = true};
}

Debt debt(const Farewell& told, Protocol protocol) {
  if (is_websocket(protocol) && told.close_frame == nullptr) return no_close_frame(told, protocol);
  if (had_goodbye(told, protocol)) return {};
  if (told.reset) {
    const auto what =
        told.close_frame != nullptr ? reset_after_goodbye(told) + "," : std::string("were reset");
    return {.what = is_tls(protocol) ? what + " without close_notify" : what,
            .proven = true,
            .absence = is_tls(protocol),
            .at = told.reset};
  }
  if (is_tls(protocol)) return {.what = "got no close_notify", .absence = true};
  return {};
}

// Whether its client, not the server, is why the server has to reset it in the end: one that keeps
// its side open, once the server has closed its own, or that was late to read that it did.
bool is_reset_for_its_client(const ConnectionView& c, Behaviour behaviour) {
  if (behaviour == Behaviour::never_closes) return is_before(c.fin_received, *c.reset);
  return behaviour == Behaviour::slow_reader && is_before(c.close_frame_received, *c.reset);
}

bool is_over_before(const ConnectionView& c, EventIndex stop) {
  const auto over = {c.ended,
                     c.reset,
                     c.close_frame_sent,
                     c.close_frame_received,
                     c.close_notify_sent,
                     c.close_notify_received,
                     c.fin_sent,
                     c.fin_received};
  return std::ranges::any_of(over, [stop](const auto& event) { return is_before(event, stop); });
}

ConnectionEndReason end_reason(const ConnectionView& c, const History& history) {
  return std::get<ConnectionEnded>(history.at(c.ended.value()).body).why;
}

// Its client had what it wanted and closed first, as it happens after the stop too.
bool closed_by_its_client(const ConnectionView& c, Protocol protocol, const History& history) {
  return c.ended && end_reason(c, history) == ConnectionEndReason::finished &&
         closed_by_client(c, protocol);
}

bool is_answered(const RequestView& r) {
  return r.answer_began || (r.ended && r.end != RequestEnd::unknown);
}

// Whether the connection was watched to its own end, and not hung up by lastcall before the server
// had closed.
bool is_watched_to_its_end(const ConnectionView& c, const History& history) {
  return c.fin_received || (c.ended && end_reason(c, history) != ConnectionEndReason::harness);
}

// Whether the server's part was over before the event: nothing after it changes what is said.
bool is_decided_before(const ConnectionView& c, const Debt& owed, EventIndex limit) {
  if (is_before(owed.at, limit)) return true;
  const bool is_gone =
      is_before(c.fin_received, limit) || is_before(c.reset, limit) || is_before(c.ended, limit);
  if (!owed.what.empty()) return !owed.at && is_gone;
  return is_gone || is_before(c.close_frame_received, limit) ||
         is_before(c.close_notify_received, limit);
}

enum class Judgement : std::uint8_t { not_judged, held, violated, unseen };

class Judge {
 public:
  Judge(const Plan& plan, const History& history)
      : plan_(plan),
        history_(history),
        stop_(*history.stop()),
        settled_(settled_before_stop(plan, history)),
        told_(settings<CloseHandshake>(plan)),
        forced_(cut_by_lastcall(history)),
        left_ended_(left_processes_ended(history)),
        peers_(plan, history),
        snapshot_(history),
        upgrades_until_(end_of_upgrades(history)),
        doubt_(deadline_in_doubt(plan, history)),
        deadline_passed_(!doubt_ && history.first<DeadlinePassed>()) {}

  Judgement operator()(const ConnectionView& c, const ClientGroup& group) {
    const auto behaviour = peers_.behaviour(c);
    const auto protocol = spoken(group.protocol, behaviour);
    if (!was_up_in_time(c, group, protocol)) return Judgement::not_judged;
    if (is_over_before(c, stop_) || closed_by_its_client(c, protocol, history_)) {
      if (was_left_unanswered(c)) ++unanswered_;
      return Judgement::not_judged;
    }
    const auto disturbed = peers_.excused_from(c);
    const auto farewell = farewell_of(c, disturbed);
    const auto owed = what_is_owed(c, farewell, protocol, behaviour);
    if (disturbed && !is_decided_before(c, owed, *disturbed)) return Judgement::not_judged;
    const bool is_late = is_late_sender(c, protocol);
    if (!owed.what.empty() && (may_be_backlog(c, protocol) || is_late)) {
      return Judgement::not_judged;
    }
    // A plain connection is owed nothing but the absence of a reset, which only an end shows that
    // lastcall did not force.
    const bool needs_its_end = owed.what.empty() ? is_plain(protocol) : !owed.proven;
    if (needs_its_end && left_ended_ && !is_decided_before(c, owed, *left_ended_)) {
      ++cut_with_left_;
      return Judgement::not_judged;
    }
    if (needs_its_end && is_plain(protocol) && forced_ && !is_over_before(c, *forced_)) {
      return doubt_ ? Judgement::unseen : Judgement::not_judged;
    }
    if (needs_its_end && !deadline_passed_ && !is_watched_to_its_end(c, history_)) {
      // A server that is woken by the first byte only (TCP_DEFER_ACCEPT, tcp(7)) leaves a silent
      // connection to the kernel, which drops it without a word.
      const bool is_nobodys = is_plain(protocol) && may_be_backlog(c, protocol);
      return behaviour == Behaviour::slow_reader || is_nobodys ? Judgement::not_judged
                                                               : Judgement::unseen;
    }
    if (!owed.what.empty() && doubt_ && !is_decided_before(c, owed, doubt_->from)) {
      return Judgement::unseen;
    }
    const auto claim = owed.what.empty() ? std::nullopt : wait_for(c, owed);
    if (gave_up(c) && claim) {
      const auto starved = starved_between(history_, claim->from, claim->to);
      if (starved >= claim->tolerance) {
        starved_ = std::max(starved_, starved);
        return Judgement::unseen;
      }
    }
    if (!is_late) remark(c, farewell, owed);
    if (owed.what.empty()) return Judgement::held;
    violations_.add(owed.what, who(c, farewell), evidence(c, farewell),
                    {.absence = owed.absence, .claim = claim});
    return Judgement::violated;
  }

  [[nodiscard]] std::string doubt() const {
    if (doubt_) return ": " + doubt_->why;
    return starved_ == Nanoseconds(0) ? ""
                                      : ": their clients gave up, but the target waited up to " +
                                            human_duration(starved_) + " of that for a processor";
  }
  [[nodiscard]] const Violations& violations() const { return violations_; }
  // Those that closed first, whose Close frame the server did not answer.
  [[nodiscard]] std::uint64_t unanswered() const { return unanswered_; }
  // What is no violation and is said all the same.
  [[nodiscard]] const Violations& remarks() const { return remarks_; }
  // Connections that came up too late for a goodbye, and got none.
  [[nodiscard]] std::uint64_t too_late() const { return too_late_; }
  // Those that lastcall cut as it ended processes that were left.
  [[nodiscard]] std::uint64_t cut_with_left() const { return cut_with_left_; }

 private:
  // In process only what was open at the stop is owed a goodbye.
  [[nodiscard]] bool was_up_in_time(const ConnectionView& c, const ClientGroup& group,
                                    Protocol protocol) {
    const auto up = all_layers_up(c, protocol);
    if (!up || *up < stop_) return up.has_value();
    if (!is_websocket(protocol) || is_in_process(group)) return false;
    if (history_.time(*up) < upgrades_until_) return true;
    if (!c.close_frame_received) ++too_late_;
    return false;
  }

  // Until the target had ended, or was past the time that it had to say goodbye.
  [[nodiscard]] static TimePoint end_of_upgrades(const History& history) {
    auto until = TimePoint::max();
    if (const auto i = history.first<TargetEnded>()) until = history.time(*i) - kCrossing;
    if (const auto i = history.first<TargetForced>()) until = std::min(until, history.time(*i));
    if (const auto i = history.first<DeadlinePassed>()) until = std::min(until, history.time(*i));
    return until;
  }

  // Nothing shows that the server has accepted the connection: without TLS or WebSocket a connect
  // succeeds in the kernel's backlog, whose reset at the stop is a window that no server can close.
  [[nodiscard]] bool may_be_backlog(const ConnectionView& c, Protocol protocol) const {
    return is_plain(protocol) && std::ranges::none_of(c.requests, is_answered) &&
           !snapshot_.accepted(c).value_or(false);
  }

  // Until its own end, which came after the stop; `serves` judges those before.
  [[nodiscard]] bool was_left_unanswered(const ConnectionView& c) const {
    if (!is_close_unanswered(c, *group_of(plan_, c)) || !c.ended || is_before(c.ended, stop_))
      return false;
    if (is_before(forced_, *c.ended) || peers_.excused_from(c)) return false;
    const auto why = end_reason(c, history_);
    return why != ConnectionEndReason::harness && why != ConnectionEndReason::protocol;
  }
  [[nodiscard]] Farewell farewell_of(const ConnectionView& c,
                                     std::optional<EventIndex> disturbed) const {
    Farewell told{.close_notify = c.close_notify_received.has_value()};
    if (c.close_frame_received) {
      told.close_frame = &std::get<CloseFrame>(history_.at(*c.close_frame_received).body);
    }
    // Neither is the target's: what the kernel does with its sockets once lastcall kills it, and
    // what follows a disturbance.
    const auto until = std::min(forced_.value_or(history_.events().size()),
                                disturbed.value_or(history_.events().size()));
    const auto is_its_own = [until](const auto& event) { return is_before(event, until); };
    told.fin = is_its_own(c.fin_received);
    if (is_its_own(c.reset)) told.reset = c.reset;
    told.broke_protocol =
        is_its_own(c.ended) && end_reason(c, history_) == ConnectionEndReason::protocol;
    return told;
  }

  // Half a code, a code that must not be sent, or a reason that is not UTF-8 (RFC 6455, sections
  // 5.5.1 and 7.4.1) is broken protocol to the client. Half a code is recorded as none.
  [[nodiscard]] std::string what_is_wrong(const ConnectionView& c, const Farewell& farewell) const {
    const int code = farewell.close_frame->code;
    if (farewell.broke_protocol && (code == kNoCloseCode || is_agreed(code, told_.codes))) {
      const auto& ended = std::get<ConnectionEnded>(history_.at(*c.ended).body);
      return "got a Close frame and broken protocol (" + ended.detail + ")";
    }
    if (is_agreed(code, told_.codes)) return "";
    return "got " + close_code_text(code) + " instead of " + agreed_codes_text(told_.codes);
  }

  [[nodiscard]] Debt what_is_owed(const ConnectionView& c, const Farewell& farewell,
                                  Protocol protocol, Behaviour behaviour) const {
    if (farewell.close_frame != nullptr) {
      const auto wrong = what_is_wrong(c, farewell);
      if (!wrong.empty()) {
        return {.what = wrong, .proven = true, .is_act = true, .at = c.close_frame_received};
      }
    }
    auto owed = debt(farewell, protocol);
    if (!farewell.reset) return owed;
    const bool is_strict = told_.strict && had_goodbye(farewell, protocol) && owed.what.empty();
    if (is_strict && !is_reset_for_its_client(c, behaviour)) {
      return {.what = reset_after_goodbye(farewell),
              .proven = true,
              .is_act = true,
              .at = farewell.reset};
    }
    // A slow reader that was cut off may not have come to close_notify.
    if (behaviour == Behaviour::slow_reader && farewell.close_frame != nullptr) return {};
    return owed;
  }

  void remark(const ConnectionView& c, const Farewell& farewell, const Debt& owed) {
    if (farewell.close_frame != nullptr && told_.codes.empty() &&
        is_private_code(farewell.close_frame->code)) {
      remarks_.add(private_code_text(farewell.close_frame->code), who(c, farewell), {});
    }
    if (farewell.reset && owed.at != farewell.reset) {
      remarks_.add(reset_after_goodbye(farewell), address(plan_, c.id), {});
    }
  }

  [[nodiscard]] std::string who(const ConnectionView& c, const Farewell& farewell) const {
    const auto* frame = farewell.close_frame;
    return address(plan_, c.id) + (frame == nullptr ? "" : said_text(frame->reason));
  }

  [[nodiscard]] bool is_late_sender(const ConnectionView& c, Protocol protocol) const {
    return !is_websocket(protocol) && std::ranges::any_of(c.requests, [&](const RequestView& r) {
      return r.sent > stop_ || (!is_answered(r) && history_.time(r.sent) > settled_);
    });
  }

  [[nodiscard]] static std::vector<EventIndex> evidence(const ConnectionView& c,
                                                        const Farewell& farewell) {
    std::vector<EventIndex> evidence;
    for (const auto& event : {c.close_frame_received, farewell.reset, c.ended}) {
      if (event) evidence.push_back(*event);
    }
    if (evidence.empty()) evidence.push_back(c.invoked);
    return evidence;
  }

  [[nodiscard]] bool gave_up(const ConnectionView& c) const {
    return c.ended && end_reason(c, history_) == ConnectionEndReason::timeout;
  }

  // How long the goodbye did not come: until the client ran out of patience, or until the target
  // ended it otherwise, perhaps by a time limit of its own.
  [[nodiscard]] std::optional<TimeClaim> wait_for(const ConnectionView& c, const Debt& owed) const {
    if (owed.is_act || !c.ended || is_before(forced_, *c.ended)) return std::nullopt;
    const auto from = history_.time(stop_);
    const auto to = history_.time(*c.ended);
    return gave_up(c) ? claim_of_wait(from, to) : claim_of_own_limit(from, to);
  }

  const Plan& plan_;
  const History& history_;
  EventIndex stop_;
  TimePoint settled_;
  const CloseHandshake& told_;
  std::optional<EventIndex> forced_;      // from here on what happens is lastcall's doing
  std::optional<EventIndex> left_ended_;  // the same, where the target had gone by itself
  Peers peers_;
  SocketSnapshot snapshot_;
  TimePoint upgrades_until_;
  std::optional<DeadlineDoubt> doubt_;
  bool deadline_passed_;
  Violations violations_;
  Violations remarks_;
  std::uint64_t too_late_ = 0;
  std::uint64_t cut_with_left_ = 0;
  std::uint64_t unanswered_ = 0;
  Nanoseconds starved_{};  // the longest, of clients that gave up
};

Verdict check(const Plan& plan, const History& history) {
  if (const auto why_not = no_stop_to_judge(history)) return Verdict::not_applicable(*why_not);
  Verdict verdict;
  Judge judge(plan, history);
  std::vector<EventIndex> unseen;
  for (const auto& c : history.connections()) {
    const auto* group = group_of(plan, c);
    if (group == nullptr) continue;
    const auto judgement = judge(c, *group);
    if (judgement == Judgement::unseen) unseen.push_back(c.ended.value_or(c.invoked));
    if (judgement == Judgement::held || judgement == Judgement::violated) ++verdict.judged;
  }
  if (!judge.violations().empty()) {
    judge.violations().fail(verdict, "connections");
  } else if (!unseen.empty()) {
    verdict.conclude(Outcome::unknown, "the end of " + std::to_string(unseen.size()) +
                                           " connections was not seen" + judge.doubt());
    verdict.evidence = unseen;
  } else if (verdict.judged > 0) {
    verdict.outcome = Outcome::pass;
  } else {
    verdict.reason =
        "no connection was up at the stop that the server had to close: have clients stay until "
        "then ([[clients]] messages, [[faults]] when)";
  }
  if (!judge.remarks().empty()) {
    verdict.say(judge.remarks().text(verdict.judged, "connections"));
    verdict.noted = judge.remarks().counted("connections");
  }
  if (judge.too_late() > 0) {
    verdict.not_judged.push_back({"upgraded too late for a goodbye", judge.too_late()});
  }
  if (judge.cut_with_left() > 0)
    verdict.not_judged.push_back({kCutWithLeft, judge.cut_with_left()});
  if (judge.unanswered() > 0) {
    verdict.not_judged.push_back(
        {"whose client closed first, and got no Close frame in answer to its own",
         judge.unanswered()});
  }
  if (!verdict.not_judged.empty()) verdict.say(not_judged_text(verdict.not_judged));
  return verdict;
}

}  // namespace
}  // namespace lastcall::property::close_handshake

const lastcall::Checker lastcall::property::CloseHandshake::kChecker{
    .property = kName,
    .check = close_handshake::check,
    .not_asked = without_clients,
    .needs_clients = true,
    .judges_the_stop = true,
    .off_when_forced = true,
    .is_cut_off = true};
