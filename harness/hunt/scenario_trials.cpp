#include "hunt/scenario_trials.hpp"

#include <utility>

#include "base/remove_tree.hpp"

namespace lastcall {

bool ScenarioTrials::is_over() const {
  return !broken_.empty() || signal_ != 0 ||
         (setting_.interrupted != nullptr && *setting_.interrupted != 0);
}

bool ScenarioTrials::run(const Next& next, const Done& done, bool calibrates) {
  TrialPoolOptions pool;
  pool.jobs = setting_.jobs;
  pool.tools = setting_.tools;
  pool.keep = calibrates ? Keep::all : Keep::failed;
  pool.next = [&]() -> std::optional<TrialJob> {
    if (is_over()) return std::nullopt;
    auto plan = next(numbered_ + 1);
    if (!plan) return std::nullopt;
    ++numbered_;
    return TrialJob{.number = numbered_,
                    .directory = setting_.folder + "/" + std::to_string(numbered_),
                    .plan = std::move(*plan),
                    .calibrates = calibrates};
  };
  pool.done = [&](const TrialJob& job, const TrialResult& result) {
    bool stays = !result.broken.empty();
    if (stays) {
      broken_ = result.broken;
    } else {
      stays = done(job.number, result, job.directory);
    }
    if (!stays) (void)remove_tree(job.directory);  // warned of by the trial itself
  };
  pool.tick = [&](std::size_t) { setting_.tick(); };
  const auto signal = run_trials(setting_.server, pool);
  if (!signal) broken_ = signal.error().message();
  if (signal && *signal != 0) signal_ = *signal;
  if (setting_.interrupted != nullptr && *setting_.interrupted != 0)
    signal_ = *setting_.interrupted;
  return !is_over();
}

FailureRate ScenarioTrials::rate(const Plan& plan, const std::set<std::string>& wanted,
                                 std::uint64_t runs, const std::function<bool(bool)>& each) {
  tally_ = {.wanted = wanted};
  failing_.clear();
  std::uint64_t begun = 0;
  bool goes_on = true;
  const auto next = [&](std::uint32_t) -> std::optional<Plan> {
    if (begun == runs || !goes_on) return std::nullopt;
    ++begun;
    return plan;
  };
  const auto done = [&](std::uint32_t, const TrialResult& result, const std::string& directory) {
    const bool failed = count(tally_, result);
    goes_on = each(failed) && goes_on;
    if (!failed) return false;
    if (!failing_.empty()) (void)remove_tree(failing_);
    failing_ = directory;
    return true;
  };
  FailureRate rate;
  const bool is_whole = run(next, done);
  rate.failed = tally_.came_back;
  rate.runs = tally_.judged;
  rate.not_reached = tally_.unknown;
  if (!is_whole) rate.broken = broken_.empty() ? "interrupted" : broken_;
  return rate;
}

}  // namespace lastcall
