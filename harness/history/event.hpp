// The closed set of events. Each is a plain struct, with its name and its fields as history.jsonl
// has them; the binary segment, the JSON export and the tests' printers are made from that
// description (event_fields.hpp). The order of the fields is the segment format. Intent is recorded
// before effect: ConnectInvoked, RequestSent and FaultInvoked come before the act, their outcome
// after it.
#pragma once

#include <boost/describe/class.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "fault/fault.hpp"
#include "history/event_enums.hpp"
#include "history/tracer_events.hpp"

namespace lastcall {

// --- what the trial process sees ---

struct PhaseBegan {
  static constexpr std::string_view kName = "phase_began";
  Phase phase{};
};
BOOST_DESCRIBE_STRUCT(PhaseBegan, (), (phase))
struct TargetStarted {
  static constexpr std::string_view kName = "target_started";
  std::int32_t pid{};
  std::string command;
};
BOOST_DESCRIBE_STRUCT(TargetStarted, (), (pid, command))
// The command could not be executed: trouble of the environment.
struct TargetNotStarted {
  static constexpr std::string_view kName = "target_not_started";
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(TargetNotStarted, (), (reason))
struct TargetReady {
  static constexpr std::string_view kName = "target_ready";
};
BOOST_DESCRIBE_STRUCT(TargetReady, (), ())
// It ran, and was not ready in time or ended first.
struct TargetNotReady {
  static constexpr std::string_view kName = "target_not_ready";
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(TargetNotReady, (), (reason))
struct TargetOutput {
  static constexpr std::string_view kName = "target_output";
  Stream stream{};
  std::string line;  // without its newline
  bool continues{};  // a long line's next piece: its beginning is in the events before it
};
BOOST_DESCRIBE_STRUCT(TargetOutput, (), (stream, line, continues))
struct Notification {
  static constexpr std::string_view kName = "notification";
  std::int32_t pid{};           // the sender, by SCM_CREDENTIALS
  std::string text;             // assignments separated by newlines, sd_notify(3)
  std::uint32_t descriptors{};  // that came with it; they are closed at once
};
BOOST_DESCRIBE_STRUCT(Notification, (), (pid, text, descriptors))
struct FaultInvoked {
  static constexpr std::string_view kName = "fault_invoked";
  FaultId fault;
  std::uint32_t step{};   // 0, or which signal of several
  std::string what;       // "SIGTERM to process", "limit memory" (fault.hpp, text_of())
  std::int32_t signal{};  // 0: no signal
  bool stop{};            // this signal begins the stop
};
BOOST_DESCRIBE_STRUCT(FaultInvoked, (), (fault, step, what, signal, stop))
struct FaultFinished {
  static constexpr std::string_view kName = "fault_finished";
  FaultId fault;
  std::uint32_t step{};
  std::int32_t error{};  // errno, 0: done. ESRCH: nobody there to receive it
};
BOOST_DESCRIBE_STRUCT(FaultFinished, (), (fault, step, error))
// The moment of a fault that is a share of the load has come: how long that was taken to be, and
// the longest response time that had been seen, which is why (fault.hpp, load_window()).
struct LoadMeasured {
  static constexpr std::string_view kName = "load_measured";
  FaultId fault;
  std::int64_t response{};  // nanoseconds; of a request that was not answered yet, its age
  std::int64_t window{};    // nanoseconds
};
BOOST_DESCRIBE_STRUCT(LoadMeasured, (), (fault, response, window))
struct FaultNotReached {
  static constexpr std::string_view kName = "fault_not_reached";
  // How the reason begins where the target was gone, whoever ended it.
  static constexpr std::string_view kTargetHadEnded = "the target had ended";
  FaultId fault;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(FaultNotReached, (), (fault, reason))
// lastcall itself ends the target: past the deadline, or because no stop was reached.
struct TargetForced {
  static constexpr std::string_view kName = "target_forced";
  std::int32_t signal{};
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(TargetForced, (), (signal, reason))
struct DeadlinePassed {
  static constexpr std::string_view kName = "deadline_passed";
};
BOOST_DESCRIBE_STRUCT(DeadlinePassed, (), ())
struct TargetEnded {
  static constexpr std::string_view kName = "target_ended";
  EndKind how{};
  std::int32_t value{};  // exit code or signal number
  bool core{};
};
BOOST_DESCRIBE_STRUCT(TargetEnded, (), (how, value, core))
// A process of the target's tree that was alive after the target's end.
struct ProcessLeft {
  static constexpr std::string_view kName = "process_left";
  std::int32_t pid{};
  std::string command;
};
BOOST_DESCRIBE_STRUCT(ProcessLeft, (), (pid, command))
// A process of the target's tree that was there for too long after the target's end, and of which
// it is not said that it was left alive.
struct ProcessLingered {
  static constexpr std::string_view kName = "process_lingered";
  std::int32_t pid{};
  std::string command;  // of one that has ended the name only
  Lingering how{};
};
BOOST_DESCRIBE_STRUCT(ProcessLingered, (), (pid, command, how))
// The tree was searched for such processes; without this event nothing is known about them.
struct ProcessesSearched {
  static constexpr std::string_view kName = "processes_searched";
};
BOOST_DESCRIBE_STRUCT(ProcessesSearched, (), ())
// After the search for what the target left: lastcall ends the processes of its tree that are still
// alive, and with them their connections.
struct LeftProcessesEnded {
  static constexpr std::string_view kName = "left_processes_ended";
  std::uint32_t count{};
};
BOOST_DESCRIBE_STRUCT(LeftProcessesEnded, (), (count))
struct PortProbed {
  static constexpr std::string_view kName = "port_probed";
  std::string name;  // "" for {port}, "tls" for {port.tls}
  std::uint16_t port{};
  std::int32_t error{};  // errno of bind with SO_REUSEADDR; 0: a server can have the port
};
BOOST_DESCRIBE_STRUCT(PortProbed, (), (name, port, error))
// A file, socket or FIFO of the trial's directory that a clean stop removes: sockets, pid files,
// lock files, whatever lies in the temporary folder. Also what it left in the machine's memory.
struct FileLeft {
  static constexpr std::string_view kName = "file_left";
  std::string path;  // relative to {dir}; of what is in memory as target/shared_memory.hpp has it
  std::string type;  // "socket", "pid file", "lock file", "temporary file"
};
BOOST_DESCRIBE_STRUCT(FileLeft, (), (path, type))
struct FilesSearched {
  static constexpr std::string_view kName = "files_searched";
  std::uint32_t count{};  // entries looked at
};
BOOST_DESCRIBE_STRUCT(FilesSearched, (), (count))
// lastcall's process did not run for so long although it had something to do. What happened in that
// time was perhaps recorded, and perhaps done, so much too late.
struct Lag {
  static constexpr std::string_view kName = "lag";
  // "trial", "clients-0"; "tracer": for so long it was at work, and what it traces stood still.
  // "target": its threads waited for a processor; "machine": some task did, perhaps the target's.
  std::string source;
  std::int64_t nanoseconds{};  // the lag ends at the event's time
};
BOOST_DESCRIBE_STRUCT(Lag, (), (source, nanoseconds))
// As the target said READY=1: does a port of the scenario accept a connection?
struct ReadyProbed {
  static constexpr std::string_view kName = "ready_probed";
  std::string name;      // "" for {port}, "tls" for {port.tls}
  std::int32_t error{};  // errno of connect, 0: it does
};
BOOST_DESCRIBE_STRUCT(ReadyProbed, (), (name, error))
// No WATCHDOG=1 came in time.
struct WatchdogExpired {
  static constexpr std::string_view kName = "watchdog_expired";
};
BOOST_DESCRIBE_STRUCT(WatchdogExpired, (), ())
// EXTEND_TIMEOUT_USEC moved the deadline of the stop.
struct DeadlineExtended {
  static constexpr std::string_view kName = "deadline_extended";
  std::int64_t nanoseconds{};  // from the stop to the new deadline
};
BOOST_DESCRIBE_STRUCT(DeadlineExtended, (), (nanoseconds))
// The readiness URL was asked during the stop, on a connection of its own.
struct HealthProbed {
  static constexpr std::string_view kName = "health_probed";
  std::int64_t asked{};   // nanoseconds before the event's time
  bool connected{};       // the listener was there
  std::int32_t status{};  // HTTP status, 0: no answer
};
BOOST_DESCRIBE_STRUCT(HealthProbed, (), (asked, connected, status))
// What the target's first process used, read from /proc as its phase ended.
struct ResourcesUsed {
  static constexpr std::string_view kName = "resources_used";
  Phase phase{};
  std::uint64_t memory{};  // VmHWM, bytes
  std::int64_t cpu{};      // user and system time, nanoseconds
  std::uint32_t threads{};
};
BOOST_DESCRIBE_STRUCT(ResourcesUsed, (), (phase, memory, cpu, threads))
// For so long before the event's time, all in all and not longer than since the last such event or
// the stop, processes of the target were at work on a processor during the stop.
struct ProcessorUsed {
  static constexpr std::string_view kName = "processor_used";
  std::int64_t nanoseconds{};
};
BOOST_DESCRIBE_STRUCT(ProcessorUsed, (), (nanoseconds))
// What a property looked at by URL or file: one event a line.
struct Observed {
  static constexpr std::string_view kName = "observed";
  std::string property;
  std::string line;
};
BOOST_DESCRIBE_STRUCT(Observed, (), (property, line))
// What was to be looked at could not be.
struct NotObserved {
  static constexpr std::string_view kName = "not_observed";
  std::string property;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(NotObserved, (), (property, reason))
// A copy of a checkpoint file was inspected.
struct CheckpointInspected {
  static constexpr std::string_view kName = "checkpoint_inspected";
  std::string path;     // relative to {dir}
  std::string problem;  // empty: intact
};
BOOST_DESCRIBE_STRUCT(CheckpointInspected, (), (path, problem))
// The target is started again in the same directory.
struct RecoveryStarted {
  static constexpr std::string_view kName = "recovery_started";
  std::int32_t pid{};
};
BOOST_DESCRIBE_STRUCT(RecoveryStarted, (), (pid))
struct RecoveryReady {
  static constexpr std::string_view kName = "recovery_ready";
};
BOOST_DESCRIBE_STRUCT(RecoveryReady, (), ())
struct RecoveryFailed {
  static constexpr std::string_view kName = "recovery_failed";
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(RecoveryFailed, (), (reason))
struct RecoveryEnded {
  static constexpr std::string_view kName = "recovery_ended";
  EndKind how{};
  std::int32_t value{};
};
BOOST_DESCRIBE_STRUCT(RecoveryEnded, (), (how, value))
// The restarted target was asked for an acknowledged request.
struct Asked {
  static constexpr std::string_view kName = "asked";
  ConnectionId connection;
  RequestId request;
  std::uint32_t found{};  // how often it is there; 0: lost
};
BOOST_DESCRIBE_STRUCT(Asked, (), (connection, request, found))
// Just before the signal that begins the stop: what the kernel said of the target's established TCP
// connections. One event holds those to one port from one address; a long list is several events.
// A connection that is in none of them is not known.
struct SocketsAtStop {
  static constexpr std::string_view kName = "sockets_at_stop";
  std::uint16_t port{};  // of the target; 0: the event names no connection
  std::string address;   // of the clients
  // history/socket_list.hpp: of each connection the client's port and what the target had read.
  std::string connections;
  std::string problem;  // why the kernel could not be asked; empty: it could
};
BOOST_DESCRIBE_STRUCT(SocketsAtStop, (), (port, address, connections, problem))
// Just before a stop signal goes to the target's own process: whether that process has a handler
// for it. Without this event it is not known.
struct HandlerAtStop {
  static constexpr std::string_view kName = "handler_at_stop";
  std::int32_t pid{};
  std::int32_t signal{};
  bool caught{};        // SigCgt, proc(5): false also if it is ignored, or blocked for signalfd(2)
  std::string runtime;  // "node", "go": every program of it has a handler, whether it wants or not
  std::string program{};  // its executable's name
  bool blocked{};         // SigBlk of its main thread, which alone the kernel asks of PID 1
};
BOOST_DESCRIBE_STRUCT(HandlerAtStop, (), (pid, signal, caught, runtime, program, blocked))
// At the deadline, before lastcall asks the target anything: what the kernel said of one of the
// scenario's TCP ports and of the target's connections there, as in SocketsAtStop, with those that
// the target has half closed. A port has an event for each address that its clients have, or one
// without an address; a long list is several events.
struct SocketsAtDeadline {
  static constexpr std::string_view kName = "sockets_at_deadline";
  std::uint16_t port{};  // 0: the event names no port
  bool listening{};      // somebody listens there
  std::string address;   // of the clients
  std::string connections;
  std::string problem;  // why the kernel could not be asked; empty: it could
};
BOOST_DESCRIBE_STRUCT(SocketsAtDeadline, (), (port, listening, address, connections, problem))
// What Node said keeps a process alive, when lastcall asked it at the deadline.
struct KeptAlive {
  static constexpr std::string_view kName = "kept_alive";
  std::int32_t pid{};
  std::string what;  // "connection of 127.0.0.1:80"; empty: its event loop did not answer
  std::string peer;  // of a connection: "127.0.0.1:40001"
};
BOOST_DESCRIBE_STRUCT(KeptAlive, (), (pid, what, peer))
// Events of a source (also "output", "files") are incomplete: what depends on them is unknown.
struct EventsLost {
  static constexpr std::string_view kName = "events_lost";
  std::string source;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(EventsLost, (), (source, reason))

// Before the stop the target was asked for an acknowledged request, with the question that the
// restarted target will be asked: it shows whether the question finds anything at all.
struct AskedBefore {
  static constexpr std::string_view kName = "asked_before";
  ConnectionId connection;
  RequestId request;
  std::uint32_t found{};  // how often it was there; 0 says nothing: it may be shown later
  std::string problem;    // why it could not be asked; empty: it could
};
BOOST_DESCRIBE_STRUCT(AskedBefore, (), (connection, request, found, problem))
// News of a process next to the target.
struct SidecarSeen {
  static constexpr std::string_view kName = "sidecar_seen";
  std::string name;
  SidecarNews what{};
  std::string text;  // its command, a line of its output, how it ended, why it failed
};
BOOST_DESCRIBE_STRUCT(SidecarSeen, (), (name, what, text))

// --- what a client sees ---

struct ConnectInvoked {
  static constexpr std::string_view kName = "connect_invoked";
  ConnectionId connection;
  std::uint32_t group{};
};
BOOST_DESCRIBE_STRUCT(ConnectInvoked, (), (connection, group))
// A layer is up: tcp connected, tls handshake done, websocket upgraded.
struct LayerUp {
  static constexpr std::string_view kName = "layer_up";
  ConnectionId connection;
  Layer layer{};
  std::string local{};  // tcp: the client's own end as the target sees it, "127.0.0.1:40001"
};
BOOST_DESCRIBE_STRUCT(LayerUp, (), (connection, layer, local))
// A layer did not come up.
struct LayerFailed {
  static constexpr std::string_view kName = "layer_failed";
  ConnectionId connection;
  Layer layer{};
  std::string reason;
  std::string said{};  // one_line() of what the server said instead: a body, bytes, a message
};
BOOST_DESCRIBE_STRUCT(LayerFailed, (), (connection, layer, reason, said))
struct RequestSent {
  static constexpr std::string_view kName = "request_sent";
  ConnectionId connection;
  RequestId request;
  std::uint32_t bytes{};
  std::uint32_t message{};  // which of the messages of its group, from 0
};
BOOST_DESCRIBE_STRUCT(RequestSent, (), (connection, request, bytes, message))
// The last byte of a request was handed to the kernel, before its answer ended. So many bytes had
// then been written to the connection since it was opened, TLS and everything else included.
struct RequestWritten {
  static constexpr std::string_view kName = "request_written";
  ConnectionId connection;
  RequestId request;
  std::uint64_t total{};
};
BOOST_DESCRIBE_STRUCT(RequestWritten, (), (connection, request, total))
// The first byte of an answer came (HTTP: of the response).
struct AnswerBegan {
  static constexpr std::string_view kName = "answer_began";
  ConnectionId connection;
  RequestId request;
};
BOOST_DESCRIBE_STRUCT(AnswerBegan, (), (connection, request))
// Just before the end of its request: only the end of the connection ended the answer (HTTP without
// a length and without chunks, RFC 9112, section 6.3), so that nothing in it says whether it is
// whole.
struct AnswerEndedByEof {
  static constexpr std::string_view kName = "answer_ended_by_eof";
  ConnectionId connection;
  RequestId request;
};
BOOST_DESCRIBE_STRUCT(AnswerEndedByEof, (), (connection, request))
struct RequestEnded {
  static constexpr std::string_view kName = "request_ended";
  ConnectionId connection;
  RequestId request;
  RequestEnd end{};  // ok: acknowledged; refused: answered, but not as the scenario wants; unknown:
                     // no answer
  std::int32_t status{};  // HTTP status, 0 for WebSocket
  std::uint32_t bytes{};  // of the answer
  std::string said{};     // one_line() of a refusal's body; not HTTP, unknown: of what came instead
};
BOOST_DESCRIBE_STRUCT(RequestEnded, (), (connection, request, end, status, bytes, said))
// The id that the server chose for a request, as the answer that acknowledges it says.
struct IdGiven {
  static constexpr std::string_view kName = "id_given";
  ConnectionId connection;
  RequestId request;
  std::string id;
  std::string problem;  // why there is none; empty: there is
};
BOOST_DESCRIBE_STRUCT(IdGiven, (), (connection, request, id, problem))
struct CloseFrame {
  static constexpr std::string_view kName = "close_frame";
  ConnectionId connection;
  Direction direction{};
  std::uint16_t code{};  // 1005: a Close frame without a code (RFC 6455, section 7.4.1)
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(CloseFrame, (), (connection, direction, code, reason))
// TLS close_notify (RFC 8446, section 6.1).
struct CloseNotify {
  static constexpr std::string_view kName = "close_notify";
  ConnectionId connection;
  Direction direction{};
};
BOOST_DESCRIBE_STRUCT(CloseNotify, (), (connection, direction))
struct Fin {
  static constexpr std::string_view kName = "fin";
  ConnectionId connection;
  Direction direction{};
};
BOOST_DESCRIBE_STRUCT(Fin, (), (connection, direction))
struct Reset {
  static constexpr std::string_view kName = "reset";
  ConnectionId connection;
};
BOOST_DESCRIBE_STRUCT(Reset, (), (connection))
// The server sent bytes after it had closed the layer.
struct BytesAfterClose {
  static constexpr std::string_view kName = "bytes_after_close";
  ConnectionId connection;
  Layer layer{};  // websocket: after its Close frame; tls: after its close_notify
  std::uint32_t bytes{};
};
BOOST_DESCRIBE_STRUCT(BytesAfterClose, (), (connection, layer, bytes))
// A Ping or Pong frame (RFC 6455, section 5.5).
struct ControlFrame {
  static constexpr std::string_view kName = "control_frame";
  ConnectionId connection;
  Direction direction{};
  bool pong{};
};
BOOST_DESCRIBE_STRUCT(ControlFrame, (), (connection, direction, pong))
// The client did what its behaviour says; what happens to this connection afterwards is its doing.
struct Misbehaved {
  static constexpr std::string_view kName = "misbehaved";
  ConnectionId connection;
  std::string how;  // the behaviour's name, or text_of() the fault
};
BOOST_DESCRIBE_STRUCT(Misbehaved, (), (connection, how))
// The proxy did what a fault says to this connection; likewise.
struct NetworkDisturbed {
  static constexpr std::string_view kName = "network_disturbed";
  ConnectionId connection;
  FaultId fault;
  std::uint64_t to_target{};  // bytes passed on before
  std::uint64_t to_client{};
};
BOOST_DESCRIBE_STRUCT(NetworkDisturbed, (), (connection, fault, to_target, to_client))
struct ConnectionEnded {
  static constexpr std::string_view kName = "connection_ended";
  ConnectionId connection;
  ConnectionEndReason why{};
  std::string detail;
};
BOOST_DESCRIBE_STRUCT(ConnectionEnded, (), (connection, why, detail))

// --- what the tracer sees ---

// The order is the segment format: append, never reorder.
using EventVariant = std::variant<
    PhaseBegan, TargetStarted, TargetNotStarted, TargetReady, TargetNotReady, TargetOutput,
    Notification, FaultInvoked, FaultFinished, FaultNotReached, TargetForced, DeadlinePassed,
    TargetEnded, ProcessLeft, ProcessesSearched, PortProbed, FileLeft, FilesSearched, EventsLost,
    ConnectInvoked, LayerUp, LayerFailed, RequestSent, AnswerBegan, RequestEnded, CloseFrame,
    CloseNotify, Fin, Reset, BytesAfterClose, ConnectionEnded, Lag, ReadyProbed, WatchdogExpired,
    DeadlineExtended, HealthProbed, ResourcesUsed, Observed, NotObserved, CheckpointInspected,
    RecoveryStarted, RecoveryReady, RecoveryFailed, RecoveryEnded, Asked, ControlFrame, Misbehaved,
    NetworkDisturbed, TraceBegan, TraceFailed, FiltersWoke, SignalTaken, ExitCalled, ProcessEnded,
    StacksTaken, ThreadWaits, ThreadsStuck, SentLate, SendsWatched, ForeignBytes, ExitExamined,
    LeftAtExit, OpenCounted, PanicsWatched, PanicEntered, SyscallReached, FinalCalls, KillSent,
    ProcessLingered, SocketsAtStop, RequestWritten, LoadMeasured, IdGiven, AskedBefore, SidecarSeen,
    SocketsAtDeadline, KeptAlive, TargetSlept, SleepsWatched, ProcessorUsed, TakerInDoubt,
    AnswerEndedByEof, HandlerAtStop, LeftProcessesEnded, FunctionReached>;

// Which of the kinds of events it is; how many there are if it is none.
template <class Kind>
constexpr std::size_t kind_index() {
  return []<class... Kinds>(const std::variant<Kinds...>*) {
    std::size_t index = 0;
    static_cast<void>(((std::is_same_v<Kind, Kinds> || (++index, false)) || ...));
    return index;
  }(static_cast<const EventVariant*>(nullptr));
}

// Its special members are defined once: the compiler takes seconds over those of all these kinds.
// Whoever makes one of a kind would need the destructor of all, were it not made in two steps.
struct EventBody : EventVariant {
  EventBody();
  EventBody(const EventBody& other);
  EventBody(EventBody&& other) noexcept;
  template <class Kind>
  requires(kind_index<Kind>() < std::variant_size_v<EventVariant>) EventBody(Kind kind)
      : EventBody() {
    take(kind_index<Kind>(), &kind);
  }
  EventBody& operator=(const EventBody& other);
  EventBody& operator=(EventBody&& other) noexcept;
  ~EventBody();

 private:
  void take(std::size_t index, void* kind);
};

struct Event {
  TimePoint at;
  EventBody body;
};

// The name of an event's kind, as in history.jsonl.
std::string_view kind(const Event& event);

// The connection that an event is about, and the request on it; neither if it is about none.
struct Exchange {
  std::optional<ConnectionId> connection;
  std::optional<RequestId> request;
};
Exchange exchange_of(const EventBody& body);

}  // namespace lastcall
