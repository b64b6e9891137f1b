// What the checkers share: small questions to a plan and a history, and the wording of a verdict.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "checkers/verdict.hpp"
#include "history/history.hpp"
#include "plan/plan.hpp"

namespace lastcall {

// The group of a connection; null if the plan has no such group, as only a damaged history can say.
const ClientGroup* group_of(const Plan& plan, const ConnectionView& connection);

// Whether some of its clients ask for anything before the stop that a server could answer.
bool says_something(const ClientGroup& group);

// The event that brought up the last layer of the protocol, if all of them came up.
std::optional<EventIndex> all_layers_up(const ConnectionView& connection, Protocol protocol);

// When its client began to end it, as its protocol has it (Close frame, close_notify or FIN), if
// the server had not done so before.
std::optional<EventIndex> closed_by_client(const ConnectionView& connection, Protocol protocol);
// Whether the server answered its client's Close frame with none (RFC 6455, section 5.5.1).
bool is_close_unanswered(const ConnectionView& connection, const ClientGroup& group);

// "{port}", "{port.tls}", or "port 8080" of one that the scenario names by its number.
std::string port_name(const PortProbed& port);

inline bool is_before(std::optional<EventIndex> event, EventIndex limit) {
  return event && *event < limit;
}

// Whether a fault sent its signal to a child of the target's first process, and not to that one.
bool is_to_a_child(const FaultInvoked& fault);

// Whether lastcall killed a child of the target between these events, both excluded.
bool killed_a_child(const History& history, EventIndex from, EventIndex to);

// Whether lastcall sent this signal to the target's first process, as a fault or to force the end.
bool lastcall_sent(const History& history, int signal);
// Whether a crash by this signal at event `at` may come of lastcall's question where the target
// stands: at SIGABRT, SIGILL or SIGBUS a runtime writes down the stacks of threads that go on
// running meanwhile, and may follow what they change (Python's documentation, faulthandler).
bool crashed_when_asked(const History& history, int signal, EventIndex at);
// Whether lastcall sent the signal to whatever process of the target.
bool lastcall_sent_to_any(const History& history, int signal);

// Whether a SIGKILL that a fault sent is what ended the target. That of a child is none.
bool fault_killed(const History& history);

// Whether the kernel ended the target at the scenario's memory limit.
bool was_at_memory_limit(const History& history);

// What lastcall did, or the kernel at the scenario's memory limit, that ended the target before any
// stop: the signal of a fault, or what it ended it for. Nothing if it ended otherwise, or had its
// stop.
std::optional<std::string> ended_by_lastcall(const History& history);
// The same of a target that could not become ready for it. A target that needs more memory to
// become ready than its scenario gives it is not kept from it.
std::optional<std::string> kept_from_ready(const History& history);

// Why the promises about a stop cannot be asked of this history: there was no stop, the target had
// ended before it, or lastcall ended or killed it; what lastcall did is said as that. Nothing if
// they can.
std::optional<std::string> no_stop_to_judge(const History& history);

// Why nothing is judged, whatever happened, of what is judged by what clients see only.
std::string without_clients(const Plan& plan);

// Why the verdict cannot stand, because a sidecar of the scenario failed before the target's end,
// or of what is asked of the restarted target before that was asked; empty if it can. A fail that
// events before that prove stands.
std::string sidecar_trouble(const History& history, const Verdict& verdict,
                            bool is_about_the_restart = false);

// How the source of a sidecar's events is named; its name follows.
inline constexpr std::string_view kSidecarSource = "sidecar ";
// The same for its output, which no checker of lastcall reads.
inline constexpr std::string_view kSidecarOutputSource = "output of sidecar ";

// What was lost, in words: the reason, after the source unless the reason names it.
std::string lost_text(const EventsLost& lost);

// Why some lines of the target's output are not in the history; empty if all are.
std::string lost_output(const History& history);

// How many connections were up when the stop began; 0 without a stop.
std::uint32_t connections_at_stop(const History& history);

// When lastcall ended what a target that had gone by itself had left of its processes; nothing if
// it did not. Connections that these had are cut from there on (kCutWithLeft).
std::optional<EventIndex> left_processes_ended(const History& history);
inline constexpr const char* kCutWithLeft = "cut as lastcall ended processes that were left";
// From when on what happens to connections is lastcall's doing: it forces the target's end, or ends
// the processes that were left. Nothing if it did neither.
std::optional<EventIndex> cut_by_lastcall(const History& history);

// The event up to which the target is left to serve: the stop, or whatever lastcall did before it
// to end the target, not only a child of it, or the end of what was seen. What lastcall saw of a
// probe after it, although the probe began before it, says nothing about how the target serves.
EventIndex served_until(const History& history);

// How a reason names a group of clients: `clients "orders"` as the scenario does, else
// `clients #2 (http://127.0.0.1:{port}/)`.
std::string group_name(const Plan& plan, std::size_t group);
// How a reason names a connection: `clients "orders", client 5`, counted from 1 within the group,
// and `, connection 3` if it is not the client's first. In process it is the schedule's own "5/0".
std::string address(const Plan& plan, ConnectionId id);
// The same with `, request 3`, counted from 1; in process the subject's own "5/0 request 2".
std::string address(const Plan& plan, ConnectionId connection, RequestId request);
// What the server said to a client, in a Close frame, a body or a message, to be appended to the
// client's name: `: "shutting down"`. Empty if it said nothing.
std::string said_text(std::string_view words);
// Whether these clients are threads that call a subject in process: a scenario's have a URL.
inline bool is_in_process(const ClientGroup& group) { return group.url.empty(); }

std::string to_text(const TargetEnded& ended);  // "exit 1", "SIGSEGV"
std::string to_text(const ExpectedEnd& expected);
std::string to_text(const std::vector<ExpectedEnd>& expected);  // "exit 0 or SIGTERM"

// Whether the target was traced: as the plan has it, unless nothing of it could be. That one of its
// processes could not be watched in full (TraceFailed, too) does not make it untraced.
bool was_traced(const Plan& plan, const History& history);

// The target's own process; 0 if it was not started.
std::int32_t target_pid(const History& history);

// The look at whether the target handles this signal, before lastcall sent it first: HandlerAtStop.
std::optional<EventOf<HandlerAtStop>> handler_look(const History& history, int signal);
// Whether the target had a handler for this stop signal when lastcall sent it: by the look at it
// just before, else by how it took the first one, if it was traced.
bool had_handler(const History& history, int signal);
// The runtime ("node", "go") that has such a handler in every program; empty if it is none of them.
std::string handling_runtime(const History& history, int signal);
// Whether such a runtime raised the signal again without the program, as far as the tracer saw.
bool only_runtime_handled(const History& history, int signal);
// Whether the scenario promises this end. Where it does not state `exit`, a target that had a
// handler for the stop signal may also exit with 128 + signal, as the JVM does once its shutdown
// hooks have run, or end by that signal, raised again as the glibc manual has it ("Termination
// Signals"): not if a second signal found the handler gone, nor if it is only the runtime that
// raised it, for want of a handler of the program's. Nothing if the latter is not known: only the
// tracer sees it.
std::optional<bool> is_promised(const Plan& plan, const History& history, const TargetEnded& end);
// Why it is not known whether an end is promised.
std::string why_not_known(const History& history);
std::string stop_signal_name(const History& history);  // there must be a stop

// What was sent after this and before the stop, which there must be, a server need not have read
// when it began to stop: by in-flight-finished's `settling`.
TimePoint settled_before_stop(const Plan& plan, const History& history);

// How long drains-health has readiness away before the listener goes; 0 if it is not judged.
Nanoseconds promised_visible(const Plan& plan);

// The second stop signal: the first that reached the target, in whole or its group, while the stop
// was going on.
std::optional<EventIndex> second_stop_signal(const Plan& plan, const History& history);
// Why what the stop promised is off: repeat-signal's policy is `force`, and a second signal came.
std::optional<std::string> forced_by_second_signal(const Plan& plan, const History& history);

// Who the clients of a trial are, and from when on they, or a fault on their connections, are to
// blame for what happens there.
class Peers {
 public:
  Peers(const Plan& plan, const History& history);

