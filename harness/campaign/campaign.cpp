#include "campaign/campaign.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "base/prng.hpp"
#include "checkers/checkers.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestVariant = 30;

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

// "scenarios/nginx/fast.toml" -> "nginx-fast": the folder tells scenarios of one name apart.
std::string short_name(const LoadedScenario& loaded) {
  const fs::path path(loaded.file);
  const auto folder = path.parent_path().filename().string();
  const bool plain = folder.empty() || folder == "." || folder == ".." || folder == "scenarios";
  auto name = (plain ? "" : folder + "-") + path.stem().string();
  if (loaded.variant.empty()) return name;
  // "build=good" -> "-build-good", short: the path of a socket has little room.
  name += "-" + loaded.variant.substr(0, kLongestVariant);
  std::ranges::replace_if(
      name,
      [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '_' && c != '.'; },
      '-');
  return name;
}

class Campaign {
 public:
  explicit Campaign(const CampaignOptions& options)
      : options_(options), begin_(now()), log_(options.results + "/trials.jsonl") {
    summary_.lastcall_version = options.lastcall_version;
    summary_.started_utc = utc_now();
    summary_.host = host_name();
    summary_.seed = options.seed;
    summary_.results = options.results;
    for (std::size_t i = 0; i < options.scenarios.size(); ++i) {
      const auto& loaded = options.scenarios[i];
      ScenarioSummary scenario;
      scenario.scenario = loaded.file + (loaded.variant.empty() ? "" : " [" + loaded.variant + "]");
      scenario.about = loaded.scenario.about;
      const auto planned = planned_trials(options, i);
      scenario.planned = options.shard.share(positions_, planned);
      first_.push_back(positions_);
      positions_ += planned;
      summary_.scenarios.push_back(std::move(scenario));
      progress_.planned += summary_.scenarios.back().planned;
    }
    started_.resize(options.scenarios.size());
  }

  CampaignSummary run(ForkServer& server) {
    if (options_.on_begin) note(options_.on_begin(summary_));
    const TrialPoolOptions pool{
        .jobs = options_.jobs,
        .tools = options_.tools,
        .keep = options_.keep,
        .next = [this] { return next(); },
        .done = [this](const TrialJob& job, TrialResult result) { done(job, result); },
        .tick = [this](std::size_t running) { report_progress(running); }};
    const auto interrupted = run_trials(server, pool);
    if (!interrupted) summary_.broken = interrupted.error().message();
    if (!log_) note(Error{"write", options_.results + "/trials.jsonl", log_error_, ""});
    if (!not_kept_.empty()) summary_.broken = not_kept_;
    summary_.duration = now() - begin_;
    const int signal = interrupted ? *interrupted : 0;
    summary_.interrupted = signal != 0;
    for (std::size_t i = 0; i < summary_.scenarios.size(); ++i) {
      auto& scenario = summary_.scenarios[i];
      std::ranges::sort(scenario.trials, {}, &TrialSummary::number);
      if (planned_trials(options_, i) == 0)
        scenario.planned = static_cast<std::uint32_t>(scenario.trials.size());
      summarise(scenario, options_.scenarios[i].scenario);
    }
    summary_.exit_code = summary_.interrupted ? 128 + signal : exit_code(summary_);
    return std::move(summary_);
  }

 private:
  // In turn over the scenarios, so that a campaign cut short has seen a part of each.
  std::optional<TrialJob> next() {
    // A trial that cannot be recorded is not worth running.
    if (!log_ || !not_kept_.empty()) return std::nullopt;
    if (options_.stop_on_failure && progress_.failed > 0) return std::nullopt;
    if (options_.duration && now() - begin_ >= *options_.duration) return std::nullopt;
    while (const auto i = next_scenario()) {
      // Counted in every shard, so that a trial has one number in all of them.
      const auto trial = ++started_[*i];
      const auto number = ++numbered_;
      if (options_.shard.has(first_[*i] + trial - 1)) return job(*i, trial, number);
    }
    return std::nullopt;
  }

