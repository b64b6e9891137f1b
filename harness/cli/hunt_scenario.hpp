// lastcall hunt SCENARIO.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cli/commands.hpp"

namespace lastcall::cli {

struct ScenarioHuntArguments {
  std::string file;
  std::vector<std::string> settings;  // KEY=VALUE
  Nanoseconds budget{};
  std::uint64_t seed = 0;
  std::uint32_t jobs = 1;
  std::string results;  // empty: a folder named after the time
  bool keeps_going = false;
  bool json = false;
};

// Returns the exit code.
int hunt_in_scenario(const ScenarioHuntArguments& arguments, const Context& context);

}  // namespace lastcall::cli
