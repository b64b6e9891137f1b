// lastcall hunt -- CMD…: searches for a race, and saves a plan that makes it fail again.
#include "hunt/hunt.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>
#include <stdexcept>
#include <utility>

#include "base/durations.hpp"
#include "base/file.hpp"
#include "base/pattern.hpp"
#include "base/signal_names.hpp"
#include "base/text.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/commands.hpp"
#include "cli/hunt_setup.hpp"
#include "cli/progress_line.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;

struct HuntArguments {
  std::vector<std::string> command;
  std::string budget = "60s";
  std::optional<std::uint64_t> seed;
  std::string signal;
  std::string ready;
  std::string after;
  std::optional<int> exit_code;
  std::string failure;
  std::string companion;
  std::string log;
  std::vector<std::string> environment;
  std::string results;
  bool keeps_going = false;
  bool json = false;
};

std::optional<int> signal_in(const std::string& word) {
  if (word == "none") return 0;
  if (const auto number = signal_number(word)) return number;
  return signal_number("SIG" + word);
}

Result<HuntOptions> options_of(const HuntArguments& arguments) {
  HuntOptions options;
  const auto budget = parse_duration(arguments.budget);
  // A companion has to begin before it can do anything.
  const auto after = parse_duration(!arguments.after.empty()      ? arguments.after
                                    : arguments.companion.empty() ? "5ms"
                                                                  : "200ms");
  const auto signal = signal_in(arguments.signal.empty() ? "none" : arguments.signal);
  if (!budget)
    return Error{"read", "--for", 0, "expected a duration such as 60s, found " + arguments.budget};
  if (!after)
    return Error{"read", "--after", 0, "expected a duration such as 5ms, found " + arguments.after};
  if (!signal)
    return Error{"read", "--signal", 0,
                 "expected none or a signal such as TERM, found " + arguments.signal};
  for (const auto& [option, pattern] :
       {std::pair("--ready", arguments.ready), std::pair("--failure", arguments.failure)}) {
    try {
      (void)Pattern(pattern);
    } catch (const std::runtime_error& error) {
      return Error{"read", option, 0, error.what()};
    }
  }
  if (!arguments.log.empty()) {
    const auto log = read_regular(arguments.log);
    if (!log) return log.error();
    options.log = *log;
  }
  std::error_code ec;
  options.base.command = arguments.command;
  // As a shell would find it, also from another folder.
  if (arguments.command.front().find('/') != std::string::npos)
    options.base.command.front() = fs::absolute(arguments.command.front(), ec).string();
  options.base.directory = fs::current_path(ec).string();
  options.base.environment = arguments.environment;
  options.base.signal = *signal;
  options.finds_servers = arguments.signal.empty();
  options.base.ready = arguments.ready;
  options.base.signal_after = *after;
  options.base.exit_code = arguments.exit_code;
  options.base.companion = arguments.companion;
  options.base.failure_pattern = arguments.failure;
  options.budget = *budget;
  options.keeps_going = arguments.keeps_going;
  options.seed = arguments.seed.value_or(std::random_device()());
  return options;
}

std::string results_folder(const std::string& wanted) {
  std::error_code ec;
  if (!wanted.empty()) {
    fs::create_directories(wanted, ec);
    return wanted;
  }
  const auto time = std::time(nullptr);
  std::tm parts{};
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", ::gmtime_r(&time, &parts));
  fs::create_directory("lastcall-results", ec);
  const auto base = std::string("lastcall-results/hunt-") + text;
  auto path = base;
  for (int i = 2; !fs::create_directory(path, ec) && !ec; ++i)
    path = base + "-" + std::to_string(i);
  return path;
}

void print_searches(std::ostream& out, const HuntOutcome& outcome) {
  out << "tried " << outcome.trials << " trials in " << human_duration(outcome.took) << ": "
      << outcome.points << " places known, " << outcome.points_met
      << " met by some thread, at most " << outcome.threads
      << (outcome.threads == 1 ? " thread" : " threads") << " seen\n";
  if (outcome.is_server)
    out << "  it does not end by itself: SIGTERM told it to (--signal says otherwise)\n";
  if (outcome.points_left_out > 0)
    out << "  " << outcome.points_left_out << " further places were left out\n";
  for (const auto& [kind, count] : outcome.searches) {
    out << "  " << search_name(kind) << ": " << count.trials << " trials, " << count.failures
        << " failed";
    if (count.holds_planned > 0)
      out << "; " << count.holds_reached << " of " << count.holds_planned << " holds reached";
    if (count.signals_planned > 0)
      out << "; " << count.signals_landed << " of " << count.signals_planned
          << " signals sent where planned";
    out << "\n";
  }
  if (outcome.functions_in_log > 0)
    out << "  the log speaks of " << outcome.functions_in_log
        << " functions, which got every other trial\n";
  if (outcome.other_than_log > 0)
    out << "  " << outcome.other_than_log << " failures did not end as the log does\n";
  if (outcome.unconfirmed > 0)
    out << "  " << outcome.unconfirmed << (outcome.unconfirmed == 1 ? " failure" : " failures")
        << " did not come back, the last: " << outcome.last_unconfirmed << "\n";
  if (outcome.baseline.failed > 0)
    out << "  " << outcome.baseline.failed << " of " << outcome.baseline.runs
        << " runs failed without any hold\n";
}

