// lastcall shrink DIR|PLAN: the smallest plan of a hunt that still fails at a stated rate.
#include "hunt/shrink.hpp"

#include <boost/json.hpp>

#include <filesystem>
#include <iostream>
#include <memory>

#include "base/durations.hpp"
#include "base/text.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/command_line.hpp"
#include "cli/commands.hpp"
#include "cli/hunt_setup.hpp"
#include "cli/progress_line.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;

struct ShrinkArguments {
  std::string what;
  double rate = 0.9;
  std::uint64_t times = 50;
  std::string budget = "120s";
  std::string output;
  bool trust = false;
  bool json = false;
};

void print(const Shrunk& shrunk, const std::string& folder, bool as_json) {
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

int shrink(const ShrinkArguments& arguments, const Context& context) {
  const auto budget = parse_duration(arguments.budget);
  if (!budget || arguments.rate < 0.2 || arguments.rate > 0.99) {
    std::cerr
        << "lastcall: --for takes a duration such as 120s, --rate a number from 0.2 to 0.99\n";
    return exit_codes::kUsage;
  }
  const auto plan = own_hunt_plan(arguments.what, arguments.trust);
  if (!plan) {
    std::cerr << "lastcall: " << plan.error().message() << "\n";
    return exit_codes::kUsage;
  }
  watch_for_interrupts();
  auto around = hunt_surroundings(context);
  const auto undisturbed = undisturbed_rate(*plan, around, 5);
  const auto places = undisturbed ? places_in_this_build(*plan, around) : std::string();
  if (!undisturbed || !places) {
    std::cerr << "lastcall: " << (undisturbed ? places.error() : undisturbed.error()).message()
              << "\n";
    return undisturbed ? exit_codes::kUsage : exit_codes::kBroken;
  }
  std::cerr << *places;
  ProgressLine line;
  ShrinkOptions options{.rates = {.low = arguments.rate * 0.65, .high = arguments.rate},
                        .confirming = arguments.times,
                        .budget = *budget,
                        .progress = [&](const std::string& text) { line.show("shrink: " + text); }};
  auto shrunk = shrink_plan(*plan, around, options);
  line.clear();
  if (const int code = interrupted_code(); code != 0) return code;
  if (!shrunk.broken.empty()) {
    std::cerr << "lastcall: " << shrunk.broken << "\n";
    return exit_codes::kBroken;
  }
  if (shrunk.first.failed == 0) {
    std::cout << "the plan does not fail any more: 0 of " << shrunk.first.runs << " runs, and "
              << shrunk.first.not_reached << " that did not reach every hold\n";
    return exit_codes::kHeld;
  }
  std::error_code ec;
  const auto file = fs::path(hunt_plan_file(arguments.what));
  const auto folder =
      arguments.output.empty() ? (file.parent_path() / "shrunk").string() : arguments.output;
  fs::create_directories(folder, ec);
  const auto seen = explained_trial(shrunk.plan, around, 5);
  if (const auto written = write_finding(folder, shrunk.plan, seen); !written) {
    std::cerr << "lastcall: " << written.error().message() << "\n";
    return exit_codes::kBroken;
  }
  print(shrunk, folder, arguments.json);
  if (!arguments.json) std::cout << explanation_of(shrunk.plan, seen);
  return exit_codes::kFailed;
}

}  // namespace

void add_shrink(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<ShrinkArguments>();
  auto* command =
      app.add_subcommand("shrink", "Make a plan of a hunt smaller while it fails at a stated rate");
  command->add_option("plan", arguments->what, "The folder of a finding, or its plan.json")
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
  command->add_flag("--trust", arguments->trust, "Run a plan that may be somebody else's");
  command->add_flag("--json", arguments->json, "Print the result as JSON");
  command->footer(
      "A step leaves something out: a hold, places that are armed besides, which thread it is, "
      "which\n"
      "time. It is accepted by a sequential test that is wrong in 5 % of the cases: the smaller "
      "plan\n"
      "fails at the rate, not at two thirds of it. A plan that fails less often from the beginning "
      "is\n"
      "shrunk at its own rate.\n"
      "Exit code 1: the failure came back; 0: it did not.");
  command->callback([arguments, &context] { context.exit_code = shrink(*arguments, context); });
}

}  // namespace lastcall::cli
