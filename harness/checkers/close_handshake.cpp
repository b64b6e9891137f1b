// close-handshake: each WebSocket client gets a Close frame with an agreed code (RFC 6455, section
// 7), each TLS client close_notify (RFC 8446, section 6.1), nobody a reset.
//
// Judges connections that were fully up at the stop and that their client had not begun to close.
// Cannot see what the server sent and the network lost. A client that sent a request after the
// stop, or so shortly before that the server need not have read it (in-flight-finished's
// `settling`) and got no answer to it, not over WebSocket, may meet a reset that destroys
// close_notify too: a window that no server can close (RFC 9112, sections 9.5 and 9.6), so such
// connections are not judged; nor is the reset of a plain one that got no byte of an answer, which
// the server may never have accepted.
//
// A connection that its client or a fault disturbed is judged by what was seen before. A silent
// client is owed what came up: over TLS close_notify. One that never closes its side is reset in
// the end by any server that does not wait for ever: that is no violation once the server had said
// its own goodbye. A slow reader that lastcall hung up on may not have come to the goodbye yet.
// What a deadline cut off that was perhaps lastcall's own doing is unknown.
#include <algorithm>

#include "checkers/checkers.hpp"
#include "checkers/hindrance.hpp"
#include "checkers/judging.hpp"

