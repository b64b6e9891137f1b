// The fork server of a command that runs trials, and how commands say why they cannot go on.
#pragma once

#include <string>

#include "base/result.hpp"
#include "trial/fork_server.hpp"

namespace lastcall::cli {

// Looks whether this machine has what every trial needs, with room for their directories in
// `folder`, which is made. Call it before any thread is started: it forks.
Result<ForkServer> start_trial_server(const std::string& folder);

// Prints the error. Returns the exit code.
int refused(const Error& error, int exit_code);

}  // namespace lastcall::cli
