#include "campaign/campaign.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <chrono>
#include <climits>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "base/prng.hpp"
#include "checkers/checkers.hpp"
#include "scenario/parse.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;

std::string utc_now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

// "scenarios/nginx/fast.toml" -> "nginx-fast": the folder tells scenarios of one name apart.
std::string short_name(const std::string& file) {
  const fs::path path(file);
  const auto folder = path.parent_path().filename().string();
  const bool plain = folder.empty() || folder == "." || folder == ".." || folder == "scenarios";
  return (plain ? "" : folder + "-") + path.stem().string();
}

class Campaign {
 public:
  explicit Campaign(const CampaignOptions& options)
      : options_(options), begin_(now()), log_(options.results + "/trials.jsonl") {
    summary_.lastcall_version = LASTCALL_VERSION;
    summary_.started_utc = utc_now();
    summary_.host = host_name();
    summary_.seed = options.seed;
    summary_.results = options.results;
    for (const auto& loaded : options.scenarios) {
      ScenarioSummary scenario;
      scenario.scenario = loaded.file;
      scenario.about = loaded.scenario.about;
      scenario.planned =
          options.duration ? 0 : options.trials.value_or(loaded.scenario.budget.trials);
      summary_.scenarios.push_back(std::move(scenario));
      seed_keys_.push_back(scenario_seed_key(loaded.text));
      progress_.planned += summary_.scenarios.back().planned;
    }
    started_.resize(options.scenarios.size());
  }

  CampaignSummary run(ForkServer& server) {
    const TrialPoolOptions pool{
        .jobs = options_.jobs,
        .tools = options_.tools,
        .keep = options_.keep,
        .next = [this] { return next(); },
        .done = [this](const TrialJob& job, TrialResult result) { done(job, result); },
        .tick = [this](std::size_t running) { report_progress(running); }};
    const auto interrupted = run_trials(server, pool);
    if (!interrupted) summary_.broken = interrupted.error().message();
    if (!log_)
      summary_.broken = Error{"write", options_.results + "/trials.jsonl", 0, ""}.message();
    summary_.duration = now() - begin_;
    const int signal = interrupted ? *interrupted : 0;
    summary_.interrupted = signal != 0;
    for (std::size_t i = 0; i < summary_.scenarios.size(); ++i) {
      auto& scenario = summary_.scenarios[i];
      std::ranges::sort(scenario.trials, {}, &TrialSummary::number);
      if (options_.duration) scenario.planned = static_cast<std::uint32_t>(scenario.trials.size());
      summarise(scenario, options_.scenarios[i].scenario);
    }
    summary_.exit_code = summary_.interrupted ? 128 + signal : exit_code(summary_);
    return std::move(summary_);
  }

 private:
  // In turn over the scenarios, so that a campaign cut short has seen a part of each.
  std::optional<TrialJob> next() {
    if (!log_) return std::nullopt;  // a trial that cannot be recorded is not worth running
    if (options_.stop_on_failure && progress_.failed > 0) return std::nullopt;
    if (options_.duration && now() - begin_ >= *options_.duration) return std::nullopt;
    for (std::size_t tried = 0; tried < started_.size(); ++tried) {
      const auto i = turn_++ % started_.size();
      if (!options_.duration && started_[i] >= summary_.scenarios[i].planned) continue;
      return job(i, ++started_[i]);
    }
    return std::nullopt;
  }

  [[nodiscard]] TrialJob job(std::size_t i, std::uint32_t trial) {
    const auto& loaded = options_.scenarios[i];
    const auto number = ++numbered_;
    char suffix[16];
    std::snprintf(suffix, sizeof suffix, "-%04u", number);
    return {number, i,
            fs::absolute(options_.results + "/trials/" + short_name(loaded.file) + suffix).string(),
            draw_plan(loaded.file, loaded.text, loaded.scenario,
                      trial_seed(options_.seed, seed_keys_[i], trial), trial)};
  }

  void done(const TrialJob& job, const TrialResult& result) {
    auto& scenario = summary_.scenarios[job.scenario];
    TrialSummary trial;
    static_cast<TrialResult&>(trial) = result;
    trial.scenario = scenario.scenario;
    trial.number = job.number;
    if (result.kept)
      trial.directory = fs::path(job.directory).lexically_relative(fs::absolute(options_.results));
    // Flushed line by line: what is finished survives whatever happens to lastcall.
    log_ << "{\"scenario\":" << boost::json::serialize(boost::json::string(trial.scenario))
         << ",\"trial\":" << trial.number
         << ",\"directory\":" << boost::json::serialize(boost::json::string(trial.directory))
         << ",\"result\":";
    auto line = to_json(result);
    line.back() = '}';
    log_ << line << std::endl;
    ++progress_.finished;
    const auto outcome = result.broken.empty() ? worst(result.verdicts) : Outcome::unknown;
    if (outcome == Outcome::fail) ++progress_.failed;
    if (outcome == Outcome::unknown) ++progress_.unknown;
    scenario.trials.push_back(std::move(trial));
  }

  void report_progress(std::size_t running) {
    progress_.running = running;
    progress_.elapsed = now() - begin_;
    if (options_.on_progress) options_.on_progress(progress_);
  }

  const CampaignOptions& options_;
  TimePoint begin_;
  std::ofstream log_;
  CampaignSummary summary_;
  CampaignProgress progress_;
  std::vector<std::uint32_t> started_;
  std::vector<std::string> seed_keys_;
  std::uint64_t turn_ = 0;
  std::uint32_t numbered_ = 0;
};

}  // namespace

std::uint64_t trial_seed(std::uint64_t campaign_seed, const std::string& seed_key,
                         std::uint32_t trial) {
  return Prng::split(Prng::split(campaign_seed, seed_key), trial);
}

CampaignSummary run_campaign(ForkServer& server, const CampaignOptions& options) {
  return Campaign(options).run(server);
}

}  // namespace lastcall
