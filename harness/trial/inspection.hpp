// What the target left on disk, looked at after its end and before it is started again. One thread.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "trial/trial_context.hpp"

namespace lastcall {

// Records for checkpoint-intact a CheckpointInspected for each file that a glob matches, and one
// with the glob and "no such file" where none does.
boost::asio::awaitable<void> inspect_checkpoints(const TrialContext& trial);

// Records for log-complete, of the file it names, for each pattern the first line that matches:
// Observed. Only the last 2 MiB are read; if the file is longer and a pattern matches nothing
// there, or if the file cannot be read, NotObserved says so.
void observe_log(const TrialContext& trial);

}  // namespace lastcall
