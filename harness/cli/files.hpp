// Reading what the user names, with errors printed where they belong.
#pragma once

#include <optional>
#include <string>

#include "campaign/campaign.hpp"

namespace lastcall::cli {

// Parses a scenario file; prints every error of it to stderr and gives nothing if there is one.
std::optional<LoadedScenario> load_scenario(const std::string& file);

}  // namespace lastcall::cli
