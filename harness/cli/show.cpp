// lastcall show RESULTS [TRIAL], show TRIAL-DIRECTORY: a campaign, or the story of one of its
// trials, in the terminal.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include "base/durations.hpp"
#include "base/text.hpp"
#include "campaign/exit_codes.hpp"
#include "campaign/results.hpp"
#include "cli/commands.hpp"
#include "cli/page_file.hpp"
#include "cli/progress_line.hpp"
#include "cli/show.hpp"
#include "reports/reports.hpp"
#include "reports/trial_text.hpp"
#include "reports/wording.hpp"

namespace lastcall::cli {
namespace {

constexpr auto kLookAgain = std::chrono::milliseconds(300);
constexpr std::size_t kListedTrials = 50;

// As wide as the terminal is, or as COLUMNS says.
std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const auto* columns = std::getenv("COLUMNS");
  const auto stated = columns == nullptr ? std::nullopt : parse_number<std::size_t>(columns);
  return stated.value_or(80);
}

int fail(const Error& error) {
  std::cerr << "lastcall: " << reports::printable(error.message()) << "\n";
  return exit_codes::kUsage;
}

// "trial 3  fail  deadline, clean-exit  2.1 s  trials/chat-0003"
std::string trial_line(const TrialSummary& trial, std::size_t width) {
  std::string failed;
  std::string unknown;
  for (const auto& verdict : trial.verdicts) {
    auto* list = verdict.outcome == Outcome::fail      ? &failed
                 : verdict.outcome == Outcome::unknown ? &unknown
                                                       : nullptr;
    if (list != nullptr) *list += (list->empty() ? "" : ", ") + verdict.property;
  }
  auto text = "  trial " + std::to_string(trial.number) + ": ";
  if (!trial.broken.empty()) {
    text += "broke: " + trial.broken;
  } else if (!failed.empty()) {
    text += "failed " + failed;
  } else {
    text += unknown.empty() ? "passed" : "unknown " + unknown;
  }
  if (trial.stop > Nanoseconds(0)) text += ", ended after " + human_duration(trial.stop);
  if (!trial.directory.empty()) text += ", " + trial.directory;
  return reports::fitted(text, width) + "\n";
}

bool is_worth_a_line(const TrialSummary& trial) {
  return !trial.broken.empty() || std::ranges::any_of(trial.verdicts, [](const Verdict& verdict) {
    return verdict.outcome == Outcome::fail || verdict.outcome == Outcome::unknown;
  });
}

std::string campaign_text(const Results& results, const ShowArguments& arguments,
                          std::size_t width) {
  const auto& campaign = results.summary;
  const bool colour = ::isatty(STDOUT_FILENO) == 1;
  std::string text =
      results.is_complete ? reports::terminal(campaign, colour) : reports::tables(campaign, colour);
  std::vector<const TrialSummary*> listed;
  for (const auto& scenario : campaign.scenarios) {
    for (const auto& trial : scenario.trials) {
      if (is_worth_a_line(trial)) listed.push_back(&trial);
    }
  }
  if (!listed.empty()) {
    text += "\nTrials that failed, broke or are unknown\n";
    const auto shown = arguments.full ? listed.size() : std::min(listed.size(), kListedTrials);
    for (std::size_t i = 0; i < shown; ++i) text += trial_line(*listed[i], width);
    if (shown < listed.size())
      text += "  and " + std::to_string(listed.size() - shown) + " more: --full lists them\n";
    text +=
        reports::wrapped("`lastcall show " + shell_word(campaign.results) + " " +
                             std::to_string(listed.front()->number) + "` tells the story of one",
                         width, "");
  }
  return text;
}

volatile std::sig_atomic_t interrupted = 0;

// A line a trial as it finishes, until report.json is there.
Result<Results> follow(const ShowArguments& arguments, std::size_t width) {
  (void)std::signal(SIGINT, [](int number) { interrupted = number; });
  (void)std::signal(SIGTERM, [](int number) { interrupted = number; });
  ProgressLine line;
  std::set<std::uint32_t> told;
  std::uintmax_t looked_at = 0;
  for (;;) {
    std::error_code ec;
    const auto size = std::filesystem::file_size(arguments.results + "/trials.jsonl", ec);
    const bool is_over = std::filesystem::exists(arguments.results + "/report.json", ec);
    if (is_over || size != looked_at) {
      looked_at = size;
      auto results = read_results(arguments.results);
      if (!results) return results;
      std::vector<const TrialSummary*> trials;
      for (const auto& scenario : results->summary.scenarios) {
        for (const auto& trial : scenario.trials) trials.push_back(&trial);
      }
      line.clear();
      std::ranges::sort(trials, {}, &TrialSummary::number);
      for (const auto* trial : trials) {
        if (told.insert(trial->number).second) std::cout << trial_line(*trial, width);
      }
      std::cout << std::flush;
      if (results->is_complete || interrupted != 0) return results;
      line.show(reports::counted(told.size(), "trial") + " so far; Ctrl-C ends the watching only");
    }
    if (interrupted != 0) return read_results(arguments.results);
    std::this_thread::sleep_for(kLookAgain);
  }
}

int show_trial(const Results& results, const ShowArguments& arguments, std::size_t width) {
  const auto* trial = find_trial(results.summary, *arguments.trial);
  if (trial == nullptr)
    return fail({"find trial " + std::to_string(*arguments.trial) + " in", arguments.results, 0,
                 "`lastcall show " + arguments.results + "` lists those that failed"});
  const auto kept = read_trial(results.summary, *trial);
  if (!kept) return fail(kept.error());
  std::cout << reports::trial_text({kept->plan, kept->history, kept->result},
                                   {.width = width,
                                    .colour = ::isatty(STDOUT_FILENO) == 1,
                                    .full = arguments.full,
                                    .replay = replay_command(results.summary, *trial)});
  return exit_codes::kHeld;
}

// The directory of a trial stands for the campaign that it is of, and its number in it.
Result<void> find_campaign_of_trial(ShowArguments& arguments) {
  namespace fs = std::filesystem;
  std::error_code none;
  const auto trial = fs::canonical(arguments.results, none);
  if (none || arguments.trial || !fs::exists(trial / "plan.json", none)) return {};
  const auto campaign = trial.parent_path().parent_path();
  const auto results = read_results(campaign.string());
  if (!results)
    return Error{"find the campaign of the trial", arguments.results, 0, results.error().message()};
  for (const auto& scenario : results->summary.scenarios) {
    for (const auto& one : scenario.trials) {
      if (one.directory.empty() || fs::path(one.directory).filename() != trial.filename()) continue;
      arguments.results = campaign.string();
      arguments.trial = one.number;
      return {};
    }
  }
  return Error{"find the trial", arguments.results, 0,
               "it has not finished, or is none of the campaign in " + campaign.string()};
}

}  // namespace