  // As the plan has drawn it; steady if the plan does not say.
  [[nodiscard]] Behaviour behaviour(const ConnectionView& connection) const;
  // The first disturbance. A client that is silent, slow to read or slow to close is no
  // disturbance: what it is owed is another question. A SIGKILL of lastcall's to a child of the
  // target disturbs a connection that was there before the child was gone, unless the target
  // answered a later request on it, or said goodbye: then another process has it.
  [[nodiscard]] std::optional<EventIndex> excused_from(const ConnectionView& connection) const;
  // As killed_a_child().
  [[nodiscard]] bool child_killed(EventIndex from, EventIndex to) const;

 private:
  std::unordered_map<std::uint32_t, Behaviour> behaviours_;  // those that are not steady
  std::unordered_map<std::uint64_t, EventIndex> excused_;
  struct ChildKill {
    EventIndex at;
    EventIndex gone;
  };
  std::vector<ChildKill> child_kills_;
};

// What a violation rests on, if not on events that were seen.
struct ClaimBasis {
  bool absence = false;              // an event is missing
  std::optional<TimeClaim> claim{};  // nothing held lastcall up
};

// The violations of one checker by kind, for a reason such as
// `3 of 20 connections got no Close frame, first: clients "orders", client 5`.
class Violations {
 public:
  void add(const std::string& what, const std::string& who, const std::vector<EventIndex>& evidence,
           const ClaimBasis& footing = {});
  [[nodiscard]] bool empty() const { return kinds_.empty(); }
  [[nodiscard]] std::string text(std::uint64_t total, std::string_view items) const;
  // "connections got no Close frame", and how many.
  [[nodiscard]] std::vector<Counted> counted(std::string_view items) const;
  // Makes the verdict a fail for these reasons, or adds them if it fails already. `total` is the
  // number of items, by default `judged`, which must be filled in. The verdict rests on absence or
  // on time if all its reasons do; its claim is then the widest that covers theirs.
  void fail(Verdict& verdict, std::string_view items,
            std::optional<std::uint64_t> total = std::nullopt) const;

 private:
  struct Kind {
    std::string what;
    std::string first;
    std::uint64_t count = 0;
  };
  std::vector<Kind> kinds_;
  std::vector<EventIndex> evidence_;
  bool all_absent_ = true;
  bool all_timed_ = true;
  std::optional<TimeClaim> claim_;
};

}  // namespace lastcall
