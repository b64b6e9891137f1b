// The words of events: what they are made of, how history.jsonl spells it, and whether a value that
// was read is one of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fault/fault.hpp"

namespace lastcall {

enum class Stream : std::uint8_t { out = 1, err = 2 };
enum class Direction : std::uint8_t { sent, received };
// script: the scenario's own opening, said once all other layers are up.
enum class Layer : std::uint8_t { tcp, tls, websocket, http, script };
enum class RequestEnd : std::uint8_t { ok, refused, unknown };
// Why a client's connection ended, as its client saw it. No catch-all.
enum class ConnectionEndReason : std::uint8_t {
  finished,       // the client had done what it wanted: closed in order, or went away as its
                  // Misbehaved says
  server_closed,  // the server closed, in whatever way the other events say
  reset,          // ECONNRESET or EPIPE
  timeout,        // nothing came within the client's own limit
  protocol,       // the server broke the protocol: the reason text says how
  harness,        // the trial was over and lastcall hung up
  unconnected,    // no connection came about
};
enum class EndKind : std::uint8_t { exited, signalled };
// Why stacks were taken.
enum class StacksAt : std::uint8_t { deadline, deadlock, fatal_signal, exit };
// What became of a descriptor before something was sent on it. `never_open`: it was not open when
// the watch began, nor since.
enum class SendingEnd : std::uint8_t { closed, shut_down, never_open };
// How a process outlasted its target without being seen to be left behind: it was alive when the
// grace was over and ended while it was looked for; or it was still at work, and had perhaps ended
// in time if it had not been traced.
enum class Lingering : std::uint8_t { ended_late, slowed };
// What is told of a process next to the target. failed: it was not ready in time, or ended before
// it was told to.
enum class SidecarNews : std::uint8_t { started, ready, output, ended, failed };
// What a thread did after its last wait: anything else, or it ended, or called exit_group(2).
enum class AfterWait : std::uint8_t { went_on, thread_ended, exit_called };
// What a runtime went through that ends a program unless somebody swallows it.
enum class PanicKind : std::uint8_t {
  programming_error,  // by its type
  caught_by_all,      // any exception, by a handler that takes every type
  terminate,          // std::terminate
  fault_signal,       // SIGSEGV and its like, with a handler
};

// The words of history.jsonl.
constexpr std::string_view name(Stream stream) { return stream == Stream::out ? "out" : "err"; }
constexpr std::string_view name(Direction direction) {
  return direction == Direction::sent ? "sent" : "received";
}
constexpr std::string_view name(Layer layer) {
  constexpr std::string_view kNames[] = {"tcp", "tls", "websocket", "http", "script"};
  return kNames[static_cast<std::size_t>(layer)];
}
constexpr std::string_view name(RequestEnd end) {
  constexpr std::string_view kNames[] = {"ok", "refused", "unknown"};
  return kNames[static_cast<std::size_t>(end)];
}
constexpr std::string_view name(ConnectionEndReason why) {
  constexpr std::string_view kNames[] = {"finished", "server_closed", "reset",      "timeout",
                                         "protocol", "harness",       "unconnected"};
  return kNames[static_cast<std::size_t>(why)];
}
constexpr std::string_view name(EndKind how) {
  return how == EndKind::exited ? "exited" : "signalled";
}
constexpr std::string_view name(StacksAt at) {
  constexpr std::string_view kNames[] = {"deadline", "deadlock", "fatal_signal", "exit"};
  return kNames[static_cast<std::size_t>(at)];
}
constexpr std::string_view name(SendingEnd end) {
  constexpr std::string_view kNames[] = {"closed", "shut_down", "never_open"};
  return kNames[static_cast<std::size_t>(end)];
}
constexpr std::string_view name(Lingering how) {
  return how == Lingering::ended_late ? "ended_late" : "slowed";
}
constexpr std::string_view name(SidecarNews news) {
  constexpr std::string_view kNames[] = {"started", "ready", "output", "ended", "failed"};
  return kNames[static_cast<std::size_t>(news)];
}
constexpr std::string_view name(AfterWait then) {
  constexpr std::string_view kNames[] = {"went_on", "thread_ended", "exit_called"};
  return kNames[static_cast<std::size_t>(then)];
}
constexpr std::string_view name(PanicKind kind) {
  constexpr std::string_view kNames[] = {"programming_error", "caught_by_all", "terminate",
                                         "fault_signal"};
  return kNames[static_cast<std::size_t>(kind)];
}

// Whether a value read from a segment is one of the enumerators.
constexpr bool is_known(Phase phase) { return phase <= Phase::after; }
constexpr bool is_known(Stream stream) { return stream == Stream::out || stream == Stream::err; }
constexpr bool is_known(Direction direction) { return direction <= Direction::received; }
constexpr bool is_known(Layer layer) { return layer <= Layer::script; }
constexpr bool is_known(RequestEnd end) { return end <= RequestEnd::unknown; }
constexpr bool is_known(ConnectionEndReason why) { return why <= ConnectionEndReason::unconnected; }
constexpr bool is_known(EndKind how) { return how <= EndKind::signalled; }
constexpr bool is_known(StacksAt at) { return at <= StacksAt::exit; }
constexpr bool is_known(SendingEnd end) { return end <= SendingEnd::never_open; }
constexpr bool is_known(Lingering how) { return how <= Lingering::slowed; }
constexpr bool is_known(SidecarNews news) { return news <= SidecarNews::failed; }
constexpr bool is_known(AfterWait then) { return then <= AfterWait::exit_called; }
constexpr bool is_known(PanicKind kind) { return kind <= PanicKind::fault_signal; }

}  // namespace lastcall