namespace lastcall::checkers {
namespace {

// What the server owed and did not give; empty if nothing.
struct Debt {
  std::string what;
  bool proven = false;             // no later event could mend it
  bool absence = false;            // it rests on something that was not seen
  std::optional<EventIndex> at{};  // what proves it, if one event does
};

bool is_plain(Protocol protocol) { return !is_websocket(protocol) && !is_tls(protocol); }

// What a connection of this client speaks: one that is silent never gets beyond TLS.
Protocol spoken(Protocol protocol, Behaviour behaviour) {
  if (behaviour != Behaviour::silent) return protocol;
  return is_tls(protocol) ? Protocol::tls : Protocol::tcp;
}

Debt debt(const ConnectionView& c, Protocol protocol, const std::vector<int>& codes,
          const History& history) {
  if (is_websocket(protocol)) {
    if (!c.close_frame_received) {
      // Over TLS a reset alone proves nothing: it may follow a complete goodbye.
      return {.what = c.reset ? "were reset without a Close frame" : "got no Close frame",
              .proven = c.reset.has_value(),
              .absence = !c.reset || is_tls(protocol),
              .at = c.reset};
    }
    const int code = std::get<CloseFrame>(history.at(*c.close_frame_received).body).code;
    if (!codes.empty() && std::ranges::find(codes, code) == codes.end()) {
      return {.what = "got Close code " + std::to_string(code),
              .proven = true,
              .at = c.close_frame_received};
    }
  }
  // After its close_notify a server may close at once, without waiting for the client's (RFC 8446,
  // section 6.1): the client's own answer then meets a reset that cuts nothing off.
  if (is_tls(protocol) && c.close_notify_received) return {};
  if (c.reset) {
    return {.what = "were reset", .proven = true, .absence = is_tls(protocol), .at = c.reset};
  }
  if (is_tls(protocol)) return {.what = "got no close_notify", .absence = true};
  return {};
}

// Of a client that keeps its side open, once the server has closed its own, or that was late to
// read that it did.
bool is_reset_after_goodbye(const ConnectionView& c, const Debt& owed, Behaviour behaviour) {
  if (owed.what != "were reset") return false;
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
  if (!c.ended || end_reason(c, history) != ConnectionEndReason::finished) return false;
  const auto is_first = [](const auto& sent, const auto& received) {
    return sent && (!received || *sent < *received);
  };
  if (is_websocket(protocol)) return is_first(c.close_frame_sent, c.close_frame_received);
  if (is_tls(protocol)) return is_first(c.close_notify_sent, c.close_notify_received);
  return is_first(c.fin_sent, c.fin_received);
}

bool is_answered(const RequestView& r) {
  return r.answer_began || (r.ended && r.end != RequestEnd::unknown);
}

// Nothing shows that the server has accepted the connection: without TLS or WebSocket a connect
// succeeds in the kernel's backlog, whose reset at the stop is a window that no server can close.
bool may_be_backlog(const ConnectionView& c, Protocol protocol) {
  return is_plain(protocol) && std::ranges::none_of(c.requests, is_answered);
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
        codes_(settings(plan, "close-handshake").codes),
        peers_(plan, history),
        doubt_(deadline_in_doubt(plan, history)),
        deadline_passed_(!doubt_ && history.first<DeadlinePassed>()) {}

  Judgement operator()(const ConnectionView& c, Protocol wanted, Violations& violations) const {
    const auto behaviour = peers_.behaviour(c);
    const auto protocol = spoken(wanted, behaviour);
    if (!is_before(all_layers_up(c, protocol), stop_)) return Judgement::not_judged;
    if (is_over_before(c, stop_) || closed_by_its_client(c, protocol, history_)) {
      return Judgement::not_judged;
    }
    auto owed = debt(c, protocol, codes_, history_);
    if (is_reset_after_goodbye(c, owed, behaviour)) owed = {};
    const auto disturbed = peers_.excused_from(c);
    if (disturbed && !is_decided_before(c, owed, *disturbed)) return Judgement::not_judged;
    if (!owed.what.empty() && (may_be_backlog(c, protocol) || is_late_sender(c, protocol))) {
      return Judgement::not_judged;
    }
    // A plain connection is owed nothing but the absence of a reset, which only a watched end
    // shows.
    const bool needs_its_end = owed.what.empty() ? is_plain(protocol) : !owed.proven;
    if (needs_its_end && !deadline_passed_ && !is_watched_to_its_end(c, history_)) {
      return behaviour == Behaviour::slow_reader ? Judgement::not_judged : Judgement::unseen;
    }
    if (owed.what.empty()) return Judgement::held;
    if (doubt_ && !is_decided_before(c, owed, doubt_->from)) return Judgement::unseen;
    violations.add(owed.what, address(plan_, c.id), evidence(c), footing(c, owed));
    return Judgement::violated;
  }

  [[nodiscard]] std::string doubt() const { return doubt_ ? ": " + doubt_->why : ""; }

 private:
  [[nodiscard]] bool is_late_sender(const ConnectionView& c, Protocol protocol) const {
    return !is_websocket(protocol) && std::ranges::any_of(c.requests, [&](const RequestView& r) {
      return r.sent > stop_ || (!is_answered(r) && history_.time(r.sent) > settled_);
    });
  }

  [[nodiscard]] static std::vector<EventIndex> evidence(const ConnectionView& c) {
    std::vector<EventIndex> evidence;
    for (const auto& event : {c.close_frame_received, c.reset, c.ended}) {
      if (event) evidence.push_back(*event);
    }
    if (evidence.empty()) evidence.push_back(c.invoked);
    return evidence;
  }

  // A client that ran out of patience says how long nothing came.
  [[nodiscard]] Footing footing(const ConnectionView& c, const Debt& owed) const {
    Footing footing{.absence = owed.absence};
    if (!owed.proven && c.ended && end_reason(c, history_) == ConnectionEndReason::timeout) {
      footing.claim = claim_of_wait(history_.time(stop_), history_.time(*c.ended));
    }
    return footing;
  }

  const Plan& plan_;
  const History& history_;
  EventIndex stop_;
  TimePoint settled_;
  const std::vector<int>& codes_;
  Peers peers_;
  std::optional<Doubt> doubt_;
  bool deadline_passed_;
};

}  // namespace

Verdict close_handshake(const Plan& plan, const History& history) {
  Verdict verdict{.property = "close-handshake"};
  if (const auto why_not = no_stop_to_judge(history)) {
    verdict.reason = *why_not;
    return verdict;
  }
  const Judge judge(plan, history);
  Violations violations;
  std::vector<EventIndex> unseen;
  for (const auto& c : history.connections()) {
    const auto* group = group_of(plan, c);
    if (group == nullptr) continue;
    const auto judgement = judge(c, group->protocol, violations);
    if (judgement == Judgement::unseen) unseen.push_back(c.ended.value_or(c.invoked));
    if (judgement == Judgement::held || judgement == Judgement::violated) ++verdict.judged;
  }
  if (!violations.empty()) {
    violations.fail(verdict, "connections");
  } else if (!unseen.empty()) {
    verdict.outcome = Outcome::unknown;
    verdict.reason =
        "the end of " + std::to_string(unseen.size()) + " connections was not seen" + judge.doubt();
    verdict.evidence = unseen;
  } else if (verdict.judged > 0) {
    verdict.outcome = Outcome::pass;
  } else {
    verdict.reason = "no connection was up at the stop that the server had to close";
  }
  return verdict;
}

}  // namespace lastcall::checkers
