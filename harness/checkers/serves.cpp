// serves: before the stop the target answers on every endpoint of the scenario as its protocol
// says.
//
// An item is what a client had decided before the stop: a TLS or WebSocket connection that came up,
// an acknowledged request. A plain TCP connection proves nothing, the kernel accepts it from a
// backlog that nobody may ever serve. Fails when the target never becomes ready, a layer does not
// come up, an answer is not the wanted one, or a connection ends in a reset, a time-out, broken
// protocol, an HTTP close without any answer, or a WebSocket close that is not orderly (code 1000
// or 1001). Cannot see an endpoint that no client had decided before the stop; such groups are
// named in the reason. An HTTP connection closed by the server after an answer is its right (RFC
// 9112, section 9.5).
#include <algorithm>
#include <set>

#include "checkers/checkers.hpp"
#include "checkers/judging.hpp"

namespace lastcall::checkers {
namespace {

struct Tally {
  std::uint64_t good = 0;
  std::uint64_t bad = 0;
  std::set<std::uint32_t> decided;  // groups
  Violations violations;

  void count_good(const ConnectionView& c) {
    ++good;
    decided.insert(c.group);
  }
  void count_bad(const ConnectionView& c, const std::string& what,
                 std::vector<EventIndex> evidence) {
    ++bad;
    decided.insert(c.group);
    violations.add(what, to_text(c.id), evidence);
  }
};

bool closed_in_order(const ConnectionView& c, const History& history) {
  if (!c.close_frame_received) return false;
  const int code = std::get<CloseFrame>(history.at(*c.close_frame_received).body).code;
  return code == 1000 || code == 1001;
}

// How a connection's end before the stop breaks the protocol; empty if it does not.
std::string bad_end(const ConnectionView& c, Protocol protocol, const History& history) {
  const auto& ended = std::get<ConnectionEnded>(history.at(*c.ended).body);
  const bool answered = std::ranges::any_of(
      c.requests, [](const RequestView& r) { return r.ended && r.end != RequestEnd::unknown; });
  switch (ended.why) {
    case ConnectionEndReason::reset:
      return "were reset";
    case ConnectionEndReason::timeout:
      return "got no answer in time";
    case ConnectionEndReason::protocol:
      return "met broken protocol (" + ended.detail + ")";
    case ConnectionEndReason::server_closed:
      if (is_websocket(protocol)) {
        return closed_in_order(c, history) ? "" : "were closed by the server out of order";
      }
      return c.requests.empty() || answered ? "" : "were closed by the server without an answer";
    case ConnectionEndReason::finished:
    case ConnectionEndReason::harness:
    case ConnectionEndReason::unconnected:  // its LayerFailed says more
      return "";
  }
  return "";
}

void count(Tally& tally, const ConnectionView& c, Protocol protocol, EventIndex limit,
           const History& history) {
  if (is_before(c.failed, limit)) {
    const auto& failed = std::get<LayerFailed>(history.at(*c.failed).body);
    const std::string layer(name(failed.layer));
    tally.count_bad(c, "got no " + layer + " (" + failed.reason + ")", {*c.failed});
    return;
  }
  if (protocol != Protocol::http && is_before(all_layers_up(c, protocol), limit)) {
    tally.count_good(c);
  }
  for (const auto& request : c.requests) {
    if (!is_before(request.ended, limit)) continue;
    if (request.end == RequestEnd::ok) tally.count_good(c);
    if (request.end == RequestEnd::refused) {
      tally.count_bad(c, "got another answer than the scenario wants",
                      {request.sent, *request.ended});
    }
  }
  if (is_before(c.ended, limit)) {
    const auto what = bad_end(c, protocol, history);
    if (!what.empty()) tally.count_bad(c, what, {*c.ended});
  } else if (is_before(c.reset, limit)) {
    tally.count_bad(c, "were reset", {*c.reset});
  }
}

std::string undecided_groups(const Plan& plan, const std::set<std::uint32_t>& decided) {
  std::string names;
  for (std::uint32_t g = 0; g < plan.scenario.clients.size(); ++g) {
    if (decided.contains(g)) continue;
    const auto& name = plan.scenario.clients[g].name;
    names += (names.empty() ? "" : ", ") + (name.empty() ? "#" + std::to_string(g + 1) : name);
  }
  return names.empty() ? "" : "nothing was decided before the stop for clients: " + names;
}

}  // namespace

Verdict serves(const Plan& plan, const History& history) {
  Verdict verdict{.property = "serves"};
  if (const auto never = history.first<TargetNotReady>()) {
    verdict.outcome = Outcome::fail;
    verdict.judged = 1;
    verdict.reason = "never ready: " + std::get<TargetNotReady>(history.at(*never).body).reason;
    verdict.evidence = {*never};
    return verdict;
  }
  const auto stop = history.stop();
  if (!history.first<TargetReady>()) {
    verdict.outcome = stop ? Outcome::not_applicable : Outcome::unknown;
    verdict.reason =
        stop ? "the stop came before the target was ready" : "the target was not seen ready";
    return verdict;
  }
  // Without a stop everything counts until lastcall itself ended the target.
  const auto limit = stop ? *stop : history.first<TargetForced>().value_or(history.events().size());
  Tally tally;
  for (const auto& c : history.connections()) {
    const auto* group = group_of(plan, c);
    if (group != nullptr) count(tally, c, group->protocol, limit, history);
  }
  verdict.judged = tally.good + tally.bad;
  verdict.reason = undecided_groups(plan, tally.decided);
  if (!tally.violations.empty()) {
    verdict.outcome = Outcome::fail;
    verdict.reason = tally.violations.text(verdict.judged, "connections and requests");
    verdict.evidence = tally.violations.evidence();
  } else if (tally.good > 0) {
    verdict.outcome = Outcome::pass;
  } else {
    verdict.reason = "nothing was decided before the stop";
  }
  return verdict;
}

}  // namespace lastcall::checkers