void print_finding(std::ostream& out, const HuntFinding& finding, const std::string& folder) {
  out << "found: " << finding.plan.failure << "\n";
  out << "  " << sentence_of(finding.plan) << "\n";
  out << "  fails " << rate_text(finding.rate) << "; without holds "
      << rate_text(finding.undisturbed) << "\n";
  out << "  found by the " << search_name(finding.kind) << " after " << finding.trials
      << " trials, " << human_duration(finding.found_after) << "\n";
  if (finding.kind == SearchKind::shaker)
    out << "  no single hold made it fail again and again: the plan slows threads down "
           "everywhere\n";
  out << explanation_of(finding.plan, finding.explained);
  out << "replay: lastcall replay " << shell_word(folder) << "\n"
      << "shrink: lastcall shrink " << shell_word(folder) << "\n";
}

boost::json::object json_of(const HuntOutcome& outcome, const std::vector<std::string>& folders) {
  namespace json = boost::json;
  json::array findings;
  for (std::size_t i = 0; i < outcome.findings.size(); ++i) {
    const auto& one = outcome.findings[i];
    findings.push_back(json::object{
        {"failure", one.plan.failure},
        {"says", sentence_of(one.plan)},
        {"search", search_name(one.kind)},
        {"failed", one.rate.failed},
        {"runs", one.rate.runs},
        {"not_reached", one.rate.not_reached},
        {"failed_without_holds", one.undisturbed.failed},
        {"runs_without_holds", one.undisturbed.runs},
        {"found_after_ms",
         std::chrono::duration_cast<std::chrono::milliseconds>(one.found_after).count()},
        {"trials", one.trials},
        {"folder", folders[i]}});
  }
  json::object searches;
  for (const auto& [kind, count] : outcome.searches) {
    searches[search_name(kind)] = json::object{{"trials", count.trials},
                                               {"failures", count.failures},
                                               {"holds_planned", count.holds_planned},
                                               {"holds_reached", count.holds_reached},
                                               {"signals_planned", count.signals_planned},
                                               {"signals_landed", count.signals_landed}};
  }
  return {{"format", "lastcall-hunt"},
          {"version", 1},
          {"acted", outcome.ever_acted()},
          {"trials", outcome.trials},
          {"took_ms", std::chrono::duration_cast<std::chrono::milliseconds>(outcome.took).count()},
          {"points", outcome.points},
          {"points_met", outcome.points_met},
          {"threads", outcome.threads},
          {"unconfirmed", outcome.unconfirmed},
          {"told_to_stop", outcome.is_server},
          {"functions_in_log", outcome.functions_in_log},
          {"other_than_log", outcome.other_than_log},
          {"searches", std::move(searches)},
          {"findings", std::move(findings)}};
}

int exit_code_of(const HuntOutcome& outcome) {
  if (const int interrupted = interrupted_code(); interrupted != 0) return interrupted;
  if (!outcome.findings.empty()) return exit_codes::kFailed;
  return outcome.ever_acted() ? exit_codes::kHeld : exit_codes::kNotJudged;
}

void print_nothing_found(const HuntOutcome& outcome) {
  if (outcome.ever_acted()) {
    std::cout
        << "found nothing. That is no bound: trials of a hunt are no samples of the program's "
           "usual runs.\n";
    return;
  }
  std::cout << "THE SEARCH NEVER ACTED, so this hunt says nothing about the program: no thread was "
               "held anywhere and no signal was placed.\n";
  if (outcome.points == 0) {
    std::cout << "No function of the program is known: build it with symbols (not stripped), or "
                 "name the program itself instead of a script that starts it.\n";
  } else {
    std::cout << "Of " << outcome.points << " known places, threads met " << outcome.points_met
              << ".\n";
  }
}

