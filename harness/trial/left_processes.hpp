// Who of the target's tree outlives the target, for `released`. One thread.
//
// Helpers of a target (shells, workers) may end a moment after it: they have a grace of 200 ms.
// Other processes, and the tracer, may slow those that are at work: for them the grace goes on, for
// 2 s at most, until they have used 200 ms of processor time.
//
// That nobody is left is exact: the trial process is the subreaper of the tree, so it has a child
// as long as anybody of the tree is there, and the kernel says at once that it has none, also of
// processes that fork and exit faster than anybody could look at them.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "trial/target_process.hpp"
#include "trial/trial_context.hpp"

namespace lastcall {

// After the target's end. Records a ProcessLeft for everybody who is alive after the grace and a
// moment later too, else a ProcessLingered if the tree has not become empty by then. Who is alive
// when it was perhaps tracing that took it the time is a ProcessLingered, `slowed`. A process whose
// exit has begun is left 100 ms to finish it.
boost::asio::awaitable<void> record_left_processes(const TrialContext& trial, TargetProcess& target,
                                                   bool traced);

}  // namespace lastcall
