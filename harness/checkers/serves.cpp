// serves: before the stop the target answers on every endpoint of the scenario as its protocol
// says.
//
// An item is what a client had decided before the stop: a TLS or WebSocket connection that came up,
// an opening that awaits something of a plain one, an acknowledged request. A plain TCP connection
// proves nothing, the kernel accepts it from a backlog that nobody may ever serve. One that came up
// and then broke its protocol is one item, a bad one. Fails when the target never becomes ready, a
// layer does not come up, an answer is not the wanted one, or a connection ends in a reset, a
// time-out, broken protocol, an HTTP close without any answer or in the middle of one, or a
// WebSocket close without a Close frame, also in answer to the client's. An HTTP connection closed
// by the server after an answer is its right (RFC 9112, section 9.5), in the middle of one it is
// not (section 8), and how it ends one that its client has closed is its own affair.
//
// Without `status` a group whose every answer was one and the same 4xx is not judged by them: the
// URL is the wrong one, or needs a login. The campaign says so (campaign/summary.hpp), and does not
// call it held.
//
// A Close frame that the server sends of itself fails at that moment, whatever becomes of the
// connection, unless it says goodbye (checkers/close_codes.hpp): 1000, 1001, 1012 or no code. All
// others say that the client was not served: an error (1002 to 1011, 1014), overload (1013), a
// library's own refusal (3000 to 3999). Codes from 4000 on, whose meaning only the application
// knows, are counted and said. Where close-handshake's `codes` lists some, of those from 3000 on
// the listed ones pass and all others fail. A reset after a goodbye cuts off nothing.
//
// Cannot see an endpoint that no client had decided before the stop; such groups are named in the
// reason. A connection that its client or a fault disturbed counts up to there. A client that says
// nothing is no item, nor one that comes only when the stop has begun. What a SIGKILL of
// lastcall's, or another signal of lastcall's that ended the target, does to connections is not its
// doing, nor that it did not become ready then. A SIGKILL to a child excuses only the connections
// that the child may have had, the refusal of a request that was under way, and connects that are
// refused from then on, which are counted: the child may have had the listener.
#include <algorithm>
#include <map>
#include <set>

#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "checkers/close_codes.hpp"
#include "checkers/group_answers.hpp"
#include "checkers/interference.hpp"
#include "scenario/properties/close_handshake.hpp"
#include "scenario/properties/serves.hpp"

namespace lastcall::property::serves {
namespace {

struct Tally {
  const Plan& plan;
  const Peers& peers;
  std::vector<int> refusals;  // only_refusals()
  std::uint64_t judged = 0;
  std::uint64_t requests = 0;                           // of those
  std::set<std::uint64_t> connections{};                // of which something was judged
  std::set<std::uint32_t> decided{};                    // groups
  std::map<std::uint32_t, std::uint64_t> not_judged{};  // requests of a group
  std::uint64_t without_listener = 0;                   // connections
  Violations of_connections{};
  Violations of_requests{};
  Violations remarks{};  // what is no violation and is said all the same

