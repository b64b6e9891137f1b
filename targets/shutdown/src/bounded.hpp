// Runs one step within a limit. Any thread.
#pragma once

#include <chrono>
#include <string>

#include "shutdown/step.hpp"

namespace graceful::shutdown {

// Runs `work` on a thread of its own and waits for it until `deadline`. Past it the thread is
// abandoned: it owns a copy of `work`, so it may go on for as long as it likes. A finished one is
// joined. Without a thread the work runs here: closed late is better than not closed.
StepReport run_bounded(const std::string& name, const Work& work,
                       std::chrono::steady_clock::time_point deadline);

}  // namespace graceful::shutdown
