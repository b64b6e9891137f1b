// lastcall shrink DIR|PLAN: the smallest plan that still fails at a stated rate.
#include "hunt/shrink.hpp"

#include <boost/json.hpp>

#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "base/durations.hpp"
#include "base/remove_tree.hpp"
#include "base/text.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/command_line.hpp"
#include "cli/commands.hpp"
#include "cli/held_findings.hpp"
#include "cli/hunt_setup.hpp"
#include "cli/own_plan.hpp"
#include "cli/progress_line.hpp"
#include "cli/trial_server.hpp"
#include "hunt/held_plan.hpp"
#include "hunt/scenario_trials.hpp"
#include "reports/wording.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;

// A trial with clients takes a second and more.
constexpr std::uint64_t kFirstOfScenario = 8;

struct ShrinkArguments {
  std::string what;
  double rate = 0.9;
  std::uint64_t times = 50;
  std::string budget = "120s";
  std::string output;
  std::uint32_t jobs = 1;
  bool trust = false;
  bool json = false;
};

template <class AnyPlan>
void print(const Shrunk<AnyPlan>& shrunk, const std::string& folder, bool as_json) {
  if (as_json) {
    std::cout << boost::json::serialize(
                     boost::json::object{{"format", "lastcall-shrink"},
                                         {"version", 1},
                                         {"says", sentence_of(shrunk.plan)},
                                         {"failed", shrunk.rate.failed},
                                         {"runs", shrunk.rate.runs},
                                         {"not_reached", shrunk.rate.not_reached},
                                         {"steps", shrunk.tried},
                                         {"accepted", shrunk.accepted},
                                         {"trials", shrunk.runs},
                                         {"folder", folder}})
              << "\n";
    return;
  }
  std::cout << "before: fails " << rate_text(shrunk.first) << "\n"
            << shrunk.accepted << " of " << shrunk.tried << " steps accepted in " << shrunk.runs
            << " runs\n"
            << sentence_of(shrunk.plan) << ": fails " << shrunk.rate.failed << " of "
            << shrunk.rate.runs << "\n"
            << "replay: lastcall replay " << shell_word(folder) << "\n";
}

ShrinkOptions options_of(const ShrinkArguments& arguments, Nanoseconds budget, ProgressLine& line) {
  return {.rates = {.low = arguments.rate * 0.65, .high = arguments.rate},
          .confirming = arguments.times,
          .budget = budget,
          .progress = [&line](const std::string& text) { line.show("shrink: " + text); }};
}

// The exit code if there is no smaller plan to be written; says why.
template <class AnyPlan>
std::optional<int> end_without_plan(const Shrunk<AnyPlan>& shrunk) {
  if (const int code = interrupted_code(); code != 0) return code;
  if (!shrunk.broken.empty()) {
    std::cerr << "lastcall: " << shrunk.broken << "\n";
    return exit_codes::kBroken;
  }
  if (shrunk.first.failed > 0) return std::nullopt;
  std::cout << "the plan does not fail any more: 0 of " << shrunk.first.runs << " runs, and "
            << shrunk.first.not_reached << " that did not reach every hold\n";
  return exit_codes::kHeld;
}

std::string output_folder(const ShrinkArguments& arguments, const fs::path& plan) {
  const auto folder =
      arguments.output.empty() ? (plan.parent_path() / "shrunk").string() : arguments.output;
  std::error_code ec;
  fs::create_directories(folder, ec);
  return folder;
}

// A plan of `lastcall hunt -- CMD`.
int shrink_of_command(const ShrinkArguments& arguments, Nanoseconds budget,
                      const Context& context) {
  const auto plan = own_hunt_plan(arguments.what, arguments.trust);
  if (!plan) return refused(plan.error(), exit_codes::kUsage);
  watch_for_interrupts();
  auto around = hunt_surroundings(context);
  const auto undisturbed = undisturbed_rate(*plan, around, 5);
  if (!undisturbed) return refused(undisturbed.error(), exit_codes::kBroken);
  const auto places = places_in_this_build(*plan, around);
  if (!places) return refused(places.error(), exit_codes::kUsage);
  std::cerr << *places;
  ProgressLine line;
  const auto shrunk = shrink_plan(*plan, around, options_of(arguments, budget, line));
  line.clear();
  if (const auto end = end_without_plan(shrunk)) return *end;
  const auto folder = output_folder(arguments, hunt_plan_file(arguments.what));
  const auto seen = explained_trial(shrunk.plan, around, 5);
  if (const auto written = write_finding(folder, shrunk.plan, seen); !written)
    return refused(written.error(), exit_codes::kBroken);
  print(shrunk, folder, arguments.json);
  if (!arguments.json) std::cout << explanation_of(shrunk.plan, seen);
  return exit_codes::kFailed;
}

