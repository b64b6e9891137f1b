// Asks a target that is to be ended for where it stands, each runtime in its own way; most end by
// being asked. What they answer is recorded: as output, or as KeptAlive.
//
// First Node, whose report must not show what the next question sets going. Then every process, one
// after the other, because two that write at the same time mix their lines: by SIGILL if it is
// Python with its faulthandler (SIGBUS or SIGABRT if only these are caught), else by SIGQUIT. Those
// that are still there and catch SIGABRT are asked by that: Go's own handler writes the same as for
// SIGQUIT, which the program may have taken for itself.
//
// The order: Python, whose signals nobody hands on, before the end of others changes where it
// stands. Then children before parents, which may hand SIGQUIT on to them (timeout, sudo). Last
// those that read what others write (supervisord, tee), once they had the time to hand it on.
//
// Each signal is recorded as TargetForced before it is sent. Used from the trial's one thread; it
// takes some milliseconds if the target answers and ends, three seconds at most.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "trial/tracing.hpp"
#include "trial/trial_context.hpp"

namespace lastcall {

// `tracing`: null if the target is not traced. `reason`: why it is ended.
boost::asio::awaitable<void> ask_where_it_stands(const TrialContext& trial, Tracing* tracing,
                                                 std::string reason);

}  // namespace lastcall
