// What a plan has executed, for people who decide whether to run one that somebody else made. A
// pure function.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plan/plan.hpp"

namespace lastcall {

struct PlannedCommand {
  std::string what;                // "target", "sidecar db"
  std::vector<std::string> words;  // with placeholders, not empty
  std::string directory = {};      // where it begins; empty: where others of its kind do
  std::string user = {};           // empty: whoever runs lastcall
  std::map<std::string, std::string> environment = {};  // what is added to it
};

// Each command that a trial of the plan may run, in the order of the scenario's keys.
std::vector<PlannedCommand> planned_commands(const Plan& plan);

}  // namespace lastcall
