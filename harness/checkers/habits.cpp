#include "checkers/habits.hpp"

#include <algorithm>
#include <optional>

#include "checkers/checker_support.hpp"

namespace lastcall {
namespace {

// How the client, or a fault on its connection, had gone wrong by then; empty if it had not.
std::string_view misdeed(const ConnectionView& c, const History& history, EventIndex at) {
  if (!is_before(c.disturbed, at)) return {};
  const auto* client = std::get_if<Misbehaved>(&history.at(*c.disturbed).body);
  return client == nullptr ? "network" : std::string_view(client->how);
}

// The behaviour that it is of: also of "half-open (mute)".
std::optional<Behaviour> behaviour_of(std::string_view misdeed) {
  return from_name<Behaviour>(misdeed.substr(0, misdeed.find(' ')));
}

// Whether the target itself had done something on it that a kernel does not do for it.
bool has_answered(const ConnectionView& c, EventIndex at) {
  return is_before(c.tls_up, at) || is_before(c.websocket_up, at) ||
         std::ranges::any_of(c.requests,
                             [&](const RequestView& r) { return is_before(r.answer_began, at); });
}

bool is_open(const ConnectionView& c, const History& history, EventIndex at) {
  if (!is_before(c.tcp_up, at) || is_before(c.reset, at)) return false;
  const auto stop = history.stop();
  if (stop && c.invoked > *stop && !has_answered(c, at)) return false;
  const auto how = behaviour_of(misdeed(c, history, at));
  if (how == Behaviour::half_open) return true;
  if (is_before(c.ended, at)) return false;
  return !is_before(c.fin_received, at) || how == Behaviour::never_closes;
}

std::string_view habit(const ConnectionView& c, const History& history, EventIndex at) {
  const auto how = misdeed(c, history, at);
  if (const auto behaviour = behaviour_of(how)) {
    if (const auto words = traits(*behaviour).connection; !words.empty()) return words;
  }
  if (how == "network") return "that a fault disturbs in the network";
  const auto later = std::ranges::find_if(c.requests, [&](const auto& r) { return r.sent >= at; });
  if (later == c.requests.begin()) {
    if (is_before(c.websocket_up, at)) return "upgraded to a WebSocket, without a message";
    return is_before(c.script_up, at) ? "with its opening and nothing after it"
                                      : "that never said anything";
  }
  return is_before(std::prev(later)->ended, at) ? "idle after an answer" : "waiting for an answer";
}

// Whether the target ended a connection in the meantime.
bool has_closed_any(const History& history, EventIndex stop, EventIndex at) {
  return std::ranges::any_of(history.connections(), [&](const ConnectionView& c) {
    const auto closed = [&](const auto& event) { return event && stop < *event && *event < at; };
    return is_before(c.tcp_up, stop) && (closed(c.fin_received) || closed(c.reset));
  });
}

// Those of one habit.
struct HabitCount {
  std::string_view habit;
  std::size_t count = 0;
  ConnectionId first;
};

std::string habit_text(const Plan& plan, const HabitCount& kind) {
  const bool one = kind.count == 1;
  return std::to_string(kind.count) + (one ? " connection " : " connections ") +
         std::string(kind.habit) + (one ? " (" : " (first: ") + address(plan, kind.first) + ")";
}

bool was_tried(Behaviour behaviour, const ConnectionView& c, const ClientGroup& group,
               const History& history, EventIndex stop) {
  if (behaviour == Behaviour::leaves) return is_before(closed_by_client(c, group.protocol), stop);
  if (behaviour == Behaviour::reset) return misdeed(c, history, stop) == name(behaviour);
  const bool was_there = is_before(c.tcp_up, stop) && !is_before(c.ended, stop) &&
                         !is_before(c.fin_received, stop) && !is_before(c.reset, stop);
  if (!was_there) return false;
  if (behaviour == Behaviour::quiet) return is_before(all_layers_up(c, group.protocol), stop);
  if (behaviour != Behaviour::idle) return true;
  const auto next = std::ranges::find_if(c.requests, [&](const auto& r) { return r.sent >= stop; });
  if (next == c.requests.begin()) return false;
  const auto& last = *std::prev(next);
  return is_before(last.ended, stop) && last.end != RequestEnd::unknown;
}

}  // namespace

std::vector<OpenConnection> open_connections(const Plan& plan, const History& history,
                                             EventIndex at) {
  std::vector<OpenConnection> open;
  for (const auto& c : history.connections()) {
    const auto* group = group_of(plan, c);
    if (group == nullptr || is_in_process(*group) || !is_open(c, history, at)) continue;
    open.push_back({c.id, habit(c, history, at)});
  }
  return open;
}

std::string held_by(const Plan& plan, const History& history, EventIndex at) {
  std::vector<HabitCount> kinds;
  for (const auto& c : open_connections(plan, history, at)) {
    auto kind = std::ranges::find(kinds, c.habit, &HabitCount::habit);
    if (kind == kinds.end()) kind = kinds.insert(kind, HabitCount{c.habit, 0, c.id});
    ++kind->count;
  }
  std::string text;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    text += i == 0 ? "" : i + 1 == kinds.size() ? " and " : ", ";
    text += habit_text(plan, kinds[i]);
  }
  return text.empty() ? text : as_clause(history, at, text);
}

std::string as_clause(const History& history, EventIndex at, const std::string& connections) {
  const auto stop = history.stop();
  return stop && has_closed_any(history, *stop, at) ? "held by " + connections
                                                    : connections + " still open";
}

std::vector<Behaviour> habits_tried(const Plan& plan, const History& history) {
  const auto stop = history.stop();
  if (!stop) return {};
  const auto end = history.until<TargetEnded>();
  const Peers peers(plan, history);
  std::vector<Behaviour> tried;
  for (const auto habit : kHabits) {
    const bool was = std::ranges::any_of(history.connections(), [&](const ConnectionView& c) {
      const auto* group = group_of(plan, c);
      if (group == nullptr) return false;
      const auto behaviour = peers.behaviour(c);
      if (comes_late(*group, behaviour))
        return habit == Behaviour::late && *stop < c.invoked && c.invoked < end;
      return habit == behaviour && was_tried(behaviour, c, *group, history, *stop);
    });
    if (was) tried.push_back(habit);
  }
  return tried;
}

}  // namespace lastcall
