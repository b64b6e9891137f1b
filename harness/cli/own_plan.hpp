// The plan of a scenario that a user wants to run again.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "base/result.hpp"
#include "plan/plan.hpp"

namespace lastcall::cli {

struct OwnPlan {
  Plan plan;
  std::filesystem::path file;  // absolute
};

// Reads the plan of a file, or of a folder with a plan.json, and prints to stderr what it runs. An
// error, without a full stop, says why it is not run: it cannot be read, or may be somebody else's
// and is not trusted.
Result<OwnPlan> own_plan(const std::string& what, bool trust);

// The properties that failed when the plan was recorded, if verdict.json lies next to it.
std::set<std::string> recorded_failures(const std::filesystem::path& plan);

}  // namespace lastcall::cli
