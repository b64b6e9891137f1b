#include "reports/event_words.hpp"

#include <cstring>
#include <type_traits>

#include "base/durations.hpp"
#include "base/fault_text.hpp"
#include "base/signal_names.hpp"
#include "checkers/checker_support.hpp"
#include "history/event_fields.hpp"
#include "reports/wording.hpp"

namespace lastcall::reports {
namespace {

template <class Kind, class... Kinds>
constexpr bool is_one_of = (std::is_same_v<Kind, Kinds> || ...);

template <class Kind>
constexpr Lane kLane = [] {
  if (is_one_of<Kind, PhaseBegan>) return Lane::phases;
  if (is_one_of<Kind, FaultInvoked, FaultFinished, FaultNotReached, LoadMeasured, TargetForced,
                DeadlinePassed, NetworkDisturbed, SyscallReached, FunctionReached, KillSent>)
    return Lane::faults;
  if (is_one_of<Kind, TargetOutput, SidecarSeen>) return Lane::output;
  if (is_one_of<Kind, Notification, ReadyProbed, WatchdogExpired, DeadlineExtended, HealthProbed>)
    return Lane::notifications;
  if (is_one_of<Kind, SentLate, LeftAtExit, FinalCalls, TargetSlept, StacksTaken, ThreadWaits,
                ThreadsStuck, KeptAlive>)
    return Lane::calls;
  if (is_one_of<Kind, ConnectInvoked, LayerUp, LayerFailed, RequestSent, RequestWritten,
                AnswerBegan, AnswerEndedByEof, RequestEnded, IdGiven, CloseFrame, CloseNotify, Fin,
                Reset, BytesAfterClose, ControlFrame, Misbehaved, ConnectionEnded, ForeignBytes,
                Asked, AskedBefore>)
    return Lane::clients;
  if (is_one_of<Kind, Lag, EventsLost, TraceBegan, TraceFailed, FiltersWoke, TakerInDoubt,
                SendsWatched, SleepsWatched, PanicsWatched, OpenCounted, ExitExamined,
                SocketsAtStop, SocketsAtDeadline, HandlerAtStop, ProcessesSearched, FilesSearched,
                LeftProcessesEnded, ProcessorUsed, ResourcesUsed, NotObserved>)
    return Lane::lastcall;
  return Lane::target;
}();

std::string span_text(std::int64_t nanoseconds) { return human_duration(Nanoseconds(nanoseconds)); }

std::string after_colon(const std::string& text) { return text.empty() ? "" : ": " + text; }

std::string ended(EndKind how, std::int32_t value) {
  return how == EndKind::exited ? "exit " + std::to_string(value) : signal_name(value);
}

std::string process(std::int32_t pid) { return "process " + std::to_string(pid); }

// "clients-0", "in thread main (313)"
std::string thread(const std::string& name, std::int32_t tid) {
  return "thread " + (name.empty() ? "" : name + " ") + "(" + std::to_string(tid) + ")";
}

std::string in_one_line(std::string text) {
  for (char& c : text) c = c == '\n' ? ' ' : c;
  return text;
}

std::string error_text(std::int32_t error) { return error == 0 ? "" : std::strerror(error); }

std::string direction(Direction direction, const std::string& what) {
  return (direction == Direction::sent ? "sent " : "got ") + what;
}

// Kinds without an overload are told by their name and fields.
struct Words {
  std::string operator()(const PhaseBegan& e) const {
    return "phase " + std::string(name(e.phase)) + " begins";
  }
  std::string operator()(const TargetStarted& e) const {
    return "the target starts as " + process(e.pid) + after_colon(e.command);
  }
  std::string operator()(const TargetNotStarted& e) const {
    return "the target could not be started" + after_colon(e.reason);
  }
  std::string operator()(const TargetReady&) const { return "the target is ready"; }
  std::string operator()(const TargetNotReady& e) const {
    return "the target was not ready" + after_colon(e.reason);
  }
  std::string operator()(const TargetOutput& e) const { return e.line; }
  std::string operator()(const Notification& e) const { return in_one_line(e.text); }
  std::string operator()(const FaultInvoked& e) const { return e.what; }
  std::string operator()(const FaultFinished& e) const {
    return e.error == 0 ? "the fault is done" : "the fault failed: " + error_text(e.error);
  }
  std::string operator()(const FaultNotReached& e) const {
    return "the moment of fault " + std::to_string(e.fault.value + 1) + " did not come" +
           after_colon(e.reason);
  }
  std::string operator()(const LoadMeasured& e) const {
    return "the longest answer took " + span_text(e.response) + " so far: the stop is drawn over " +
           span_text(e.window);
  }
  std::string operator()(const TargetForced& e) const {
    return "lastcall sends " + signal_name(e.signal) + after_colon(e.reason);
  }
  std::string operator()(const DeadlinePassed&) const { return "the deadline of the stop passes"; }
  std::string operator()(const TargetEnded& e) const {
    return "the target ends: " + ended(e.how, e.value) + (e.core ? ", core dumped" : "");
  }
  std::string operator()(const ProcessEnded& e) const {
    return process(e.pid) + (e.command.empty() ? "" : " (" + e.command + ")") +
           " ends: " + ended(e.how, e.value);
  }
  std::string operator()(const ProcessLeft& e) const {
    return "the target left " + process(e.pid) + " running" + after_colon(e.command);
  }
  std::string operator()(const PortProbed& e) const {
    return "port " + (e.name.empty() ? std::string("{port}") : "{port." + e.name + "}") +
           (e.error == 0 ? " is free again" : ": " + error_text(e.error));
  }
  std::string operator()(const FileLeft& e) const {
    return "the target left a " + e.type + ": " + e.path;
  }
  std::string operator()(const SignalTaken& e) const {
    const auto why = fault_text(e.signal, e.code, e.address);
    return "thread " + std::to_string(e.tid) + " takes " + signal_name(e.signal) +
           (why.empty() ? "" : " " + why) +
           (e.sender == 0 ? ""
                          : ", sent by " + process(e.sender) +
                                (e.command.empty() ? "" : " (" + e.command + ")")) +
           (e.fatal ? "; nothing catches it" : "");
  }
  std::string operator()(const ExitCalled& e) const {
    return thread(e.thread, e.tid) + " calls exit_group(" + std::to_string(e.code) + ")";
  }
  std::string operator()(const KillSent& e) const {
    return "SIGKILL for " + process(e.pid) +
           (e.sender == 0 ? " from the kernel"
                          : " from " + process(e.sender) +
                                (e.command.empty() ? "" : " (" + e.command + ")")) +
           (e.why.empty() ? "" : ": " + e.why);
  }
  std::string operator()(const PanicEntered& e) const {
    return e.runtime + ": " + e.type + after_colon(in_one_line(e.message));
  }
  std::string operator()(const SyscallReached& e) const {
    return "thread " + std::to_string(e.tid) + (e.exit ? " returns from " : " makes ") + e.call +
           (e.place.empty() ? "" : " in " + e.place);
  }
  std::string operator()(const FunctionReached& e) const {
    return thread(e.thread, e.tid) + " comes to " + e.function +
           (e.hold == 0 ? "" : " and is held for " + span_text(e.hold));
  }
  std::string operator()(const StacksTaken& e) const {
    return "stacks of " + process(e.pid) + " taken at the " + std::string(name(e.at));
  }
  std::string operator()(const ThreadWaits& e) const {
    return thread(e.thread, e.tid) + " in " + e.place +
           (e.waits.empty() ? " runs" : " waits for " + e.waits);
  }
  std::string operator()(const ThreadsStuck& e) const { return in_one_line(e.text); }
  std::string operator()(const SentLate& e) const {
    return e.call + " on descriptor " + std::to_string(e.descriptor) + " (" + e.what + "), " +
           span_text(e.age) + " after it was " + std::string(name(e.end));
  }
  std::string operator()(const LeftAtExit& e) const { return "open at exit: " + e.text; }
  std::string operator()(const FinalCalls& e) const {
    return "last calls of " + process(e.pid) + ": " + in_one_line(e.text);
  }
  std::string operator()(const TargetSlept& e) const {
    return thread(e.thread, e.tid) + " slept " + span_text(e.slept) + " in " + e.call +
           (e.place.empty() ? "" : ", called by " + e.place);
  }
  std::string operator()(const SidecarSeen& e) const {
    return "sidecar " + e.name + " " + std::string(name(e.what)) + after_colon(e.text);
  }
  std::string operator()(const Lag& e) const {
    return e.source + " was held up for " + span_text(e.nanoseconds);
  }
  std::string operator()(const EventsLost& e) const { return "lost: " + lost_text(e); }
  std::string operator()(const WatchdogExpired&) const { return "no WATCHDOG=1 came in time"; }
  std::string operator()(const DeadlineExtended& e) const {
    return "the deadline moves to " + span_text(e.nanoseconds) + " after the stop";
  }
  std::string operator()(const HealthProbed& e) const {
    return "readiness: " + (!e.connected    ? std::string("nobody listens")
                            : e.status == 0 ? std::string("no answer")
                                            : std::to_string(e.status));
  }
  std::string operator()(const SocketsAtStop& e) const {
    return e.problem.empty() ? "connections at the stop were listed"
                             : "connections at the stop are unknown: " + e.problem;
  }
  std::string operator()(const SocketsAtDeadline& e) const {
    return e.problem.empty() ? "connections at the deadline were listed"
                             : "connections at the deadline are unknown: " + e.problem;
  }

