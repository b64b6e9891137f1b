// Asks a target that is to be ended for where it stands, each runtime in its own way; most end by
// being asked. What they answer is recorded: as output, or as KeptAlive.
//
// First Node, whose report must not show what the next question sets going. Then every process, one
// after the other, because two that write at the same time mix their lines: by SIGABRT if it is
// Python and catches it, else by SIGQUIT. Those that are still there and catch SIGABRT are asked by
// that: Go's own handler writes the same as for SIGQUIT, which the program may have taken for
// itself. Each signal is recorded as TargetForced before it is sent. Used from the trial's one
// thread; it takes some milliseconds if the target answers and ends, three seconds at most.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "trial/tracing.hpp"
#include "trial/trial_parts.hpp"

namespace lastcall {

// `tracing`: null if the target is not traced. `reason`: why it is ended.
boost::asio::awaitable<void> ask_where_it_stands(const TrialParts& trial, Tracing* tracing,
                                                 std::string reason);

}  // namespace lastcall
