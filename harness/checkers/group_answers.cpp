#include "checkers/group_answers.hpp"

#include <algorithm>
#include <csignal>
#include <map>

#include "checkers/checker_support.hpp"
#include "checkers/interference.hpp"
#include "scenario/properties/in_flight_finished.hpp"

namespace lastcall {
namespace {

// Somebody whose connection the server has just closed may be about to come back.
constexpr Nanoseconds kLong = std::chrono::milliseconds(100);

// What was seen of one client before the stop.
struct ClientSeen {
  std::optional<EventIndex> gone;   // its last connection has ended, or the server closed it
  std::optional<EventIndex> waits;  // the request there whose answer has not begun
  bool has_done = false;            // it had nothing more to say, or somebody else is to blame
  bool was_to_go = false;           // so it does not speak for those that stay
  std::uint32_t requests = 0;
};

struct GroupSeen {
  bool answered = false;
  bool has_asked = false;   // a request was sent
  bool was_cut = false;     // one was under way at the stop, and never answered
  bool was_opened = false;  // a WebSocket was upgraded, an opening came through
  Nanoseconds slowest{};    // of its answers
  std::map<std::uint32_t, ClientSeen> clients;
};

// A client that keeps its side open, or waits for the server to end TCP too, ends its connection
// much later.
std::optional<EventIndex> gone_before(const ConnectionView& c, EventIndex stop) {
  std::optional<EventIndex> first;
  for (const auto& end :
       {c.ended, c.reset, c.fin_received, c.close_frame_received, c.close_notify_received}) {
    if (is_before(end, first.value_or(stop))) first = end;
  }
  return first;
}

void look(GroupSeen& seen, const ConnectionView& c, const ClientGroup& group, const Peers& peers,
          EventIndex stop, const History& history) {
  auto& client = seen.clients[client_of(c.id).value];
  client.gone = gone_before(c, stop);
  client.waits.reset();
  client.was_to_go = traits(peers.behaviour(c)).asks != Asking::until_the_stop;
  for (const auto& r : c.requests) {
    if (r.sent > stop) continue;
    ++client.requests;
    seen.has_asked = true;
    // A server that answers nobody may refuse them all as it stops.
    const bool answered =
        r.end == RequestEnd::ok || (r.end == RequestEnd::refused && is_before(r.ended, stop));
    seen.answered |= answered;
    if (answered)
      seen.slowest = std::max(seen.slowest, history.time(*r.ended) - history.time(r.sent));
    if (!is_before(r.answer_began, stop) && !is_before(r.ended, stop)) client.waits = r.sent;
    seen.was_cut |= !answered && !is_before(r.ended, stop);
  }
  const bool expects =
      std::ranges::any_of(group.opening, [](const Step& step) { return !step.expect.empty(); });
  seen.was_opened |= is_before(c.websocket_up, stop) || (expects && is_before(c.script_up, stop));
  client.has_done |= is_before(peers.excused_from(c), stop);
  client.has_done |= group.messages > 0 && client.requests >= group.messages;
  if (is_before(c.ended, stop)) {
    const auto why = std::get<ConnectionEnded>(history.at(*c.ended).body).why;
    client.has_done |= why == ConnectionEndReason::finished || why == ConnectionEndReason::harness;
  }
}

// Whether the target left a request unanswered for long, and neither a fault nor a lag of
// lastcall's did.
bool is_long(EventIndex sent, EventIndex stop, Nanoseconds slowest, const History& history) {
  constexpr int kAnswers = 8;
  constexpr Nanoseconds kLeast = std::chrono::milliseconds(400);  // most stops come within 1 s
  // No signal: a limit, or a fault of the network. A system call may have been made to take long.
  const auto meddles = [stop](const auto& fault) {
    return fault.body->signal == 0 && fault.index < stop;
  };
  if (std::ranges::any_of(history.all<FaultInvoked>(), meddles)) return false;
  if (is_before(history.first<SyscallReached>(), stop)) return false;
  if (is_before(history.first<FunctionReached>(), stop)) return false;
  const TimeClaim wait{.from = history.time(sent), .to = history.time(stop)};
  return wait.to - wait.from - interference(history, wait, true).total >
         std::max(kLeast, kAnswers * slowest);
}

GroupAnswers answers(const GroupSeen& seen, const ClientGroup& group, std::size_t steady,
                     EventIndex stop, const History& history) {
  if (!seen.answered && (seen.has_asked || !seen.was_opened)) return GroupAnswers::unanswered;
  TimePoint last{};                 // that one of them has gone
  std::optional<EventIndex> waits;  // the last of those that wait
  std::size_t were_to_stay = 0;
  for (const auto& [id, client] : seen.clients) {
    if (client.was_to_go && client.gone) continue;
    if (client.has_done || (!client.gone && !client.waits)) return GroupAnswers::talking;
    if (client.gone) last = std::max(last, history.time(*client.gone));
    if (!client.gone) waits = std::max(waits, client.waits);
    if (!client.was_to_go) ++were_to_stay;
  }
  if (were_to_stay == 0) return GroupAnswers::talking;
  if (were_to_stay < steady) return GroupAnswers::talking;  // somebody is still to come
  if (waits && !is_long(*waits, stop, seen.slowest, history)) return GroupAnswers::talking;
  const auto back_off = group.reconnect ? group.reconnect->high : Nanoseconds(0);
  if (last + std::max(kLong, back_off) > history.time(stop)) return GroupAnswers::gone_lately;
  return waits ? GroupAnswers::stalled : GroupAnswers::fell_silent;
}

// The stop, or what comes in its place: a SIGKILL that a fault sends.
std::optional<EventOf<FaultInvoked>> stop_or_kill(const History& history) {
  for (const auto& event : history.all<FaultInvoked>()) {
    const auto& fault = *event.body;
    if (fault.stop || (fault.signal == SIGKILL && !is_to_a_child(fault))) return event;
  }
  return std::nullopt;
}

// The stop was meant to come during start-up, so which clients had been served by then is chance.
bool is_for_the_start(const Plan& plan, const FaultInvoked& stop) {
  if (stop.fault.value >= plan.faults.size()) return false;
  const auto* moment = std::get_if<PhaseMoment>(&plan.faults[stop.fault.value].when);
  return moment != nullptr && moment->phase == Phase::start;
}

}  // namespace

bool is_to_ask(const ClientGroup& group) {
  if (group.during_drain || !says_something(group)) return false;
  if (is_http(group.protocol) || is_websocket(group.protocol)) return true;
  const auto asks = [](const std::string& message) { return !message.empty(); };
  const auto expects = [](const Step& step) { return !step.expect.empty(); };
  return std::ranges::any_of(group.message, asks) || std::ranges::any_of(group.opening, expects);
}

std::vector<int> only_refusals(const Plan& plan, const History& history) {
  const auto& groups = plan.scenario.clients;
  std::vector<std::optional<int>> only(groups.size());
  if (!history.first<TargetReady>()) return std::vector<int>(groups.size());
  const auto limit = served_until(history);
  const Peers peers(plan, history);
  for (const auto& c : history.connections()) {
    if (c.group >= groups.size() || groups[c.group].during_drain) continue;
    if (!is_http(groups[c.group].protocol) || !groups[c.group].status.empty()) continue;
    const auto until = std::min(limit, peers.excused_from(c).value_or(limit));
    for (const auto& r : c.requests) {
      if (!is_before(r.ended, until) || r.end == RequestEnd::unknown) continue;
      const int status = std::get<RequestEnded>(history.at(*r.ended).body).status;
      auto& one = only[c.group];
      one = one.value_or(status) == status ? status : 0;
    }
  }
  std::vector<int> found;
  for (const auto& one : only) found.push_back(one && *one / 100 == 4 ? *one : 0);
  return found;
}

std::vector<std::string> heard_instead(const Plan& plan, const History& history) {
  std::vector<std::string> heard(plan.scenario.clients.size());
  for (const auto& c : history.connections()) {
    if (c.group >= heard.size()) continue;
    auto& first = heard[c.group];
    if (first.empty() && c.failed) first = std::get<LayerFailed>(history.at(*c.failed).body).said;
    for (const auto& r : c.requests) {
      if (first.empty() && r.ended) first = std::get<RequestEnded>(history.at(*r.ended).body).said;
    }
  }
  return heard;
}

std::string refusal_text(int status, const std::string& where) {
  const auto number = std::to_string(status);
  const bool wants_login = status == 401 || status == 403;  // RFC 9110, sections 15.5.2 and 15.5.4
  return "every answer was " + number + where + ": say status = " + number + " if that is right, " +
         (wants_login ? "headers that log in, " : "") + "or another url";
}

std::vector<GroupAnswers> group_answers(const Plan& plan, const History& history) {
  const auto& groups = plan.scenario.clients;
  std::vector<GroupAnswers> found(groups.size(), GroupAnswers::not_asked);
  const auto stop = stop_or_kill(history);
  const auto loading = [](const auto& phase) { return phase.body->phase == Phase::load; };
  if (!stop || is_before(history.first<TargetEnded>(), *stop)) return found;
  if (is_for_the_start(plan, *stop->body)) return found;
  const auto phases = history.all<PhaseBegan>();
  const auto load = std::ranges::find_if(phases, loading);
  if (load == phases.end() || load->index > *stop) return found;

  const bool cuts = !is_judged<property::InFlightFinished>(plan.scenario);
  std::vector<std::size_t> steady(groups.size());
  for (const auto& client : planned_clients(plan))
    if (client.group < steady.size() && traits(client.behaviour).asks == Asking::until_the_stop)
      ++steady[client.group];
  const Peers peers(plan, history);
  std::vector<GroupSeen> seen(groups.size());
  for (const auto& c : history.connections()) {
    if (c.group >= groups.size() || c.invoked > *stop) continue;
    const auto behaviour = peers.behaviour(c);
    if (behaviour == Behaviour::silent || behaviour == Behaviour::quiet) continue;
    look(seen[c.group], c, groups[c.group], peers, *stop, history);
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (!is_to_ask(groups[g])) continue;
    found[g] = answers(seen[g], groups[g], steady[g], *stop, history);
    const bool is_open = found[g] == GroupAnswers::unanswered || found[g] == GroupAnswers::stalled;
    if (is_open && seen[g].was_cut && cuts) found[g] = GroupAnswers::not_asked;
  }
  return found;
}

}  // namespace lastcall