  // What a client sees.
  std::string operator()(const ConnectInvoked&) const { return "connects"; }
  std::string operator()(const LayerUp& e) const { return std::string(name(e.layer)) + " is up"; }
  std::string operator()(const LayerFailed& e) const {
    return std::string(name(e.layer)) + " did not come up: " + e.reason + said_text(e.said);
  }
  std::string operator()(const RequestSent& e) const {
    return e.bytes == 0 ? "sends a request" : "sends a request of " + counted(e.bytes, "byte");
  }
  std::string operator()(const RequestWritten&) const { return "has written the request"; }
  std::string operator()(const AnswerBegan&) const { return "the answer begins"; }
  std::string operator()(const AnswerEndedByEof&) const {
    return "only the end of the connection ends the answer";
  }
  std::string operator()(const RequestEnded& e) const {
    const auto status = e.status == 0 ? "" : " " + std::to_string(e.status);
    if (e.end == RequestEnd::unknown) return "no answer" + said_text(e.said);
    return (e.end == RequestEnd::ok ? "answered" : "refused") + status + said_text(e.said);
  }
  std::string operator()(const CloseFrame& e) const {
    return direction(e.direction, "Close frame " + std::to_string(e.code)) + said_text(e.reason);
  }
  std::string operator()(const CloseNotify& e) const {
    return direction(e.direction, "close_notify");
  }
  std::string operator()(const Fin& e) const { return direction(e.direction, "FIN"); }
  std::string operator()(const Reset&) const { return "got RST"; }
  std::string operator()(const BytesAfterClose& e) const {
    return "got " + counted(e.bytes, "byte") + " after the server had closed " +
           std::string(name(e.layer));
  }
  std::string operator()(const ControlFrame& e) const {
    return direction(e.direction, e.pong ? "a Pong" : "a Ping");
  }
  std::string operator()(const Misbehaved& e) const { return "does as planned: " + e.how; }
  std::string operator()(const NetworkDisturbed& e) const {
    return "the proxy acts: fault " + std::to_string(e.fault.value + 1);
  }
  std::string operator()(const ConnectionEnded& e) const {
    return "ended: " + std::string(name(e.why)) + after_colon(e.detail);
  }
  std::string operator()(const Asked& e) const {
    return e.found == 1 ? "is there after the restart"
                        : "was found " + counted(e.found, "time") + " after the restart";
  }

