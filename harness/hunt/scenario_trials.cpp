#include "hunt/scenario_trials.hpp"

#include <filesystem>
#include <utility>

#include "base/file.hpp"
#include "base/remove_tree.hpp"

namespace lastcall {

bool ScenarioTrials::is_over() const {
  return !broken_.empty() || signal_ != 0 ||
         (setting_.interrupted != nullptr && *setting_.interrupted != 0);
}

std::string ScenarioTrials::directory() const {
  return setting_.folder + "/" + std::to_string(numbered_ + 1);
}

bool ScenarioTrials::run(const std::function<std::optional<TrialJob>()>& next, const Done& done,
                         Keep keep) {
  TrialPoolOptions pool;
  pool.jobs = setting_.jobs;
  pool.tools = setting_.tools;
  pool.keep = keep;
  pool.next = [&]() -> std::optional<TrialJob> {
    if (is_over()) return std::nullopt;
    auto job = next();
    if (!job) return std::nullopt;
    job->directory = directory();
    job->number = ++numbered_;
    return job;
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

bool ScenarioTrials::run(const Next& next, const Done& done) {
  const auto job = [&]() -> std::optional<TrialJob> {
    auto plan = next(numbered_ + 1);
    if (!plan) return std::nullopt;
    TrialJob one;
    one.plan = std::move(*plan);
    return one;
  };
  return run(job, done, Keep::failed);
}

std::optional<SavedCalibration> ScenarioTrials::calibrate(
    const Plan& plan, const std::string& met, const std::function<void(const TrialResult&)>& done) {
  if (!met.empty()) {
    std::error_code ec;
    std::filesystem::create_directories(directory(), ec);
    if (const auto written = write_regular(directory() + "/" + kMetFile, met); !written) {
      broken_ = written.error().message();
      return std::nullopt;
    }
  }
  bool is_begun = false;
  const auto job = [&]() -> std::optional<TrialJob> {
    if (std::exchange(is_begun, true)) return std::nullopt;
    TrialJob one;
    one.plan = plan;
    one.calibrates = true;
    return one;
  };
  Result<std::string> text = Error{"read", "the calibration", 0, "the trial wrote none"};
  const auto read = [&](std::uint32_t, const TrialResult& result, const std::string& directory) {
    text = read_regular(directory + "/" + kCalibrationFile);
    done(result);
    return false;
  };
  if (!run(job, read, Keep::all)) return std::nullopt;
  auto saved = text ? parse_calibration(*text) : Result<SavedCalibration>(text.error());
  if (saved) return std::move(*saved);
  broken_ = saved.error().message();
  return std::nullopt;
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