  void good(const ConnectionView& c) {
    ++judged;
    connections.insert(c.id.value);
    decided.insert(c.group);
  }
  // `words` are what the server said to this client; the reason quotes those of the first.
  void bad(const ConnectionView& c, const std::string& what,
           const std::vector<EventIndex>& evidence, const ClaimBasis& footing = {},
           const std::string& words = "") {
    good(c);
    of_connections.add(what, address(plan, c.id) + words, evidence, footing);
  }
  void good_request(const ConnectionView& c) {
    good(c);
    ++requests;
  }
  void bad_request(const ConnectionView& c, const RequestView& r, const std::string& what,
                   EventIndex proof, const ClaimBasis& footing = {},
                   const std::string& words = "") {
    good_request(c);
    of_requests.add(what, address(plan, c.id, r.id) + words, {r.sent, proof}, footing);
  }
  void refused(const ConnectionView& c) {
    ++not_judged[c.group];
    decided.insert(c.group);
  }
};

// The Close frame that the server sent of itself, not in answer to the client's.
const CloseFrame* own_close_frame(const ConnectionView& c, const History& history) {
  if (!c.close_frame_received || is_before(c.close_frame_sent, *c.close_frame_received)) {
    return nullptr;
  }
  return &std::get<CloseFrame>(history.at(*c.close_frame_received).body);
}

// Whether a code says that the server has done what the client came for, or may say so.
bool is_in_order(int code, const std::vector<int>& agreed) {
  return is_goodbye(code) || (code >= 3000 && is_agreed(code, agreed));
}

// "200 or 201".
std::string wanted_status(const ClientGroup& group) {
  std::string text;
  for (const int status : group.status)
    text += (text.empty() ? "" : " or ") + std::to_string(status);
  return text.empty() ? "2xx or 3xx" : text;
}

std::string refusal(const RequestEnded& ended, const ClientGroup& group) {
  return "got status " + std::to_string(ended.status) + " instead of " + wanted_status(group);
}

// The last that was heard of a connection before its end.
TimePoint last_heard(EventIndex end, const ConnectionView& c, const History& history) {
  EventIndex last = c.invoked;
  for (const auto& event : {c.tcp_up, c.tls_up, c.websocket_up, c.close_frame_sent,
                            c.close_frame_received, c.close_notify_received, c.fin_received}) {
    if (is_before(event, end)) last = std::max(last, *event);
  }
  for (const auto& r : c.requests) {
    for (const auto& event : {std::optional(r.sent), r.answer_began, r.ended}) {
      // What ended unanswered, ended with the connection.
      if (event == r.ended && r.end == RequestEnd::unknown) continue;
      if (is_before(event, end)) last = std::max(last, *event);
    }
  }
  return history.time(last);
}

TimeClaim silence_before(EventIndex end, const ConnectionView& c, const History& history) {
  return claim_of_wait(last_heard(end, c, history), history.time(end));
}

// A server may end what it has heard nothing from for some seconds: where lastcall's clients were
// held up in them, that was their doing. Nothing of an end that came sooner.
std::optional<TimeClaim> claim_of_end(EventIndex end, const ConnectionView& c,
                                      const History& history) {
  return claim_of_own_limit(last_heard(end, c, history), history.time(end));
}

bool is_answered(const RequestView& r) { return r.ended && r.end != RequestEnd::unknown; }

// The request in the middle of whose answer an HTTP server closed the connection; null if it did
// not. From a slow reader it may take the connection away.
const RequestView* cut_answer(const ConnectionView& c, Protocol protocol, Behaviour behaviour,
                              const History& history) {
  if (!is_http(protocol) || behaviour == Behaviour::slow_reader || c.requests.empty()) {
    return nullptr;
  }
  const auto& last = c.requests.back();
  const auto why = std::get<ConnectionEnded>(history.at(*c.ended).body).why;
  const bool is_cut = why == ConnectionEndReason::server_closed && last.answer_began &&
                      last.ended && !is_answered(last);
  return is_cut ? &last : nullptr;
}

constexpr const char* kUnanswered = "got no Close frame in answer to their own";

struct BadEnd {
  std::string what;  // empty: it was not bad
  ClaimBasis footing;
};

// How a connection's end before the stop breaks the protocol.
BadEnd bad_end(const ConnectionView& c, const ClientGroup& group, const History& history) {
  const auto protocol = group.protocol;
  const auto& ended = std::get<ConnectionEnded>(history.at(*c.ended).body);
  switch (ended.why) {
    case ConnectionEndReason::reset:
      if (is_websocket(protocol) && c.close_frame_received) return {};
      return {"were reset", {.claim = claim_of_end(*c.ended, c, history)}};
    case ConnectionEndReason::timeout: {
      const bool was_closed = is_websocket(protocol) && c.close_frame_received;
      return {was_closed                      ? "were left open after the Close frame"
              : is_close_unanswered(c, group) ? kUnanswered
                                              : "got no answer in time",
              {.claim = silence_before(*c.ended, c, history)}};
    }
    case ConnectionEndReason::protocol:
      return {"met broken protocol (" + ended.detail + ")", {}};
    case ConnectionEndReason::server_closed:
      if (is_websocket(protocol)) {
        if (c.close_frame_received) return {};
        return {"were closed by the server without a Close frame",
                {.absence = true, .claim = claim_of_end(*c.ended, c, history)}};
      }
      if (c.requests.empty() || std::ranges::any_of(c.requests, is_answered)) return {};
      return {"were closed by the server without an answer",
              {.absence = true, .claim = claim_of_end(*c.ended, c, history)}};
    case ConnectionEndReason::finished:
      if (!is_close_unanswered(c, group)) return {};
      return {kUnanswered, {.absence = true}};
    case ConnectionEndReason::harness:
    case ConnectionEndReason::unconnected:  // its LayerFailed says more
      return {};
  }
  return {};
}

// A client's own limit ends a handshake with these words.
bool is_late(const LayerFailed& failed) { return failed.reason.starts_with("no answer within"); }

// When the target said what the opening of a plain connection awaits.
std::map<std::uint64_t, EventIndex> satisfied_openings(const Plan& plan, const History& history) {
  std::map<std::uint64_t, EventIndex> satisfied;
  std::set<std::uint64_t> awaited;
  for (const auto& c : history.connections()) {
    const auto* group = group_of(plan, c);
    if (group == nullptr || is_tls(group->protocol) || is_websocket(group->protocol)) continue;
    if (std::ranges::any_of(group->opening, [](const Step& step) { return !step.expect.empty(); }))
      awaited.insert(c.id.value);
  }
  for (const auto& [i, up] : history.all<LayerUp>()) {
    if (up->layer == Layer::script && awaited.contains(up->connection.value))
      satisfied.emplace(up->connection.value, i);
  }
  return satisfied;
}

void count_requests(Tally& tally, const ConnectionView& c, const ClientGroup& group,
                    EventIndex limit, const History& history) {
  for (const auto& request : c.requests) {
    if (!is_before(request.ended, limit)) continue;
    if (request.end == RequestEnd::ok) tally.good_request(c);
    if (request.end != RequestEnd::refused) continue;
    if (tally.peers.child_killed(request.sent, *request.ended)) continue;
    if (tally.refusals[c.group] != 0) {
      tally.refused(c);
    } else {
      const auto& ended = std::get<RequestEnded>(history.at(*request.ended).body);
      tally.bad_request(c, request, refusal(ended, group), *request.ended, {},
                        said_text(ended.said));
    }
  }
}

// Whether the connection broke its protocol before the limit, and is counted for that.
bool count_bad(Tally& tally, const ConnectionView& c, const ClientGroup& group, Behaviour behaviour,
               EventIndex limit, const History& history) {
  const auto protocol = group.protocol;
  if (is_websocket(protocol) && is_before(c.close_frame_received, limit)) {
    const auto* frame = own_close_frame(c, history);
    const auto& agreed = settings<CloseHandshake>(tally.plan).codes;
    if (frame != nullptr && agreed.empty() && is_private_code(frame->code)) {
      tally.remarks.add(private_code_text(frame->code),
                        address(tally.plan, c.id) + said_text(frame->reason), {});
    }
    if (frame != nullptr && !is_in_order(frame->code, agreed)) {
      // Nothing is read after a Close frame: what was answered had come before it, also if both
      // came at once, when the frame is seen first.
      const bool had_answer = std::ranges::any_of(c.requests, is_answered);
      tally.bad(c, "got " + close_code_text(frame->code) + (had_answer ? "" : " before any answer"),
                {*c.close_frame_received}, {}, said_text(frame->reason));
      return true;
    }
  }
  if (is_before(c.ended, limit)) {
    if (const auto* cut = cut_answer(c, protocol, behaviour, history)) {
      tally.bad_request(
          c, *cut,
          "were cut off: the server closed the connection before the answer was as long as its "
          "header says (Content-Length, or chunks)",
          *c.ended, {.absence = true});
      return true;
    }
    const auto bad = bad_end(c, group, history);
    if (!bad.what.empty()) tally.bad(c, bad.what, {*c.ended}, bad.footing);
    return !bad.what.empty();
  }
  if (!is_before(c.reset, limit) || is_before(c.close_frame_received, limit) ||
      (!is_websocket(protocol) && is_before(closed_by_client(c, protocol), *c.reset))) {
    return false;
  }
  tally.bad(c, "were reset", {*c.reset}, {.claim = claim_of_end(*c.reset, c, history)});
  return true;
}

// `opened`: the target said what the opening of a plain connection awaits.
void count(Tally& tally, const ConnectionView& c, Behaviour behaviour,
           std::optional<EventIndex> opened, EventIndex limit, const History& history) {
  const auto& group = tally.plan.scenario.clients[c.group];
  const auto protocol = group.protocol;
  if (is_before(c.failed, limit)) {
    const auto& failed = std::get<LayerFailed>(history.at(*c.failed).body);
    if (failed.layer == Layer::tcp && !is_late(failed) && tally.peers.child_killed(0, *c.failed)) {
      ++tally.without_listener;
      return;
    }
    const ClaimBasis footing{.claim = is_late(failed) ? silence_before(*c.failed, c, history)
                                                      : claim_of_end(*c.failed, c, history)};
    tally.bad(c, "got no " + std::string(name(failed.layer)) + " (" + failed.reason + ")",
              {*c.failed}, footing, said_text(failed.said));
    return;
  }
  count_requests(tally, c, group, limit, history);
  if (count_bad(tally, c, group, behaviour, limit, history)) return;
  const bool proves_something = is_tls(protocol) || is_websocket(protocol);
  if (is_before(proves_something ? all_layers_up(c, protocol) : opened, limit)) tally.good(c);
}

std::string undecided_groups(const Plan& plan, const std::set<std::uint32_t>& decided) {
  std::string names;
  for (std::uint32_t g = 0; g < plan.scenario.clients.size(); ++g) {
    const auto& group = plan.scenario.clients[g];
    if (decided.contains(g) || group.during_drain || !says_something(group)) continue;
    names += (names.empty() ? "" : ", ") + group_name(plan, g);
  }
  return names.empty() ? "" : "nothing was decided before the stop for " + names;
}

Verdict verdict_of(const Tally& tally) {
  const auto& plan = tally.plan;
  Verdict verdict{.judged = tally.judged};
  for (const auto& [group, count] : tally.not_judged) {
    const auto why =
        "requests of " + group_name(plan, group) + " (" + refusal_text(tally.refusals[group]) + ")";
    verdict.not_judged.push_back({why, count});
  }
  if (tally.without_listener > 0) {
    verdict.not_judged.push_back(
        {"connections that were refused after lastcall had killed a child of the target, which may "
         "have had the listener",
         tally.without_listener});
  }
  if (!tally.of_connections.empty())
    tally.of_connections.fail(verdict, "connections", tally.connections.size());
  if (!tally.of_requests.empty()) tally.of_requests.fail(verdict, "requests", tally.requests);
  if (verdict.outcome != Outcome::fail && tally.judged > 0) {
    verdict.outcome = Outcome::pass;
    verdict.reason = undecided_groups(plan, tally.decided);
  } else if (verdict.outcome != Outcome::fail && verdict.not_judged.empty()) {
    verdict.reason = plan.scenario.clients.empty()
                         ? "the scenario has no [[clients]]: add one with a url"
                         : "nothing was decided before the stop: let it come later "
                           "([[faults]] when)";
  }
  if (!tally.remarks.empty()) {
    verdict.say(tally.remarks.text(tally.connections.size(), "connections"));
    verdict.noted = tally.remarks.counted("connections");
  }
  if (!verdict.not_judged.empty()) verdict.say(not_judged_text(verdict.not_judged));
  return verdict;
}

// Where the target ended first, the limit that ended it is said.
std::string why_never_ready(const History& history, const EventOf<TargetNotReady>& never) {
  const auto& said = never.body->reason;
  const bool ended_first = is_before(history.first<TargetEnded>(), never);
  return ended_first ? ended_by_lastcall(history).value_or(said) : said;
}

Verdict check(const Plan& plan, const History& history) {
  if (const auto why_not = kept_from_ready(history))
    return Verdict::not_applicable(*why_not + " before the target was ready");
  if (const auto never = history.first<TargetNotReady>())
    return Verdict::fail("never ready: " + why_never_ready(history, *never), {*never});
  if (!history.first<TargetReady>()) {
    if (!history.stop()) return Verdict::unknown("the target was not seen ready");
    return Verdict::not_applicable(
        "the stop came before the target was ready: let it come later ([[faults]] when)");
  }
  const auto limit = served_until(history);
  const Peers peers(plan, history);
  Tally tally{.plan = plan, .peers = peers, .refusals = only_refusals(plan, history)};
  const auto openings = satisfied_openings(plan, history);
  for (const auto& c : history.connections()) {
    const auto* group = group_of(plan, c);
    if (group == nullptr || group->during_drain) continue;
    const auto behaviour = peers.behaviour(c);
    if (behaviour == Behaviour::silent) continue;
    const auto until = std::min(limit, peers.excused_from(c).value_or(limit));
    const auto opening = openings.find(c.id.value);
    std::optional<EventIndex> opened;
    if (opening != openings.end()) opened = opening->second;
    count(tally, c, behaviour, opened, until, history);
  }
  return verdict_of(tally);
}

}  // namespace
}  // namespace lastcall::property::serves

const lastcall::Checker lastcall::property::Serves::kChecker{
    .property = kName, .check = serves::check, .needs_clients = true, .is_cut_off = true};
