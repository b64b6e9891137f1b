// lastcall run SCENARIO…: a campaign.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <random>
#include <set>

#include "base/durations.hpp"
#include "base/names.hpp"
#include "base/text.hpp"
#include "campaign/campaign.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/command_line.hpp"
#include "cli/commands.hpp"
#include "cli/files.hpp"
#include "cli/policies.hpp"
#include "cli/progress_line.hpp"
#include "cli/recorder.hpp"
#include "cli/results_directory.hpp"
#include "cli/trial_server.hpp"
#include "cli/until_gate.hpp"
#include "cli/version.hpp"
#include "cli/warnings.hpp"
#include "reports/reports.hpp"
#include "reports/wording.hpp"
#include "scenario/fixed_port.hpp"
#include "target/launcher.hpp"

namespace lastcall::cli {
namespace {

struct RunArguments {
  std::vector<std::string> scenarios;
  std::vector<std::string> settings;
  std::optional<std::uint32_t> trials;
  std::string duration;
  std::optional<std::uint64_t> seed;
  std::uint32_t jobs = 1;
  bool stop_on_failure = false;
  std::string keep = "failed";
  std::string results;
  std::string store;
  std::string target_version;
  std::string until_gate;
  std::string shard;
  bool json = false;
};

std::uint64_t fresh_seed() {
  std::random_device device;
  return device();  // 32 bits: short enough to type
}

void show(ProgressLine& line, const CampaignProgress& progress) {
  std::string text = std::to_string(progress.finished);
  if (progress.planned > 0) text += " of " + std::to_string(progress.planned);
  text += " trials";
  if (progress.failed > 0) text += ", " + std::to_string(progress.failed) + " failed";
  if (progress.unknown > 0) text += ", " + std::to_string(progress.unknown) + " unknown";
  text += ", " + std::to_string(progress.running) + " running, " + human_duration(progress.elapsed);
  if (progress.planned > 0 && progress.finished > 0) {
    const auto left = progress.elapsed / progress.finished * (progress.planned - progress.finished);
    text += ", about " + human_duration(left) + " left";
  }
  line.show(text);
}

// Targets that run at once cannot listen at the same port.
std::uint32_t jobs_for(const std::vector<LoadedScenario>& scenarios, std::uint32_t wanted) {
  if (wanted == 1) return wanted;
  for (const auto& loaded : scenarios) {
    if (!names_fixed_port(loaded.scenario)) continue;
    std::cerr
        << "lastcall: " << loaded.file
        << " names a port by its number, so trials run one after the other: with {port} in its "
           "place they can run at once\n";
    return 1;
  }
  return wanted;
}

// "3/16": the third of sixteen.
std::optional<Shard> shard_of(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto number = parse_number<std::uint32_t>(std::string_view(text).substr(0, slash));
  const auto of = parse_number<std::uint32_t>(std::string_view(text).substr(slash + 1));
  if (!number || !of || *number < 1 || *number > *of) return std::nullopt;
  return Shard{*number, *of};
}

std::optional<CampaignOptions> options_from(const RunArguments& arguments, const Context& context) {
  CampaignOptions options;
  bool good = true;
  for (const auto& file : arguments.scenarios) {
    if (auto loaded = load_scenarios(file, arguments.settings)) {
      std::ranges::move(*loaded, std::back_inserter(options.scenarios));
    } else {
      good = false;
    }
  }
  if (!arguments.duration.empty()) {
    options.duration = parse_duration(arguments.duration);
    if (!options.duration) {
      std::cerr << "lastcall: --for: expected a duration such as 10m, found '" << arguments.duration
                << "'\n";
      good = false;
    }
  }
  if (!arguments.shard.empty()) {
    if (const auto shard = shard_of(arguments.shard)) {
      options.shard = *shard;
    } else {
      std::cerr << "lastcall: --shard: expected a part such as 3/16, found '"
                << reports::printable(arguments.shard) << "'\n";
      good = false;
    }
    if (!arguments.seed) {
      std::cerr << "lastcall: --shard needs --seed, the same for all shards\n";
      good = false;
    }
  }
  if (!good) return std::nullopt;
  options.trials = arguments.trials;
  options.seed = arguments.seed ? *arguments.seed : fresh_seed();
  options.jobs = jobs_for(options.scenarios, arguments.jobs);
  options.stop_on_failure = arguments.stop_on_failure;
  options.keep = *from_name<Keep>(arguments.keep);
  options.results = arguments.results.empty() ? default_results() : arguments.results;
  options.tools = context.tools;
  options.lastcall_version = version();
  return options;
}

int run(const RunArguments& arguments, const Context& context) {
  auto options = options_from(arguments, context);
  if (!options) return exit_codes::kUsage;
  std::optional<UntilGate> until_gate;
  if (!arguments.until_gate.empty()) {
    until_gate = UntilGate::with(arguments.until_gate, options->scenarios);
    if (!until_gate) return exit_codes::kUsage;
    options->wants_more = [&](std::size_t scenario) { return until_gate->needs_more(scenario); };
    if (!options->trials && !options->duration) options->trials = kMostUntilGate;
  }
  auto server = start_trial_server(options->results + "/trials");
  if (!server) return refused(server.error(), exit_codes::kBroken);
  auto recorder = Recorder::with(
      arguments.store,
      {.target_version = arguments.target_version,
       .search_path = search_path(context.tools),
       .stops_by_its_results = options->stop_on_failure || !arguments.until_gate.empty()});
  if (!recorder) {
    std::cerr << "lastcall: " << reports::printable(recorder.error().message) << "\n";
    return recorder.error().of_the_user ? exit_codes::kUsage : exit_codes::kBroken;
  }
  if (const int wrong = claim_results(options->results); wrong != exit_codes::kHeld) return wrong;
  if (arguments.results.empty()) name_latest(options->results);
  auto line = std::make_unique<ProgressLine>();
  options->on_progress = [&](const CampaignProgress& progress) { show(*line, progress); };
  options->on_begin = [&](const CampaignSummary& campaign) {
    return recorder->begin(campaign, *options);
  };
  options->on_trial = [&](const TrialSummary& trial, const TrialJob& job) {
    if (until_gate) until_gate->add(job.scenario, trial);
    return recorder->add(trial, job);
  };
  auto summary = run_campaign(*server, *options);
  line.reset();
  if (const auto ended = recorder->end(summary); !ended && summary.broken.empty())
    summary.broken = ended.error().message();
  if (!summary.broken.empty()) std::cerr << "lastcall: " << summary.broken << "\n";
  for (const auto& scenario : summary.scenarios) {
    if (scenario.gave_up.empty()) continue;
    std::cerr << "lastcall: " << reports::printable(scenario.scenario) << ": "
              << reports::printable(scenario.gave_up) << "\n";
  }
  std::set<std::string> printed;
  for (const auto& scenario : summary.scenarios)
    for (const auto& trial : scenario.trials) print_warnings(trial, printed);
  reports::Release release{.policy = arguments.until_gate};
  if (until_gate) release.gate = until_gate->judge(summary);
  if (auto past = recorder->past()) {
    release.past = std::move(*past);
  } else {
    std::cerr << "lastcall: the reports show no trend: "
              << reports::printable(past.error().message()) << "\n";
  }
  const bool written = write_reports(summary, release);
  std::cout << (arguments.json ? reports::json(summary)
                               : reports::terminal(summary, ::isatty(STDOUT_FILENO) == 1));
  if (!written) return exit_codes::kBroken;
  return release.gate ? UntilGate::finish(summary, *release.gate, !arguments.json)
                      : summary.exit_code;
}

}  // namespace

void add_run(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<RunArguments>();
  auto* command = app.add_subcommand("run", "Run scenarios many times and judge every stop");
  command->add_option("scenario", arguments->scenarios, "Scenario files (TOML)")
      ->required()
      ->option_text("SCENARIO...");
  add_set_option(*command, arguments->settings);
  auto* trials = command->add_option("--trials,-n", arguments->trials,
                                     "Trials per scenario (default: as its budget says)");
  trials->check(at_least_one())->option_text("N");
  command
      ->add_option("--for", arguments->duration,
                   "How long to run, instead of a number of trials: 10m")
      ->excludes(trials)
      ->option_text("DURATION");
  command
      ->add_option(
          "--until-gate", arguments->until_gate,
          "Run as many trials as this policy needs to pass or to fail, at most --trials per "
          "scenario or --for (default: 10,000 trials), and end as `lastcall gate` does")
      ->option_text("POLICY");
  command
      ->add_option("--shard", arguments->shard,
                   "Run only this part of the trials, such as 3/16, for `lastcall merge`")
      ->excludes("--for")
      ->excludes("--until-gate")
      ->option_text("K/N");
  command
      ->add_option("--seed", arguments->seed,
                   "Draw the same plans again (default: a fresh seed, printed)")
      ->option_text("S");
  command->add_option("--jobs,-j", arguments->jobs, "Trials at the same time (default: 1)")
      ->check(CLI::Range(1, 64))
      ->option_text("J");
  command
      ->add_flag("--stop-on-failure", arguments->stop_on_failure,
                 "Start no trial after the first failure")
      ->excludes("--until-gate");
  command
      ->add_option("--keep", arguments->keep,
                   "Trial directories to keep: failed (also unknown; the default), all, none")
      ->check(one_of({"failed", "all", "none"}))
      ->option_text("WHICH");
  command
      ->add_option("--results", arguments->results,
                   "Results directory, which holds no results of another campaign (default: "
                   "lastcall-results/TIME, which lastcall-results/latest names)")
      ->option_text("DIR");
  command
      ->add_option(
          "--store", arguments->store,
          "Keep the campaign in this store, too, and show in report.html what earlier ones "
          "there found; created if it is not there. Several campaigns may write to one at "
          "once")
      ->option_text("FILE");
  command
      ->add_option("--target-version", arguments->target_version,
                   "What the results say of the target's version, next to its build id")
      ->option_text("TEXT");
  command->add_flag("--json", arguments->json, "Print report.json instead of the table");
  command->footer(
      "Ctrl-C lets the running trials finish, for three seconds, and reports; a second one ends "
      "them at once.\n"
      "Exit code 0: every property held; 1: one failed; 3: something required could not be "
      "judged;\n"
      "`lastcall --help` has the others.");
  command->callback([arguments, &context] { context.exit_code = run(*arguments, context); });
}

}  // namespace lastcall::cli
