// lastcall try -- CMD…: no scenario. Finds out what CMD is, tries some stops of it, says what it
// saw.
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>
#include <set>

#include "base/durations.hpp"
#include "base/signal_names.hpp"
#include "base/text.hpp"
#include "campaign/campaign.hpp"
#include "campaign/exit_codes.hpp"
#include "checkers/checkers.hpp"
#include "cli/commands.hpp"
#include "cli/discovering.hpp"
#include "cli/hunt_setup.hpp"
#include "cli/progress_line.hpp"
#include "cli/recorder.hpp"
#include "cli/results_directory.hpp"
#include "cli/trial_server.hpp"
#include "cli/version.hpp"
#include "cli/warnings.hpp"
#include "discover/known_servers.hpp"
#include "discover/variants.hpp"
#include "reports/reports.hpp"
#include "reports/wording.hpp"
#include "scenario/parse.hpp"
#include "scenario/properties/deadline.hpp"
#include "scenario/properties/serves.hpp"
#include "target/launcher.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;

struct TryArguments {
  DiscoverArguments discover;
  std::string budget = "60s";
  std::uint32_t trials = 3;
  std::optional<std::uint64_t> seed;
  std::string results;
  bool json = false;
};

// More hangs tell no more, and each takes the whole deadline.
constexpr int kEnoughHangs = 2;
constexpr int kEnoughBroken = 2;
// What the end of a trial and the reports take on a busy machine.
constexpr Nanoseconds kReporting = std::chrono::seconds(3);
constexpr std::size_t kTitleWidth = 26;

// A folder of its own below the temporary one: nothing is written where the user is.
Result<std::string> folder_for_results(const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  std::error_code ec;
  auto folder = (fs::temp_directory_path(ec) / "lastcall-try-XXXXXX").string();
  if (ec || ::mkdtemp(folder.data()) == nullptr)
    return Error{"make a folder for results below", folder, ec ? ec.value() : errno,
                 "name one with --results"};
  return folder;
}

std::string failed_in(const TrialSummary& trial) {
  std::string names;
  for (const auto& verdict : trial.verdicts) {
    if (verdict.outcome != Outcome::fail || !verdict.consequence_of.empty()) continue;
    names += (names.empty() ? "" : ", ") + verdict.property;
  }
  return names;
}

bool hung(const TrialSummary& trial) {
  return std::ranges::any_of(trial.verdicts, [](const Verdict& verdict) {
    return verdict.property == property::Deadline::kName && verdict.outcome == Outcome::fail;
  });
}

// What became of each variant so far, said a line each.
class Stops {
 public:
  // `until`: when no trial begins any more but the very first.
  Stops(const std::vector<StopVariant>& variants, TimePoint until, std::ostream& out)
      : variants_(variants), until_(until), seen_(variants.size()), out_(out) {}

  void take(std::size_t variant, const TrialSummary& trial, ProgressLine& line) {
    auto& seen = seen_[variant];
    const bool is_first = seen.trials++ == 0;
    seen.longest = std::max(seen.longest, trial.duration);
    const bool waits = hung(trial) && !variants_[variant].may_wait.empty();
    const auto failed = waits ? "" : failed_in(trial);
    if (hung(trial)) waits ? seen.waited = true : ++hangs_ > 0;
    if (!trial.broken.empty()) ++broken_;
    const bool is_news = is_first || (!failed.empty() && !seen.failed);
    seen.failed = seen.failed || !failed.empty();
    if (!is_news) return;
    line.clear();
    const auto& title = variants_[variant].title;
    std::string said =
        "  " + title + " " +
        std::string(title.size() < kTitleWidth ? kTitleWidth - title.size() : 1, '.') + " ";
    if (!trial.broken.empty()) {
      said += "broke: " + reports::printable(trial.broken);
    } else if (!failed.empty()) {
      said +=
          "FAILED: " + failed + (is_first ? "" : " (trial " + std::to_string(seen.trials) + ")");
    } else if (waits) {
      said += "still running after the deadline, which a good server may be here";
    } else if (worst(trial.verdicts) == Outcome::unknown) {
      said += "not everything could be judged";
    } else {
      said += "held";
    }
    if (trial.stop > Nanoseconds(0) && !hung(trial))
      said += ", stopped in " + human_duration(trial.stop);
    out_ << said << "\n" << std::flush;
  }

  // Called where a trial begins if it says yes.
  [[nodiscard]] bool gets_another(std::size_t variant) {
    return hangs_ < kEnoughHangs && broken_ < kEnoughBroken && !seen_[variant].failed &&
           !seen_[variant].waited &&
           (!std::exchange(has_begun_, true) || now() + seen_[variant].longest < until_);
  }
  [[nodiscard]] bool is_enough() const { return hangs_ >= kEnoughHangs; }

 private:
  struct Seen {
    std::uint32_t trials = 0;
    Nanoseconds longest{};
    bool failed = false;
    bool waited = false;
  };
  const std::vector<StopVariant>& variants_;
  const TimePoint until_;
  std::vector<Seen> seen_;
  std::ostream& out_;
  int hangs_ = 0;
  int broken_ = 0;
  bool has_begun_ = false;
};

