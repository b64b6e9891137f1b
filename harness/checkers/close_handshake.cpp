// close-handshake: each WebSocket client gets a Close frame with an agreed code (RFC 6455, section
// 7), each TLS client close_notify (RFC 8446, section 6.1), nobody a reset.
//
// Judges connections that were fully up at the stop and that their client had not begun to close.
// Cannot see what the server sent and the network lost. An HTTP client that sent a request after
// the stop may meet a reset that destroys close_notify too: a window that no server can close (RFC
// 9112, section 9.6), so such connections are not judged; nor is the reset of a plain one that got no
// byte of an answer, which the server may never have accepted.
#include <algorithm>

#include "checkers/checkers.hpp"
#include "checkers/judging.hpp"

namespace lastcall::checkers {
namespace {

// What the server owed and did not give; empty if nothing. `proven` means no later event could mend
// it.
struct Debt {
  std::string what;
  bool proven = false;
};

Debt debt(const ConnectionView& c, Protocol protocol, const std::vector<int>& codes,
          const History& history) {
  if (is_websocket(protocol)) {
    if (!c.close_frame_received)
      return {c.reset ? "were reset without a Close frame" : "got no Close frame",
              c.reset.has_value()};
    const int code = std::get<CloseFrame>(history.at(*c.close_frame_received).body).code;
    if (!codes.empty() && std::ranges::find(codes, code) == codes.end()) {
      return {"got Close code " + std::to_string(code), true};
    }
  }
  // After its close_notify a server may close at once, without waiting for the client's (RFC 8446, section
  // 6.1): the client's own answer then meets a reset that cuts nothing off.
  if (is_tls(protocol) && c.close_notify_received) return {};
  if (c.reset) return {"were reset", true};
  if (is_tls(protocol)) return {"got no close_notify", false};
  return {};
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

// Its client had what it wanted and closed first, as it happens after the stop too.
bool closed_by_its_client(const ConnectionView& c, Protocol protocol, const History& history) {
  if (!c.ended) return false;
  const auto why = std::get<ConnectionEnded>(history.at(*c.ended).body).why;
  if (why != ConnectionEndReason::finished) return false;
  const auto is_first = [](const auto& sent, const auto& received) {
    return sent && (!received || *sent < *received);
  };
  if (is_websocket(protocol)) return is_first(c.close_frame_sent, c.close_frame_received);
  if (is_tls(protocol)) return is_first(c.close_notify_sent, c.close_notify_received);
  return is_first(c.fin_sent, c.fin_received);
}

// Nothing shows that the server has accepted the connection: on plain HTTP a connect succeeds in the
// kernel's backlog, whose reset at the stop is a window that no server can close.
bool may_be_backlog(const ConnectionView& c, Protocol protocol) {
  return protocol == Protocol::http && std::ranges::none_of(c.requests, [](const RequestView& r) {
    return r.answer_began || (r.ended && r.end != RequestEnd::unknown);
  });
}

// Whether the connection was watched to its own end, and not hung up by lastcall.
bool is_watched_to_its_end(const ConnectionView& c, const History& history) {
  return c.ended &&
         std::get<ConnectionEnded>(history.at(*c.ended).body).why != ConnectionEndReason::harness;
}

}  // namespace

Verdict close_handshake(const Plan& plan, const History& history) {
  Verdict verdict{.property = "close-handshake"};
  if (const auto why_not = no_stop_to_judge(history)) {
    verdict.reason = *why_not;
    return verdict;
  }
  const EventIndex stop = *history.stop();
  const bool deadline_passed = history.first<DeadlinePassed>().has_value();
  const auto& codes = settings(plan, verdict.property).codes;
  Violations violations;
  std::vector<EventIndex> unseen;
  for (const auto& c : history.connections()) {
    const auto* group = group_of(plan, c);
    if (group == nullptr || !is_before(all_layers_up(c, group->protocol), stop)) continue;
    if (is_over_before(c, stop) || closed_by_its_client(c, group->protocol, history)) continue;
    const auto owed = debt(c, group->protocol, codes, history);
    const bool sent_late =
        std::ranges::any_of(c.requests, [&](const RequestView& r) { return r.sent > stop; });
    if (!owed.what.empty() && !is_websocket(group->protocol) && sent_late) continue;
    if (!owed.what.empty() && may_be_backlog(c, group->protocol)) continue;
    // Plain HTTP owes nothing but the absence of a reset, which only a watched end shows.
    const bool needs_its_end = owed.what.empty() ? group->protocol == Protocol::http : !owed.proven;
    if (needs_its_end && !deadline_passed && !is_watched_to_its_end(c, history)) {
      unseen.push_back(c.ended.value_or(c.invoked));
      continue;
    }
    ++verdict.judged;
    if (owed.what.empty()) continue;
    std::vector<EventIndex> evidence;
    for (const auto& event : {c.close_frame_received, c.reset, c.ended}) {
      if (event) evidence.push_back(*event);
    }
    if (evidence.empty()) evidence.push_back(c.invoked);
    violations.add(owed.what, to_text(c.id), evidence);
  }
  if (!violations.empty()) {
    verdict.outcome = Outcome::fail;
    verdict.reason = violations.text(verdict.judged, "connections");
    verdict.evidence = violations.evidence();
  } else if (!unseen.empty()) {
    verdict.outcome = Outcome::unknown;
    verdict.reason = "the end of " + std::to_string(unseen.size()) + " connections was not seen";
    verdict.evidence = unseen;
  } else if (verdict.judged > 0) {
    verdict.outcome = Outcome::pass;
  } else {
    verdict.reason = "no connection was up at the stop that the server had to close";
  }
  return verdict;
}

}  // namespace lastcall::checkers
