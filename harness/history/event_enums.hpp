// The words of events: what they are made of, how history.jsonl spells it, and whether a value that
// was read is one of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fault/fault.hpp"

namespace lastcall {

enum class Stream : std::uint8_t { out = 1, err = 2 };
BOOST_DESCRIBE_ENUM(Stream, out, err)
BOOST_DEFINE_FIXED_ENUM_CLASS(Direction, std::uint8_t, sent, received)
// script: the scenario's own opening, said once all other layers are up.
BOOST_DEFINE_FIXED_ENUM_CLASS(Layer, std::uint8_t, tcp, tls, websocket, http, script)
BOOST_DEFINE_FIXED_ENUM_CLASS(RequestEnd, std::uint8_t, ok, refused, unknown)
// Why a client's connection ended, as its client saw it. No catch-all.
BOOST_DEFINE_FIXED_ENUM_CLASS(
    ConnectionEndReason, std::uint8_t,
    finished,       // the client had done what it wanted: closed in order, or went away as its
                    // Misbehaved says
    server_closed,  // the server closed, in whatever way the other events say
    reset,          // ECONNRESET or EPIPE
    timeout,        // nothing came within the client's own limit
    protocol,       // the server broke the protocol: the reason text says how
    harness,        // the trial was over and lastcall hung up
    unconnected     // no connection came about
)
BOOST_DEFINE_FIXED_ENUM_CLASS(EndKind, std::uint8_t, exited, signalled)
// Why stacks were taken.
BOOST_DEFINE_FIXED_ENUM_CLASS(StacksAt, std::uint8_t, deadline, deadlock, fatal_signal, exit)
// What became of a descriptor before something was sent on it. `never_open`: it was not open when
// the watch began, nor since.
BOOST_DEFINE_FIXED_ENUM_CLASS(SendingEnd, std::uint8_t, closed, shut_down, never_open)
// How a process outlasted its target without being seen to be left behind: it was alive when the
// grace was over and ended while it was looked for; or it was still at work, and had perhaps ended
// in time if it had not been traced.
BOOST_DEFINE_FIXED_ENUM_CLASS(Lingering, std::uint8_t, ended_late, slowed)
// What is told of a process next to the target. failed: it was not ready in time, or ended before
// it was told to.
BOOST_DEFINE_FIXED_ENUM_CLASS(SidecarNews, std::uint8_t, started, ready, output, ended, failed)
// What a thread did after its last wait: anything else, or it ended, or called exit_group(2).
BOOST_DEFINE_FIXED_ENUM_CLASS(AfterWait, std::uint8_t, went_on, thread_ended, exit_called)
// What a runtime went through that ends a program unless somebody swallows it.
BOOST_DEFINE_FIXED_ENUM_CLASS(PanicKind, std::uint8_t,
                              programming_error,  // by its type
                              caught_by_all,  // any exception, by a handler that takes every type
                              terminate,      // std::terminate
                              fault_signal    // SIGSEGV and its like, with a handler
)

}  // namespace lastcall