// An error is a bug of lastcall: what it writes is valid.
Result<std::vector<LoadedScenario>> loaded(const std::vector<StopVariant>& variants) {
  std::vector<LoadedScenario> scenarios;
  for (const auto& variant : variants) {
    auto parsed = parse_scenario(variant.text, variant.name);
    if (const auto* errors = std::get_if<std::vector<ScenarioError>>(&parsed))
      return Error{"write the scenario", "", 0, errors->front().text()};
    scenarios.push_back({variant.name, variant.text, std::get<Scenario>(std::move(parsed)),
                         scenario_seed_key(variant.text)});
  }
  return scenarios;
}

// A server with a few workers serves nobody while peers keep all of them waiting: worth knowing.
void note_silence(ScenarioSummary& scenario) {
  const auto serves =
      std::ranges::find(scenario.properties, property::Serves::kName, &PropertySummary::name);
  if (serves == scenario.properties.end()) return;
  for (const auto& one : scenario.silent) serves->noted.push_back({one.group + ": " + one.what, 1});
  scenario.silent.clear();
}

// What good servers may do is no failure; variants that were not tried are no part of it.
void settle(CampaignSummary& summary, const std::vector<StopVariant>& variants,
            const std::vector<LoadedScenario>& scenarios) {
  for (std::size_t i = 0; i < variants.size(); ++i) {
    if (variants[i].may_wait.empty()) continue;
    (void)excuse(summary.scenarios[i], scenarios[i].scenario, property::Deadline::kName,
                 variants[i].may_wait);
    note_silence(summary.scenarios[i]);
  }
  const bool any =
      std::ranges::any_of(summary.scenarios, [](const auto& one) { return !one.trials.empty(); });
  if (any) std::erase_if(summary.scenarios, [](const auto& one) { return one.trials.empty(); });
  for (auto& scenario : summary.scenarios)
    scenario.planned = static_cast<std::uint32_t>(scenario.trials.size());
  if (!summary.interrupted) summary.exit_code = exit_code(summary);
}

std::string command_line(const Discovery& found) {
  std::string text;
  for (const auto& word : found.command.words) text += " " + shell_word(word);
  return text;
}

void print_end(const CampaignSummary& summary, const std::vector<StopVariant>& variants,
               const Stops& stops, const TryArguments& arguments, std::ostream& out) {
  out << "\n" << reports::story(summary, ::isatty(STDOUT_FILENO) == 1);
  std::string skipped;
  for (const auto& variant : variants) {
    const auto tried =
        std::ranges::find(summary.scenarios, variant.name, &ScenarioSummary::scenario);
    if (tried == summary.scenarios.end() || tried->trials.empty())
      skipped += (skipped.empty() ? "" : ", ") + variant.title;
  }
  if (!skipped.empty()) {
    out << "not tried: " << skipped
        << (stops.is_enough() ? ": it hangs, and would hang there, too\n"
                              : ": the time was over (--for)\n");
  }
  std::string words;
  for (const auto& word : arguments.discover.command) words += " " + shell_word(word);
  out << "keep it: lastcall init -o stop.toml --" << reports::printable(words) << "\n";
  out << "seed " << summary.seed << ", " << human_duration(summary.duration) << ", results in "
      << reports::printable(summary.results) << (summary.interrupted ? ", interrupted" : "")
      << "\n";
  if (const auto why = reports::exit_reason(summary); !why.empty())
    out << "exit code " << summary.exit_code << ": " << reports::printable(why) << "\n";
}

