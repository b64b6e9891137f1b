#include "cli/hunt_scenario.hpp"
#include "cli/files.hpp"
#include "cli/held_findings.hpp"
#include "cli/hunt_report.hpp"
#include "cli/hunt_setup.hpp"
#include "cli/progress_line.hpp"
#include "cli/trial_server.hpp"

#include <boost/json.hpp>
#include <filesystem>
#include <iostream>
#include <utility>
#include <vector>

#include "base/remove_tree.hpp"
#include "campaign/exit_codes.hpp"
#include "hunt/held_plan.hpp"
#include "hunt/scenario_hunt.hpp"
#include "reports/wording.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;
using reports::printable;

// Writes what was found into the results folder, the second into a folder below it, and so on.
Result<std::vector<Found>> written_findings(const ScenarioHuntOutcome& outcome,
                                            const std::string& results) {
  std::vector<Found> all;
  for (const auto& one : outcome.findings) {
    const auto folder =
        all.empty() ? results : results_folder(results + "/" + std::to_string(all.size() + 1));
    auto story = write_held_finding(folder, one.plan, one.directory);
    if (!story) return story.error();
    all.push_back({.failure = one.property + ": " + printable(one.reason),
                   .says = sentence_of(one.plan),
                   .rate = one.rate,
                   .undisturbed = one.undisturbed,
                   .kind = one.kind,
                   .trials = one.trials,
                   .after = one.found_after,
                   .explanation = std::move(*story),
                   .folder = folder});
  }
  return all;
}

void print_outcome(const ScenarioHuntOutcome& outcome, const std::vector<Found>& findings) {
  print_tried(std::cout, outcome);
  for (const auto& [property, reason] : outcome.as_often_undisturbed) {
    std::cout << "  " << property << " fails as often without a hold, so it is no race that a hold "
              << "makes (`lastcall run` measures it): " << printable(reason) << "\n";
  }
  for (const auto& one : findings) print_found(std::cout, one);
  if (findings.empty()) print_nothing_found(std::cout, outcome);
}

// Whether what the search found is worth a look; says what is wrong if not.
int verdict_on(const ScenarioHuntOutcome& outcome) {
  if (!outcome.broken.empty() && interrupted_code() == 0) {
    std::cerr << "lastcall: " << printable(outcome.broken) << "\n";
    return exit_codes::kBroken;
  }
  if (outcome.wrong_before.empty()) return exit_codes::kHeld;
  std::cerr << "lastcall: no race: the scenario fails in all of " << outcome.baseline.runs
            << " trials that nothing disturbed: " << printable(outcome.wrong_before)
            << "; mend that first, or switch the property off in the scenario\n";
  return exit_codes::kUsage;
}

}  // namespace

int hunt_in_scenario(const ScenarioHuntArguments& arguments, const Context& context) {
  auto scenarios = load_scenarios(arguments.file, arguments.settings);
  if (!scenarios) return exit_codes::kUsage;
  if (scenarios->size() > 1) {
    std::cerr
        << "lastcall: " << arguments.file << " has " << scenarios->size()
        << " scenarios in its matrix and a hunt takes one: leave one value in each [[vary]]\n";
    return exit_codes::kUsage;
  }
  auto* scenario = &scenarios->front();
  if (!scenario->scenario.target.trace) {
    std::cerr << "lastcall: " << arguments.file
              << " says trace = false: a hunt holds threads by the tracer\n";
    return exit_codes::kUsage;
  }
  const auto results = results_folder(arguments.results);
  const auto trials = fs::absolute(results).string() + "/trials";
  auto server = start_trial_server(trials);
  if (!server) return refused(server.error(), exit_codes::kBroken);
  watch_for_interrupts();
  ProgressLine line;
  const auto outcome = hunt_scenario(
      *server, {.scenario = std::move(*scenario),
                .budget = arguments.budget,
                .seed = arguments.seed,
                .jobs = arguments.jobs,
                .keeps_going = arguments.keeps_going,
                .folder = trials,
                .tools = context.tools,
                .interrupted = interrupted_signal(),
                .progress = [&](const std::string& text) { line.show("hunt: " + text); }});
  line.clear();
  if (outcome.interrupted != 0) note_interrupt(outcome.interrupted);
  auto findings = written_findings(outcome, results);
  (void)remove_tree(trials);
  std::error_code ec;
  fs::remove(results, ec);  // if nothing is in it
  if (const int wrong = verdict_on(outcome); wrong != exit_codes::kHeld) return wrong;
  if (!findings) return refused(findings.error(), exit_codes::kBroken);
  if (arguments.json) {
    auto object = tally_json(outcome);
    boost::json::array all;
    for (const auto& one : *findings) all.push_back(found_json(one));
    object["findings"] = std::move(all);
    object["seed"] = arguments.seed;
    std::cout << boost::json::serialize(object) << "\n";
  } else {
    print_outcome(outcome, *findings);
    std::cout << "seed " << arguments.seed << "\n";
  }
  return hunt_exit_code(outcome, !findings->empty());
}

}  // namespace lastcall::cli
