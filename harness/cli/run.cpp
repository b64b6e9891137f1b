// lastcall run SCENARIO…: a campaign.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>
#include <set>

#include "base/durations.hpp"
#include "base/names.hpp"
#include "base/scoped_fd.hpp"
#include "campaign/campaign.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/commands.hpp"
#include "cli/files.hpp"
#include "cli/page_file.hpp"
#include "cli/progress_line.hpp"
#include "cli/warnings.hpp"
#include "reports/page.hpp"
#include "reports/reports.hpp"
#include "scenario/fixed_port.hpp"
#include "target/environment.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;

struct RunArguments {
  std::vector<std::string> scenarios;
  std::optional<std::uint32_t> trials;
  std::string duration;
  std::optional<std::uint64_t> seed;
  std::uint32_t jobs = 1;
  bool stop_on_failure = false;
  std::string keep = "failed";
  std::string results;
  bool json = false;
};

std::uint64_t fresh_seed() {
  std::random_device device;
  return device();  // 32 bits: short enough to type
}

std::string default_results() {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto time = std::chrono::system_clock::to_time_t(seconds);
  char text[32];
  std::tm parts{};
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", ::gmtime_r(&time, &parts));
  const auto base = std::string("lastcall-results/") + text;
  auto path = base;
  std::error_code ec;
  fs::create_directory("lastcall-results", ec);
  // Whoever creates it has it: another campaign may begin in the same second.
  for (int i = 2; !fs::create_directory(path, ec) && !ec; ++i)
    path = base + "-" + std::to_string(i);
  return path;
}

bool holds_results(const std::string& directory) {
  std::error_code ec;
  if (fs::is_regular_file(directory + "/trials.jsonl", ec)) return true;
  if (fs::is_regular_file(directory + "/report.json", ec)) return true;
  const fs::directory_iterator trials(directory + "/trials", ec);
  return std::any_of(begin(trials), end(trials),
                     [&](const fs::directory_entry& entry) { return entry.is_directory(ec); });
}

// Makes the results directory, which one campaign has for itself: the one that creates its
// trials.jsonl. Returns an exit code, having said what is wrong.
int claim_results(const std::string& directory) {
  bool taken = holds_results(directory);
  std::error_code ec;
  if (!taken) fs::create_directories(directory + "/trials", ec);
  if (ec) {
    std::cerr << "lastcall: cannot create " << directory << ": " << ec.message() << "\n";
    return exit_codes::kBroken;
  }
  const auto log = directory + "/trials.jsonl";
  if (!taken) {
    const ScopedFd made(::open(log.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    taken = !made && errno == EEXIST && fs::is_regular_file(log, ec);
  }
  if (!taken) return exit_codes::kHeld;
  std::cerr << "lastcall: " << directory
            << " holds the results of another campaign: remove it, or name another directory with "
               "--results\n";
  return exit_codes::kUsage;
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

bool write_reports(const CampaignSummary& summary) {
  const auto in_results = [&](const std::string& name) { return summary.results + "/" + name; };
  bool written = write_whole(in_results("report.json"), reports::json(summary));
  written = write_whole(in_results("junit.xml"), reports::junit(summary)) && written;
  written = write_whole(in_results("report.md"), reports::markdown(summary)) && written;
  if (!reports::viewer().empty())
    written = write_whole(in_results("report.html"), page_of(summary)) && written;
  return written;
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

std::optional<CampaignOptions> options_from(const RunArguments& arguments, const Context& context) {
  CampaignOptions options;
  bool good = true;
  for (const auto& file : arguments.scenarios) {
    if (auto loaded = load_scenario(file)) {
      options.scenarios.push_back(std::move(*loaded));
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
  if (!good) return std::nullopt;
  options.trials = arguments.trials;
  options.seed = arguments.seed ? *arguments.seed : fresh_seed();
  options.jobs = jobs_for(options.scenarios, arguments.jobs);
  options.stop_on_failure = arguments.stop_on_failure;
  options.keep = *from_name<Keep>(arguments.keep);
  options.results = arguments.results.empty() ? default_results() : arguments.results;
  options.tools = context.tools;
  return options;
}

int run(const RunArguments& arguments, const Context& context) {
  auto options = options_from(arguments, context);
  if (!options) return exit_codes::kUsage;
  if (const auto ready = prepare_environment(options->results + "/trials"); !ready) {
    std::cerr << "lastcall: " << ready.error().message() << "\n";
    return exit_codes::kBroken;
  }
  auto server = ForkServer::start();
  if (!server) {
    std::cerr << "lastcall: " << server.error().message() << "\n";
    return exit_codes::kBroken;
  }
  if (const int wrong = claim_results(options->results); wrong != exit_codes::kHeld) return wrong;
  auto line = std::make_unique<ProgressLine>();
  options->on_progress = [&](const CampaignProgress& progress) { show(*line, progress); };
  const auto summary = run_campaign(*server, *options);
  line.reset();
  if (!summary.broken.empty()) std::cerr << "lastcall: " << summary.broken << "\n";
  std::set<std::string> printed;
  for (const auto& scenario : summary.scenarios)
    for (const auto& trial : scenario.trials) print_warnings(trial, printed);
  const bool written = write_reports(summary);
  std::cout << (arguments.json ? reports::json(summary)
                               : reports::terminal(summary, ::isatty(STDOUT_FILENO) == 1));
  return written ? summary.exit_code : exit_codes::kBroken;
}

}  // namespace

void add_run(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<RunArguments>();
  auto* command = app.add_subcommand("run", "Run scenarios many times and judge every stop");
  command->add_option("scenario", arguments->scenarios, "Scenario files (TOML)")
      ->required()
      ->option_text("SCENARIO...");
  auto* trials = command->add_option("--trials,-n", arguments->trials,
                                     "Trials per scenario (default: as its budget says)");
  trials->check(CLI::PositiveNumber)->option_text("N");
  command
      ->add_option("--for", arguments->duration,
                   "How long to run, instead of a number of trials: 10m")
      ->excludes(trials)
      ->option_text("DURATION");
  command
      ->add_option("--seed", arguments->seed,
                   "Draw the same plans again (default: a fresh seed, printed)")
      ->option_text("S");
  command->add_option("--jobs,-j", arguments->jobs, "Trials at the same time (default: 1)")
      ->check(CLI::Range(1, 64))
      ->option_text("J");
  command->add_flag("--stop-on-failure", arguments->stop_on_failure,
                    "Start no trial after the first failure");
  command
      ->add_option("--keep", arguments->keep,
                   "Trial directories to keep: failed (also unknown; the default), all, none")
      ->check(CLI::IsMember({"failed", "all", "none"}))
      ->option_text("WHICH");
  command
      ->add_option("--results", arguments->results,
                   "Results directory, which holds no results of another campaign (default: "
                   "lastcall-results/TIME)")
      ->option_text("DIR");
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