  template <class Kind>
  std::string operator()(const Kind& e) const {
    std::string text(Kind::kName);
    for (char& c : text) c = c == '_' ? ' ' : c;
    bool first = true;
    visit_fields(e, [&](std::string_view field, const auto& value) {
      const auto said = said_of(value);
      if (said.empty()) return;
      text += (first ? ": " : ", ") + std::string(field) + " " + said;
      first = false;
    });
    return text;
  }

 private:
  // Connections and requests are left out: the address says them.
  template <class Value>
  static std::string said_of(const Value& value) {
    if constexpr (std::is_same_v<Value, std::string>) {
      return in_one_line(value);
    } else if constexpr (std::is_same_v<Value, bool>) {
      return value ? "yes" : "no";
    } else if constexpr (std::is_enum_v<Value>) {
      return std::string(name(value));
    } else if constexpr (std::is_integral_v<Value>) {
      return std::to_string(value);
    } else {
      return {};
    }
  }
};

}  // namespace

Lane lane_of(const Event& event) {
  const auto& body = static_cast<const EventVariant&>(event.body);
  // That a fault was done is no news.
  const auto* done = std::get_if<FaultFinished>(&body);
  if (done != nullptr && done->error == 0) return Lane::lastcall;
  return std::visit([]<class Kind>(const Kind&) { return kLane<Kind>; }, body);
}

std::string words(const Event& event) {
  return std::visit(Words{}, static_cast<const EventVariant&>(event.body));
}

}  // namespace lastcall::reports
