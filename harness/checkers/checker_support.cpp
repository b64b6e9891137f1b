#include "checkers/checker_support.hpp"

#include <algorithm>
#include <array>
#include <csignal>

#include "base/signal_names.hpp"
#include "scenario/properties/drains_health.hpp"
#include "scenario/properties/in_flight_finished.hpp"

namespace lastcall {
namespace {

// How the trial says that not lastcall ended the target (TargetForced).
constexpr std::string_view kKernelAtLimit = "the kernel, at the memory limit";

// Whether the target acted on the connection of its own accord after the event.
bool is_alive_after(const ConnectionView& c, EventIndex event) {
  const auto is_after = [event](const auto& seen) { return seen && *seen > event; };
  return is_after(c.close_frame_received) || is_after(c.close_notify_received) ||
         std::ranges::any_of(c.requests, [&](const RequestView& r) {
           return r.sent > event && (r.answer_began || (r.ended && r.end != RequestEnd::unknown));
         });
}

// Whether the target still owes its goodbye to a client that went wrong so (Misbehaved).
bool is_gentle(std::string_view how) {
  const auto behaviour = from_name<Behaviour>(how);
  return behaviour && traits(*behaviour).misdeed != Misdeed::harsh;
}

// How the target took the stop's signal, as the tracer saw it.
std::vector<const SignalTaken*> taken_since_stop(const History& history, int signal) {
  std::vector<const SignalTaken*> all;
  for (const auto& [i, taken] : history.all<SignalTaken>()) {
    if (taken->pid == target_pid(history) && taken->signal == signal && history.stop() < i)
      all.push_back(taken);
  }
  return all;
}

bool lost_signals(const History& history) {
  return std::ranges::any_of(history.all<EventsLost>(),
                             [](const auto& lost) { return lost.body->source == "tracer"; });
}

// Whether the program sent the signal to itself: with kill(2). The runtimes of handling_runtime()
// raise it with tgkill(2).
bool sent_by_the_program(const History& history, const SignalTaken& taken) {
  return taken.sender == target_pid(history) && taken.code == SI_USER;
}

// Whether a target that had a handler and ended by the signal had raised it again itself.
std::optional<bool> raised_again(const History& history, int signal) {
  const auto taken = taken_since_stop(history, signal);
  const auto by_itself = [&] { return taken.back()->sender == target_pid(history); };
  if (!handling_runtime(history, signal).empty()) {
    if (taken.empty() || lost_signals(history)) return std::nullopt;
    return by_itself() && !only_runtime_handled(history, signal);
  }
  if (!taken.empty() && taken.back()->fatal) return by_itself();
  return std::ranges::all_of(history.all<HandlerAtStop>(), [signal](const auto& look) {
    return look.body->signal != signal || look.body->caught;
  });
}

// Where a client stands in its scenario, from 0.
struct ClientPlace {
  std::size_t group = 0;
  std::uint32_t position = 0;
};

// Nothing for a caller in process, and for a client that the scenario does not have.
std::optional<ClientPlace> place_of(const Plan& plan, ClientId client) {
  const auto& groups = plan.scenario.clients;
  ClientPlace place{.position = client.value};  // ids count over all groups
  while (place.group < groups.size() && place.position >= groups[place.group].count) {
    place.position -= groups[place.group++].count;
  }
  if (place.group == groups.size() || is_in_process(groups[place.group])) return std::nullopt;
  return place;
}

// The first event by which a process that lastcall killed at this one is gone for certain: the kill
// is recorded before it is sent, and takes effect when the process would run next.
EventIndex gone_by(const History& history, EventIndex kill) {
  constexpr Nanoseconds kDying = std::chrono::milliseconds(50);
  auto i = kill;
  while (i < history.events().size() && history.time(i) - history.time(kill) < kDying) ++i;
  return i;
}

// Makes it the one that covers both.
void widen(std::optional<TimeClaim>& claim, const TimeClaim& other) {
  if (!claim) claim = other;
  claim->from = std::min(claim->from, other.from);
  claim->to = std::max(claim->to, other.to);
  claim->tolerance = std::min(claim->tolerance, other.tolerance);
  claim->pauses = claim->pauses || other.pauses;
  claim->starvation = claim->starvation || other.starvation;
}

// The signal of a fault that ended the target; nothing if it did not end by one.
std::optional<int> signal_of_the_end(const History& history) {
  const auto ended = history.first<TargetEnded>();
  if (!ended || is_before(history.first<TargetForced>(), *ended)) return std::nullopt;
  const auto& end = *ended->body;
  const bool was_sent = std::ranges::any_of(history.all<FaultInvoked>(), [&](const auto& fault) {
    return fault.body->signal == end.value && fault.index < *ended && !is_to_a_child(*fault.body);
  });
  return end.how == EndKind::signalled && was_sent ? std::optional(end.value) : std::nullopt;
}

// Why the target was not there to be stopped, or was not told to.
std::string why_no_stop(const History& history, std::optional<EventIndex> ended) {
  if (auto why = ended_by_lastcall(history)) return *why;
  return ended ? "the target had ended before the stop" : "the trial did not come to a stop";
}

}  // namespace

const ClientGroup* group_of(const Plan& plan, const ConnectionView& connection) {
  const auto& groups = plan.scenario.clients;
  return connection.group < groups.size() ? &groups[connection.group] : nullptr;
}

bool says_something(const ClientGroup& group) {
  return group.mix.empty() || std::ranges::any_of(group.mix, [](const auto& weight) {
           return weight.second > 0 && traits(weight.first).asks != Asking::never;
         });
}

std::optional<EventIndex> closed_by_client(const ConnectionView& connection, Protocol protocol) {
  const auto if_first = [](const auto& sent, const auto& received) {
    return sent && (!received || *sent < *received) ? sent : std::nullopt;
  };
  const auto& c = connection;
  if (is_websocket(protocol)) return if_first(c.close_frame_sent, c.close_frame_received);
  if (is_tls(protocol)) return if_first(c.close_notify_sent, c.close_notify_received);
  return if_first(c.fin_sent, c.fin_received);
}

bool is_close_unanswered(const ConnectionView& connection, const ClientGroup& group) {
  return is_websocket(group.protocol) && !is_in_process(group) && connection.close_frame_sent &&
         !connection.close_frame_received;
}

std::optional<EventIndex> all_layers_up(const ConnectionView& connection, Protocol protocol) {
  // An opening that failed left no session, whatever is up below it.
  if (connection.failed) return std::nullopt;
  std::optional<EventIndex> last = connection.tcp_up;
  if (last && is_tls(protocol)) last = connection.tls_up;
  if (last && is_websocket(protocol)) last = connection.websocket_up;
  return last;
}

std::string port_name(const PortProbed& port) {
  const auto number = std::to_string(port.port);
  if (port.name == number) return "port " + number;
  return port.name.empty() ? "{port}" : "{port." + port.name + "}";
}

bool is_to_a_child(const FaultInvoked& fault) {
  return fault.what.ends_with(" to " + std::string(name(Recipient::child)));
}

bool killed_a_child(const History& history, EventIndex from, EventIndex to) {
  return std::ranges::any_of(history.all<FaultInvoked>(), [&](const auto& fault) {
    return fault.body->signal == SIGKILL && is_to_a_child(*fault.body) && from < fault.index &&
           fault.index < to;
  });
}

bool lastcall_sent(const History& history, int signal) {
  return std::ranges::any_of(history.events(), [signal](const Event& event) {
    const auto* fault = std::get_if<FaultInvoked>(&event.body);
    const auto* forced = std::get_if<TargetForced>(&event.body);
    return (fault != nullptr && fault->signal == signal && !is_to_a_child(*fault)) ||
           (forced != nullptr && forced->signal == signal);
  });
}

bool crashed_when_asked(const History& history, int signal, EventIndex at) {
  constexpr std::array kQuestions{SIGILL, SIGBUS, SIGABRT};
  if (signal != SIGSEGV && signal != SIGBUS) return false;
  return std::ranges::any_of(history.all<TargetForced>(), [&](const auto& forced) {
    return std::ranges::count(kQuestions, forced.body->signal) > 0 && forced.index < at;
  });
}

bool lastcall_sent_to_any(const History& history, int signal) {
  return lastcall_sent(history, signal) ||
         std::ranges::any_of(history.all<FaultInvoked>(),
                             [signal](const auto& fault) { return fault.body->signal == signal; });
}

bool fault_killed(const History& history) { return signal_of_the_end(history) == SIGKILL; }

bool was_at_memory_limit(const History& history) {
  const auto forced = history.first<TargetForced>();
  return forced && forced->body->reason == kKernelAtLimit;
}

std::optional<std::string> ended_by_lastcall(const History& history) {
  const auto stop = history.stop();
  const auto ended = history.first<TargetEnded>();
  if (stop && !is_before(ended, *stop)) return std::nullopt;
  if (const auto signal = signal_of_the_end(history))
    return "lastcall sent " + signal_name(*signal);
  const auto forced = history.first<TargetForced>();
  if (!forced || is_before(ended, *forced)) return std::nullopt;
  if (was_at_memory_limit(history)) return "the kernel ended the target at its memory limit";
  return "lastcall ended the target because " + forced->body->reason;
}

std::optional<std::string> kept_from_ready(const History& history) {
  const auto ended = history.first<TargetEnded>();
  if (!ended || history.first<TargetReady>() || is_before(history.first<TargetNotReady>(), *ended))
    return std::nullopt;
  return was_at_memory_limit(history) ? std::nullopt : ended_by_lastcall(history);
}

std::optional<std::string> no_stop_to_judge(const History& history) {
  const auto stop = history.stop();
  const auto ended = history.first<TargetEnded>();
  if (!stop || is_before(ended, *stop)) return why_no_stop(history, ended);
  for (const auto& [i, fault] : history.all<FaultInvoked>()) {
    if (fault->signal == SIGKILL && !is_to_a_child(*fault) && !is_before(ended, i))
      return "lastcall sent SIGKILL";
  }
  return std::nullopt;
}

std::string without_clients(const Plan& plan) {
  return plan.scenario.clients.empty() ? "the scenario has no [[clients]]: add one with a url" : "";
}

std::string sidecar_trouble(const History& history, const Verdict& verdict,
                            bool is_about_the_restart) {
  const auto ended = history.first<TargetEnded>();
  for (const auto& [i, seen] : history.all<SidecarSeen>()) {
    if (seen->what != SidecarNews::failed) continue;
    if (is_before(ended, i) && !is_about_the_restart) continue;
    const bool was_proven =
        verdict.outcome == Outcome::fail && !verdict.rests_on_absence &&
        !verdict.evidence.empty() &&
        std::ranges::all_of(verdict.evidence, [failed = i](EventIndex e) { return e < failed; });
    if (was_proven) continue;
    const auto found = verdict.outcome == Outcome::fail ? verdict.reason + "; but " : "";
    return found + std::string(kSidecarSource) + '"' + seen->name + "\": " + seen->text;
  }
  return "";
}

std::string lost_text(const EventsLost& lost) {
  const bool says_it_all = lost.source == "output" || lost.source == kLostNotifications;
  return says_it_all ? lost.reason : "events of " + lost.source + " were lost: " + lost.reason;
}

std::string lost_output(const History& history) {
  for (const auto& [i, lost] : history.all<EventsLost>()) {
    if (lost->source == "output" || lost->source == "trial") return lost_text(*lost);
  }
  return "";
}

std::uint32_t connections_at_stop(const History& history) {
  const auto stop = history.stop();
  if (!stop) return 0;
  return static_cast<std::uint32_t>(
      std::ranges::count_if(history.connections(), [&](const auto& connection) {
        return is_before(connection.tcp_up, *stop) && !is_before(connection.ended, *stop);
      }));
}

std::optional<EventIndex> left_processes_ended(const History& history) {
  const auto ended = history.first<LeftProcessesEnded>();
  return ended && is_before(history.first<TargetForced>(), *ended) ? std::nullopt : ended;
}

std::optional<EventIndex> cut_by_lastcall(const History& history) {
  if (const auto left = left_processes_ended(history)) return left;
  return history.first<TargetForced>();
}

EventIndex served_until(const History& history) {
  const auto stop = history.stop();
  EventIndex until = stop ? stop->index : history.events().size();
  until = std::min(until, cut_by_lastcall(history).value_or(until));
  const auto ended = history.first<TargetEnded>();
  const int ended_by =
      ended && ended->body->how == EndKind::signalled ? ended->body->value : SIGKILL;
  for (const auto& [i, fault] : history.all<FaultInvoked>()) {
    if (is_to_a_child(*fault)) continue;  // whoever started that child has to go on
    if (fault->signal == SIGKILL || fault->signal == ended_by) until = std::min(until, i);
  }
  return until;
}

std::string group_name(const Plan& plan, std::size_t group) {
  const auto& clients = plan.scenario.clients.at(group);
  if (!clients.name.empty()) return "clients \"" + clients.name + "\"";
  return "clients #" + std::to_string(group + 1) + " (" + clients.url + ")";
}

std::string address(const Plan& plan, ConnectionId id) {
  const auto attempt = static_cast<std::uint32_t>(id.value);
  const auto place = place_of(plan, client_of(id));
  if (!place) return std::to_string(client_of(id).value) + "/" + std::to_string(attempt);
  return group_name(plan, place->group) + ", client " + std::to_string(place->position + 1) +
         (attempt == 0 ? "" : ", connection " + std::to_string(attempt + 1));
}

std::string address(const Plan& plan, ConnectionId connection, RequestId request) {
  return address(plan, connection) + (place_of(plan, client_of(connection))
                                          ? ", request " + std::to_string(request.value + 1)
                                          : " request " + std::to_string(request.value));
}

std::string said_text(std::string_view words) {
  return words.empty() ? "" : ": \"" + std::string(words) + "\"";
}

std::string to_text(const TargetEnded& ended) {
  return to_text(ExpectedEnd{ended.how == EndKind::signalled, ended.value});
}

std::string to_text(const ExpectedEnd& expected) {
  return expected.by_signal ? signal_name(expected.value)
                            : "exit " + std::to_string(expected.value);
}

std::string to_text(const std::vector<ExpectedEnd>& expected) {
  std::string text;
  for (const auto& end : expected) text += (text.empty() ? "" : " or ") + to_text(end);
  return text;
}

bool was_traced(const Plan& plan, const History& history) {
  return plan.traced && (history.first<TraceBegan>() || !history.first<TraceFailed>());
}

std::int32_t target_pid(const History& history) {
  const auto started = history.first<TargetStarted>();
  return started ? started->body->pid : 0;
}

std::optional<EventOf<HandlerAtStop>> handler_look(const History& history, int signal) {
  for (const auto& look : history.all<HandlerAtStop>()) {
    if (look.body->signal == signal) return look;
  }
  return std::nullopt;
}

bool had_handler(const History& history, int signal) {
  if (const auto look = handler_look(history, signal)) return look->body->caught;
  const auto taken = taken_since_stop(history, signal);
  return !taken.empty() && !taken.front()->fatal;
}

std::string handling_runtime(const History& history, int signal) {
  for (const auto& [i, look] : history.all<HandlerAtStop>()) {
    if (look->signal == signal && look->caught) return look->runtime;
  }
  return "";
}

bool only_runtime_handled(const History& history, int signal) {
  const auto taken = taken_since_stop(history, signal);
  return !handling_runtime(history, signal).empty() && !taken.empty() &&
         taken.back()->sender == target_pid(history) &&
         std::ranges::none_of(
             taken, [&](const SignalTaken* one) { return sent_by_the_program(history, *one); });
}

std::optional<bool> is_promised(const Plan& plan, const History& history, const TargetEnded& end) {
  const auto& told = plan.scenario.target.stop;
  const bool by_signal = end.how == EndKind::signalled;
  if (std::ranges::count(told.expected, ExpectedEnd{by_signal, end.value}) > 0) return true;
  const auto stop = history.stop();
  if (told.end_is_stated || !stop) return false;
  const auto signal = stop->body->signal;
  if (!had_handler(history, signal)) return false;
  if (!by_signal) return end.value == 128 + signal;
  return end.value == signal ? raised_again(history, signal) : false;
}

std::string why_not_known(const History& history) {
  const auto signal = history.stop().value().body->signal;
  return "ended by " + signal_name(signal) + ", which " + handling_runtime(history, signal) +
         " handles in every program: only the tracer sees whether this program did; exit in "
         "[target.stop] would say what it promises";
}

std::string stop_signal_name(const History& history) {
  return signal_name(history.stop().value().body->signal);
}

TimePoint settled_before_stop(const Plan& plan, const History& history) {
  // Longer than a loaded machine takes to hand a request to a process that waits for it.
  constexpr Nanoseconds kDefault = std::chrono::milliseconds(100);
  return history.time(*history.stop()) -
         settings<property::InFlightFinished>(plan).settling.value_or(kDefault);
}

Nanoseconds promised_visible(const Plan& plan) {
  const auto& told = settings<property::DrainsHealth>(plan);
  return is_judged<property::DrainsHealth>(plan.scenario) && !told.url.empty() ? told.visible
                                                                               : Nanoseconds(0);
}

std::string items_text(const std::vector<Counted>& items) {
  std::string text;
  for (const auto& [why, count] : items)
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + why;
  return text;
}

std::string not_judged_text(const std::vector<Counted>& items) {
  return "not judged: " + items_text(items);
}

Peers::Peers(const Plan& plan, const History& history) {
  for (const auto& client : planned_clients(plan)) {
    if (client.behaviour != Behaviour::steady) behaviours_[client.id.value] = client.behaviour;
  }
  for (EventIndex i = 0; i < history.events().size(); ++i) {
    const auto& body = history.at(i).body;
    if (const auto* network = std::get_if<NetworkDisturbed>(&body)) {
      excused_.try_emplace(network->connection.value, i);
    } else if (const auto* client = std::get_if<Misbehaved>(&body)) {
      if (!is_gentle(client->how)) excused_.try_emplace(client->connection.value, i);
    } else if (const auto* fault = std::get_if<FaultInvoked>(&body)) {
      if (fault->signal == SIGKILL && is_to_a_child(*fault))
        child_kills_.push_back({i, gone_by(history, i)});
    }
  }
}

Behaviour Peers::behaviour(const ConnectionView& connection) const {
  const auto found = behaviours_.find(client_of(connection.id).value);
  return found == behaviours_.end() ? Behaviour::steady : found->second;
}

std::optional<EventIndex> Peers::excused_from(const ConnectionView& connection) const {
  std::optional<EventIndex> from;
  if (const auto found = excused_.find(connection.id.value); found != excused_.end())
    from = found->second;
  for (const auto& [kill, gone] : child_kills_) {
    const bool was_there = connection.invoked < gone && !is_before(connection.ended, kill);
    if (was_there && !is_alive_after(connection, kill) && !is_before(from, kill)) from = kill;
  }
  return from;
}

bool Peers::child_killed(EventIndex from, EventIndex to) const {
  return std::ranges::any_of(
      child_kills_, [from, to](const ChildKill& kill) { return from < kill.at && kill.at < to; });
}

void Violations::add(const std::string& what, const std::string& who,
                     const std::vector<EventIndex>& evidence, const ClaimBasis& footing) {
  auto kind = std::ranges::find(kinds_, what, &Kind::what);
  if (kind == kinds_.end()) kind = kinds_.insert(kind, Kind{what, who, 0});
  ++kind->count;
  evidence_.insert(evidence_.end(), evidence.begin(), evidence.end());
  all_absent_ = all_absent_ && footing.absence;
  all_timed_ = all_timed_ && footing.claim;
  if (footing.claim) widen(claim_, *footing.claim);
}

void Violations::fail(Verdict& verdict, std::string_view items,
                      std::optional<std::uint64_t> total) const {
  const bool fails_already = verdict.outcome == Outcome::fail;
  const bool is_timed = all_timed_ && claim_ && (!fails_already || verdict.time_claim);
  verdict.outcome = Outcome::fail;
  verdict.reason =
      (fails_already ? verdict.reason + "; " : "") + text(total.value_or(verdict.judged), items);
  verdict.evidence.insert(verdict.evidence.end(), evidence_.begin(), evidence_.end());
  verdict.rests_on_absence = all_absent_ && (!fails_already || verdict.rests_on_absence);
  if (is_timed) {
    widen(verdict.time_claim, *claim_);
  } else {
    verdict.time_claim.reset();
  }
}

std::vector<Counted> Violations::counted(std::string_view items) const {
  std::vector<Counted> kinds;
  for (const auto& kind : kinds_)
    kinds.push_back({std::string(items) + " " + kind.what, kind.count});
  return kinds;
}

std::string Violations::text(std::uint64_t total, std::string_view items) const {
  std::string text;
  for (const auto& kind : kinds_) {
    text += text.empty() ? "" : "; ";
    text += std::to_string(kind.count) + " of " + std::to_string(total) + " " + std::string(items) +
            " " + kind.what + ", first: " + kind.first;
  }
  return text;
}

}  // namespace lastcall
