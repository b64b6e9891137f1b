// Reading what the user names, with errors printed where they belong.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "campaign/campaign.hpp"

namespace lastcall::cli {

// The scenarios of a file, several if it has a matrix, with what it extends, what `settings` set
// (KEY=VALUE) and this process' environment. Prints every error to stderr and gives nothing if
// there is one.
std::optional<std::vector<LoadedScenario>> load_scenarios(
    const std::string& file, const std::vector<std::string>& settings = {});
// The first of them.
std::optional<LoadedScenario> load_scenario(const std::string& file);

}  // namespace lastcall::cli