// A plan of a scenario.
int shrink_of_scenario(const ShrinkArguments& arguments, Nanoseconds budget,
                       const Context& context) {
  const auto own = own_plan(arguments.what, arguments.trust);
  if (!own) return refused(own.error(), exit_codes::kUsage);
  const auto wanted = recorded_failures(own->file);
  const auto folder = output_folder(arguments, own->file);
  const auto trials_folder = fs::absolute(folder).string() + "/trials";
  auto server = start_trial_server(trials_folder);
  if (!server) return refused(server.error(), exit_codes::kBroken);
  watch_for_interrupts();
  ScenarioTrials trials({.server = *server,
                         .folder = trials_folder,
                         .tools = context.tools,
                         .jobs = arguments.jobs,
                         .interrupted = interrupted_signal()});
  ProgressLine line;
  auto options = options_of(arguments, budget, line);
  options.first = kFirstOfScenario;
  const auto shrunk = shrink<Plan>(
      own->plan,
      {.smaller = [](const Plan& plan) { return smaller_plans(plan); },
       .rate = [&](const Plan& plan, std::uint64_t runs,
                   const auto& each) { return trials.rate(plan, wanted, runs, each); }},
      options);
  line.clear();
  if (trials.interrupted() != 0) note_interrupt(trials.interrupted());
  const auto end = end_without_plan(shrunk);
  auto story = end ? Result<std::string>(std::string())
                   : write_held_finding(folder, shrunk.plan, trials.failing_directory());
  (void)remove_tree(trials_folder);
  if (end) return *end;
  if (!story) return refused(story.error(), exit_codes::kBroken);
  print(shrunk, folder, arguments.json);
  if (!arguments.json) std::cout << *story;
  return exit_codes::kFailed;
}

int shrink_named(const ShrinkArguments& arguments, const Context& context) {
  const auto budget = parse_duration(arguments.budget);
  if (!budget || arguments.rate < 0.2 || arguments.rate > 0.99) {
    std::cerr
        << "lastcall: --for takes a duration such as 120s, --rate a number from 0.2 to 0.99\n";
    return exit_codes::kUsage;
  }
  const bool is_of_command = !hunt_plan_file(arguments.what).empty();
  return is_of_command ? shrink_of_command(arguments, *budget, context)
                       : shrink_of_scenario(arguments, *budget, context);
}

}  // namespace

void add_shrink(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<ShrinkArguments>();
  auto* command =
      app.add_subcommand("shrink", "Make a failing plan smaller while it fails at a stated rate");
  command
      ->add_option("plan", arguments->what,
                   "The folder of a finding or of a failing trial, or its plan.json")
      ->required()
      ->check(CLI::ExistingPath)
      ->option_text("DIR|PLAN");
  command->add_option("--rate", arguments->rate, "What a smaller plan must reach (default: 0.9)")
      ->option_text("R");
  command->add_option("--times,-k", arguments->times, "Runs of the last plan (default: 50)")
      ->check(at_least_one())
      ->option_text("K");
  command->add_option("--for", arguments->budget, "No further step after it (default: 120s)")
      ->option_text("DURATION");
  command
      ->add_option("--output,-o", arguments->output,
                   "Where to write the smaller plan (default: shrunk/ next to the plan)")
      ->option_text("DIR");
  command
      ->add_option("--jobs,-j", arguments->jobs,
                   "Trials of a scenario at the same time (default: 1)")
      ->check(CLI::Range(1, 64))
      ->option_text("J");
  command->add_flag("--trust", arguments->trust, "Run a plan that may be somebody else's");
  command->add_flag("--json", arguments->json, "Print the result as JSON");
  command->footer(
      "A step leaves something out: a hold, places that are armed besides, which thread it is, "
      "which\n"
      "time; of a plan of a scenario, also clients and faults. It is accepted by a sequential test "
      "that is wrong in 5 % of the cases: the smaller "
      "plan\n"
      "fails at the rate, not at two thirds of it. A plan that fails less often from the beginning "
      "is\n"
      "shrunk at its own rate.\n"
      "Exit code 1: the failure came back; 0: it did not.");
  command->callback(
      [arguments, &context] { context.exit_code = shrink_named(*arguments, context); });
}

}  // namespace lastcall::cli
