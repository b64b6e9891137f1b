// Which build of a target a campaign has tested.
#pragma once

#include <string>

#include "campaign/campaign.hpp"

namespace lastcall::cli {

// Of each file that the command of the target names, its name with its build id, or without one the
// SHA-256 of what it holds: "server build-id 0123abcd, server.conf sha256 4567…". Files that only a
// trial makes are not named. `path`: the folders in which commands are looked for. Reads files.
std::string target_build(const LoadedScenario& scenario, const std::string& path);

}  // namespace lastcall::cli