  std::optional<std::size_t> next_scenario() {
    for (std::size_t tried = 0; tried < started_.size(); ++tried) {
      const auto i = turn_++ % started_.size();
      const auto planned = planned_trials(options_, i);
      if (planned > 0 && started_[i] >= planned) continue;
      if (!summary_.scenarios[i].gave_up.empty()) continue;
      if (planned == 0 && options_.trials && started_[i] >= *options_.trials) continue;
      if (!options_.wants_more || options_.wants_more(i)) return i;
    }
    return std::nullopt;
  }

  [[nodiscard]] TrialJob job(std::size_t i, std::uint32_t trial, std::uint32_t number) {
    const auto& loaded = options_.scenarios[i];
    char suffix[16];
    std::snprintf(suffix, sizeof suffix, "-%04u", number);
    return {number, i,
            fs::absolute(options_.results + "/trials/" + short_name(loaded) + suffix).string(),
            draw_plan(loaded.file, loaded.text, loaded.scenario,
                      trial_seed(options_.seed, loaded.seed_key, trial), trial),
            trial};
  }

  void done(const TrialJob& job, const TrialResult& result) {
    auto& scenario = summary_.scenarios[job.scenario];
    TrialSummary trial;
    static_cast<TrialResult&>(trial) = result;
    trial.scenario = scenario.scenario;
    trial.number = job.number;
    trial.trial = job.trial;
    if (result.kept)
      trial.directory = fs::path(job.directory).lexically_relative(fs::absolute(options_.results));
    // The next ones would not start it either.
    if (scenario.trials.empty() && !result.not_started.empty()) {
      scenario.gave_up = "the first trial is the last, because the target cannot be started: " +
                         result.not_started;
    }
    if (options_.on_trial) note(options_.on_trial(trial, job));
    // Flushed line by line: what is finished survives whatever happens to lastcall.
    errno = 0;
    log_ << trial_line(trial) << std::flush;
    if (!log_ && log_error_ == 0) log_error_ = errno;
    ++progress_.finished;
    const auto outcome = result.broken.empty() ? worst(result.verdicts) : Outcome::unknown;
    if (outcome == Outcome::fail) ++progress_.failed;
    if (outcome == Outcome::unknown) ++progress_.unknown;
    scenario.trials.push_back(std::move(trial));
  }

  void note(const Result<void>& kept) {
    if (!kept && not_kept_.empty()) not_kept_ = kept.error().message();
  }

  void report_progress(std::size_t running) {
    progress_.running = running;
    progress_.elapsed = now() - begin_;
    if (options_.on_progress) options_.on_progress(progress_);
  }

  const CampaignOptions& options_;
  TimePoint begin_;
  std::ofstream log_;
  int log_error_ = 0;  // errno of the first write that failed
  CampaignSummary summary_;
  CampaignProgress progress_;
  std::vector<std::uint32_t> started_;
  std::vector<std::uint64_t>
      first_;  // of each scenario the position of its first trial (shard.hpp)
  std::uint64_t positions_ = 0;
  std::uint64_t turn_ = 0;
  std::uint32_t numbered_ = 0;
  std::string not_kept_;  // why trials cannot be recorded; empty if they can
};

}  // namespace

std::string utc_now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string trial_line(const TrialSummary& trial) {
  const auto quoted = [](const std::string& text) {
    return boost::json::serialize(boost::json::string(text));
  };
  auto result = to_json(trial);
  result.back() = '}';
  return "{\"scenario\":" + quoted(trial.scenario) + ",\"trial\":" + std::to_string(trial.number) +
         ",\"directory\":" + quoted(trial.directory) + ",\"result\":" + result + "\n";
}

std::uint64_t trial_seed(std::uint64_t campaign_seed, const std::string& seed_key,
                         std::uint32_t trial) {
  return Prng::split(Prng::split(campaign_seed, seed_key), trial);
}

std::uint32_t planned_trials(const CampaignOptions& options, std::size_t scenario) {
  if (options.duration || options.wants_more) return 0;
  return options.trials.value_or(options.scenarios[scenario].scenario.budget.trials);
}

CampaignSummary run_campaign(ForkServer& server, const CampaignOptions& options) {
  return Campaign(options).run(server);
}

}  // namespace lastcall
