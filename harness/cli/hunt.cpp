// lastcall hunt SCENARIO|-- CMD…: searches for a race, and saves a plan that makes it fail again.
#include "hunt/hunt.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <csignal>
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
#include "cli/command_line.hpp"
#include "cli/commands.hpp"
#include "cli/hunt_report.hpp"
#include "cli/hunt_scenario.hpp"
#include "cli/hunt_setup.hpp"
#include "cli/progress_line.hpp"
#include "cli/trial_server.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;

struct HuntArguments {
  std::vector<std::string> command;
  std::vector<std::string> settings;
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
  std::uint32_t jobs = 1;
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

Found found_in(const HuntFinding& finding, const std::string& folder) {
  return {.failure = finding.plan.failure,
          .says = sentence_of(finding.plan),
          .rate = finding.rate,
          .undisturbed = finding.undisturbed,
          .kind = finding.kind,
          .trials = finding.trials,
          .after = finding.found_after,
          .explanation = explanation_of(finding.plan, finding.explained),
          .folder = folder};
}

// What only a hunt in a command has to say.
void print_more(std::ostream& out, const HuntOutcome& outcome) {
  if (outcome.is_server)
    out << "  it does not end by itself: SIGTERM told it to (--signal says otherwise)\n";
  if (outcome.functions_in_log > 0)
    out << "  the log speaks of " << outcome.functions_in_log
        << " functions, which got every other trial\n";
  if (outcome.other_than_log > 0)
    out << "  " << outcome.other_than_log << " failures did not end as the log does\n";
}

void print_json(const HuntOutcome& outcome, const std::vector<Found>& findings,
                std::uint64_t seed) {
  auto object = tally_json(outcome);
  object["told_to_stop"] = outcome.is_server;
  object["functions_in_log"] = outcome.functions_in_log;
  object["other_than_log"] = outcome.other_than_log;
  boost::json::array all;
  for (const auto& one : findings) all.push_back(found_json(one));
  object["findings"] = std::move(all);
  object["seed"] = seed;
  std::cout << boost::json::serialize(object) << "\n";
}

int run_hunt(const HuntArguments& arguments, const Context& context) {
  auto options = options_of(arguments);
  if (!options) return refused(options.error(), exit_codes::kUsage);
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
  std::vector<Found> findings;
  for (const auto& finding : outcome.findings) {
    const auto folder =
        results_folder(findings.empty() ? arguments.results
                       : arguments.results.empty()
                           ? ""
                           : arguments.results + "/" + std::to_string(findings.size() + 1));
    findings.push_back(found_in(finding, folder));
    if (const auto written = write_finding(folder, finding.plan, finding.explained); !written) {
      std::cerr << "lastcall: " << written.error().message() << "\n";
      return exit_codes::kBroken;
    }
  }
  if (arguments.json) {
    print_json(outcome, findings, options->seed);
    return hunt_exit_code(outcome, !findings.empty());
  }
  print_tried(std::cout, outcome);
  print_more(std::cout, outcome);
  for (const auto& one : findings) print_found(std::cout, one);
  if (findings.empty()) print_nothing_found(std::cout, outcome);
  std::cout << "seed " << options->seed << "\n";
  return hunt_exit_code(outcome, !findings.empty());
}

// One word that names a scenario; a program by such a name is hunted as ./NAME.
bool is_scenario(const HuntArguments& arguments) {
  return arguments.command.size() == 1 && arguments.command.front().ends_with(".toml");
}

// What a scenario says itself.
std::string option_of_commands(const HuntArguments& arguments) {
  const std::pair<const char*, bool> given[] = {
      {"--signal", !arguments.signal.empty()},   {"--ready", !arguments.ready.empty()},
      {"--after", !arguments.after.empty()},     {"--exit-code", arguments.exit_code.has_value()},
      {"--failure", !arguments.failure.empty()}, {"--log", !arguments.log.empty()},
      {"--with", !arguments.companion.empty()},  {"--env", !arguments.environment.empty()}};
  const auto* found = std::ranges::find_if(given, [](const auto& one) { return one.second; });
  return found == std::end(given) ? "" : found->first;
}

int hunt_command(const HuntArguments& arguments, const Context& context) {
  if (!is_scenario(arguments)) {
    if (arguments.settings.empty()) return run_hunt(arguments, context);
    std::cerr << "lastcall: --set goes with a scenario\n";
    return exit_codes::kUsage;
  }
  const auto wrong = option_of_commands(arguments);
  const auto budget = parse_duration(arguments.budget);
  if (!budget || !wrong.empty()) {
    std::cerr << "lastcall: "
              << (wrong.empty()
                      ? "--for: expected a duration such as 60s, found " + arguments.budget
                      : wrong + " goes with a command: the scenario itself says that")
              << "\n";
    return exit_codes::kUsage;
  }
  return hunt_in_scenario({.file = arguments.command.front(),
                           .settings = arguments.settings,
                           .budget = *budget,
                           .seed = arguments.seed.value_or(std::random_device()()),
                           .jobs = arguments.jobs,
                           .results = arguments.results,
                           .keeps_going = arguments.keeps_going,
                           .json = arguments.json},
                          context);
}

constexpr const char* kHuntFooter =
    R"(The target of a scenario is hunted with its clients, faults and properties. One of them that fails in
some trial with a hold, and again with the same plan, is found; one that fails as often without the
hold is no race. The plan is a plan of the scenario: `lastcall replay` and `lastcall shrink` take it.

  lastcall hunt scenarios/reference/stop.toml --for 5m

CMD is a program that runs and ends by itself, such as a test binary with a filter; or a server,
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

Options of a command (--signal to --env) are not for scenarios, and --jobs is for scenarios only.

Exit code 1: found; 0: not found; 3: not found, and the search could not act at all; 2: the program
fails by itself, or wrong usage; 4: it could not be executed or traced.)";

}  // namespace

void add_hunt(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<HuntArguments>();
  auto* command = app.add_subcommand(
      "hunt", "Search for a race in a program, or in a scenario; ends with a plan that replays it");
  command->add_option("command", arguments->command, "A scenario file, or what to run, after --")
      ->required()
      ->option_text("SCENARIO.toml | -- CMD...");
  add_set_option(*command, arguments->settings);
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
  command
      ->add_option("--jobs,-j", arguments->jobs,
                   "Trials of a scenario at the same time (default: 1)")
      ->check(CLI::Range(1, 64))
      ->option_text("J");
  command->add_flag("--keep-going", arguments->keeps_going,
                    "Search on after the first failure, for other ones");
  command->add_flag("--json", arguments->json, "Print the result as JSON");
  command->footer(kHuntFooter);
  command->callback(
      [arguments, &context] { context.exit_code = hunt_command(*arguments, context); });
}

}  // namespace lastcall::cli