int run_campaign_of(const TryArguments& arguments, const Context& context, TimePoint until,
                    const std::vector<StopVariant>& variants, std::ostream& out) {
  auto scenarios = loaded(variants);
  if (!scenarios) return refused(scenarios.error(), exit_codes::kBroken);
  const auto folder = folder_for_results(arguments.results);
  if (!folder) return refused(folder.error(), exit_codes::kBroken);
  auto server = start_trial_server(*folder + "/trials");
  if (!server) return refused(server.error(), exit_codes::kBroken);
  fs::remove(*folder + "/trials");  // empty, and claim_results() wants to make it
  if (const int wrong = claim_results(*folder); wrong != exit_codes::kHeld) return wrong;
  Stops stops(variants, until, out);
  auto recorder = Recorder::with("", {.target_version = "",
                                      .search_path = search_path(context.tools),
                                      .stops_by_its_results = true});
  if (!recorder)
    return refused(Error{"keep the results:", "", 0, recorder.error().message},
                   exit_codes::kBroken);
  auto line = std::make_unique<ProgressLine>();
  CampaignOptions options{.scenarios = *scenarios,
                          .trials = arguments.trials,
                          .seed = arguments.seed.value_or(std::random_device()()),
                          .results = *folder,
                          .tools = context.tools,
                          .lastcall_version = version()};
  options.on_progress = [&](const CampaignProgress& progress) {
    line->show(reports::counted(progress.finished, "trial") + ", " +
               human_duration(progress.elapsed));
  };
  options.on_trial = [&](const TrialSummary& trial, const TrialJob& job) {
    stops.take(job.scenario, trial, *line);
    auto settled = trial;
    const auto& may_wait = variants[job.scenario].may_wait;
    if (!may_wait.empty()) (void)excuse(settled, property::Deadline::kName, may_wait);
    return recorder->add(settled, job);
  };
  options.on_begin = [&](const CampaignSummary& campaign) {
    return recorder->begin(campaign, options);
  };
  options.wants_more = [&](std::size_t i) { return stops.gets_another(i); };
  auto summary = run_campaign(*server, options);
  line.reset();
  settle(summary, variants, *scenarios);
  if (const auto ended = recorder->end(summary); !ended && summary.broken.empty())
    summary.broken = ended.error().message();
  if (!summary.broken.empty()) std::cerr << "lastcall: " << summary.broken << "\n";
  std::set<std::string> printed;
  for (const auto& scenario : summary.scenarios)
    for (const auto& trial : scenario.trials) print_warnings(trial, printed);
  const bool written = write_reports(summary);
  print_end(summary, variants, stops, arguments, out);
  if (arguments.json) std::cout << reports::json(summary);
  return written ? summary.exit_code : exit_codes::kBroken;
}

int run_try(const TryArguments& arguments, const Context& context) {
  const auto begin = now();
  const auto budget = parse_duration(arguments.budget);
  if (!budget) {
    std::cerr << "lastcall: --for: expected a duration such as 60s, found '" << arguments.budget
              << "'\n";
    return exit_codes::kUsage;
  }
  const auto hints = hints_of(arguments.discover);
  if (!hints) return refused(hints.error(), exit_codes::kUsage);
  auto& out = arguments.json ? std::cerr : std::cout;
  const auto discovered = discover_command(arguments.discover, context, out);
  if (!discovered.found) return discovered.exit_code;
  const auto talks = talks_of(*discovered.found, *hints);
  if (!talks) return refused(talks.error(), exit_codes::kUsage);
  out << "  stops:" << command_line(*discovered.found) << " with "
      << stop_signal(*discovered.found, *hints) << ", and waits "
      << exact_duration(hints->deadline);
  if (const auto* known = known_server(discovered.found->program);
      known != nullptr && hints->signal.empty() && !known->why.empty())
    out << " (" << known->why << ")";
  out << "\n\n" << std::flush;
  return run_campaign_of(arguments, context, begin + *budget - std::min(kReporting, *budget / 10),
                         variants_of(*discovered.found, *hints, *talks), out);
}

constexpr const char* kTryFooter =
    R"(CMD is what you type anyway. It runs in this directory with this environment, some thirty times, and
writes what it always writes; lastcall itself writes nothing here. A port may be fixed, or lastcall's
choice: {port} in an argument, or PORT={port} in front of the command.

  lastcall try -- ./server --port 8080
  lastcall try -- node server.js
  lastcall try -- PORT={port} python3 app.py
  lastcall try --url /orders?slow=1 -- ./server --listen 127.0.0.1:{port}

First it looks which ports CMD opens and what they speak: TLS, HTTP, WebSocket, Redis, memcached, MQTT,
PostgreSQL, SMTP, NATS. Then it stops CMD in up to ten ways: calmly, under load, with idle and silent
clients, slow readers, a second signal, a signal during the start, a storm of clients, SIGINT. A server
that its manual stops with another signal than SIGTERM, such as nginx, gets that one. What good servers
may do, such as wait for a silent client, is told and is no failure. `lastcall init -- CMD` writes the
scenario, for CI and for what only you know, such as what must survive a restart.

Exit code 0: all that was judged held; 1: something is wrong; 3: it could not be judged, and the last
lines say why; 2: CMD cannot be run, or a wrong option; `lastcall --help` has the others.)";

}  // namespace

void add_try(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<TryArguments>();
  auto* command = app.add_subcommand(
      "try", "No scenario: stop a command in ten ways within a minute, and say what is wrong");
  (void)add_discover_options(*command, arguments->discover);
  command
      ->add_option(
          "--for", arguments->budget,
          "How long all of it may take (default: 60s); one trial is run in any case, and finished")
      ->option_text("DURATION");
  command->add_option("--trials,-n", arguments->trials, "Trials of each kind of stop (default: 3)")
      ->check(CLI::PositiveNumber)
      ->option_text("N");
  command->add_option("--seed", arguments->seed, "Draw the same plans again")->option_text("S");
  command
      ->add_option("--results", arguments->results,
                   "Results directory (default: a new one below the temporary folder)")
      ->option_text("DIR");
  command->add_flag("--json", arguments->json, "Print report.json; the story goes to stderr");
  command->footer(kTryFooter);
  command->callback([arguments, &context] { context.exit_code = run_try(*arguments, context); });
}

}  // namespace lastcall::cli
