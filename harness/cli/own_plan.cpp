#include "cli/own_plan.hpp"

#include <iostream>

#include "base/file.hpp"
#include "campaign/origin.hpp"
#include "cli/what_runs.hpp"
#include "plan/plan_file.hpp"
#include "trial/trial_result.hpp"

namespace lastcall::cli {

namespace fs = std::filesystem;

Result<OwnPlan> own_plan(const std::string& what, bool trust) {
  const fs::path named(what);
  std::error_code ec;
  const auto path = fs::absolute(fs::is_directory(named, ec) ? named / "plan.json" : named);
  auto plan = read_plan(path.string());
  if (!plan) return plan.error();
  std::cerr << what_runs(*plan);
  const auto foreign = foreign_because(path.parent_path().string(), *plan);
  if (!foreign.empty() && !trust) {
    return Error{"run", path.string(), 0,
                 "the plan may be somebody else's: " + foreign +
                     "; read what it runs, above, and add --trust to run it"};
  }
  return OwnPlan{std::move(*plan), path};
}

std::set<std::string> recorded_failures(const fs::path& plan) {
  std::set<std::string> failed;
  const auto text = read_regular((plan.parent_path() / "verdict.json").string());
  if (!text) return failed;
  if (const auto result = trial_result_from_json(*text)) {
    for (const auto& verdict : result->verdicts) {
      if (verdict.outcome == Outcome::fail) failed.insert(verdict.property);
    }
  }
  return failed;
}

}  // namespace lastcall::cli