int run_hunt(const HuntArguments& arguments, const Context& context) {
  auto options = options_of(arguments);
  if (!options) {
    std::cerr << "lastcall: " << options.error().message() << "\n";
    return exit_codes::kUsage;
  }
  watch_for_interrupts();
  ProgressLine line;
  options->progress = [&](const std::string& text) { line.show("hunt: " + text); };
  const auto outcome = hunt(*options, hunt_surroundings(context));
  line.clear();
  if (!outcome.broken.empty() && interrupted_code() == 0) {
    std::cerr << "lastcall: " << outcome.broken << "\n";
    return exit_codes::kBroken;
  }
  if (!outcome.wrong_before.empty()) {
    std::cerr << "lastcall: the program fails by itself, in all of " << outcome.baseline.runs
              << " runs that nothing disturbed: " << outcome.wrong_before
              << " (if that is right, say so with --exit-code)\n";
    return exit_codes::kUsage;
  }
  std::vector<std::string> folders;
  for (const auto& finding : outcome.findings) {
    folders.push_back(
        results_folder(folders.empty() ? arguments.results
                       : arguments.results.empty()
                           ? ""
                           : arguments.results + "/" + std::to_string(folders.size() + 1)));
    if (const auto written = write_finding(folders.back(), finding.plan, finding.explained);
        !written) {
      std::cerr << "lastcall: " << written.error().message() << "\n";
      return exit_codes::kBroken;
    }
  }
  if (arguments.json) {
    auto object = json_of(outcome, folders);
    object["seed"] = options->seed;
    std::cout << boost::json::serialize(object) << "\n";
    return exit_code_of(outcome);
  }
  print_searches(std::cout, outcome);
  for (std::size_t i = 0; i < folders.size(); ++i)
    print_finding(std::cout, outcome.findings[i], folders[i]);
  if (folders.empty()) print_nothing_found(outcome);
  std::cout << "seed " << options->seed << "\n";
  return exit_code_of(outcome);
}

constexpr const char* kHuntFooter =
    R"(CMD is a program that runs and ends by itself, such as a test binary with a filter; or a server,
which --signal stops once its output matches --ready (by default the first output; of a program that
prints nothing, once none of its threads has run for 500 ms). It needs symbols, not debug
information; its source is not changed.

  lastcall hunt -- ./cache_test --gtest_filter=Cache.Evicts
  lastcall hunt -- ./pkg.test -test.run TestEvicts            a Go test, built by `go test -c`
  lastcall hunt --signal TERM --ready listening -- ./server
  lastcall hunt --signal TERM --after 300ms --with 'wrk http://localhost:80' -- ./server

A hunt runs CMD some times undisturbed, then once with breakpoints at all its functions, to see which
thread comes where. Each further trial holds one thread, or two, at one of these places for some
milliseconds, or sends the signal at such a moment or at a system call. A failure is an end that the
undisturbed runs do not have: a signal, a sanitizer's report, another exit code, or a hang. It counts
once it comes back with the same plan, which is written into the results directory. With --log only a
failure counts that ends with the same error or the same last line.

Exit code 1: found; 0: not found; 3: not found, and the search could not act at all; 2: CMD fails by
itself, or wrong usage; 4: CMD could not be executed or traced.)";

}  // namespace

void add_hunt(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<HuntArguments>();
  auto* command = app.add_subcommand(
      "hunt", "Search for a race in a program; ends with a plan that replays it");
  command->add_option("command", arguments->command, "What to run, after --")
      ->required()
      ->option_text("-- CMD...");
  command->add_option("--for", arguments->budget, "How long to search (default: 60s)")
      ->option_text("DURATION");
  command->add_option("--seed", arguments->seed, "Of the order in which things are tried")
      ->option_text("N");
  command
      ->add_option("--signal", arguments->signal,
                   "What stops CMD: TERM, INT, none (default: TERM, if it does not end by itself)")
      ->option_text("SIGNAL");
  command->add_option("--ready", arguments->ready, "What CMD prints when it can be stopped")
      ->option_text("PATTERN");
  command
      ->add_option("--after", arguments->after,
                   "From then to the signal, unless the search sends it earlier (default: 5ms; "
                   "200ms with --with)")
      ->option_text("DURATION");
  command
      ->add_option("--exit-code", arguments->exit_code, "The exit code that is right (default: 0)")
      ->option_text("N");
  command
      ->add_option("--failure", arguments->failure,
                   "Output that means failure, whatever the exit code")
      ->option_text("PATTERN");
  command
      ->add_option(
          "--log", arguments->log,
          "Output of a failure elsewhere: search for that one, half the time where it points to")
      ->check(CLI::ExistingFile)
      ->option_text("FILE");
  command
      ->add_option(
          "--with", arguments->companion,
          "A shell's command, such as a client, that runs once CMD is ready and until its end")
      ->option_text("COMMAND");
  command->add_option("--env", arguments->environment, "Environment of CMD, besides lastcall's own")
      ->allow_extra_args(false)
      ->option_text("NAME=VALUE");
  command
      ->add_option("--results", arguments->results,
                   "Where to keep what is found (default: lastcall-results/hunt-TIME)")
      ->option_text("DIR");
  command->add_flag("--keep-going", arguments->keeps_going,
                    "Search on after the first failure, for other ones");
  command->add_flag("--json", arguments->json, "Print the result as JSON");
  command->footer(kHuntFooter);
  command->callback([arguments, &context] { context.exit_code = run_hunt(*arguments, context); });
}

}  // namespace lastcall::cli