int show(ShowArguments arguments) {
  if (const auto found = find_campaign_of_trial(arguments); !found) return fail(found.error());
  const auto width = arguments.width > 0 ? arguments.width : terminal_width();
  const auto results =
      arguments.follow ? follow(arguments, width) : read_results(arguments.results);
  if (!results) return fail(results.error());
  if (arguments.trial) return show_trial(*results, arguments, width);
  if (!results->is_complete)
    std::cout << "The campaign still runs, or was killed. Its trials so far:\n\n";
  std::cout << campaign_text(*results, arguments, width);
  return interrupted != 0 ? 128 + interrupted : exit_codes::kHeld;
}

void add_show(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<ShowArguments>();
  auto* command =
      app.add_subcommand("show", "Look at a campaign, or at one of its trials, in the terminal");
  command
      ->add_option("results", arguments->results,
                   "A directory that `lastcall run` wrote, or of a trial in it")
      ->required()
      ->option_text("RESULTS");
  command
      ->add_option("trial", arguments->trial,
                   "The number of a trial whose directory was kept: what happened, why it failed, "
                   "the timeline around the evidence, its output, connections and stacks")
      ->option_text("TRIAL");
  command->add_flag("--full", arguments->full, "Shorten nothing");
  command->add_flag("--follow", arguments->follow,
                    "While the campaign runs: a line a trial as it finishes, then the table");
  command
      ->add_option("--width", arguments->width,
                   "Columns to use (default: the terminal's, else COLUMNS, else 80)")
      ->check(CLI::Range(40, 1000))
      ->option_text("N");
  command->footer(
      "Exit code 0: shown, whatever the verdicts are; 2: there are no such results or no such\n"
      "trial.");
  command->callback([arguments, &context] { context.exit_code = show(*arguments); });
}

}  // namespace lastcall::cli
