// lastcall validate SCENARIO…: all errors of the files, with their places.
#include <algorithm>
#include <iostream>
#include <memory>
#include <set>

#include "campaign/exit_codes.hpp"
#include "campaign/prompt_exit.hpp"
#include "checkers/never_judged.hpp"
#include "cli/command_line.hpp"
#include "cli/commands.hpp"
#include "cli/files.hpp"
#include "reports/wording.hpp"
#include "scenario/parse.hpp"
#include "scenario/properties/prompt_exit.hpp"

namespace lastcall::cli {
namespace {

struct ValidateArguments {
  std::vector<std::string> scenarios;
  std::vector<std::string> settings;
  bool schema = false;
};

// Why this number of trials is too small for a property that is judged over all of them.
std::string too_few_trials(std::string_view property, const Scenario& scenario) {
  if (property != property::PromptExit::kName || scenario.budget.trials >= kFewestTrials) return {};
  return "it needs " + std::to_string(kFewestTrials) +
         " trials or more, [budget] trials = " + std::to_string(scenario.budget.trials);
}

// Properties that the scenario requires, or has a table of, and that no trial of it can judge.
void warn_of_what_is_never_judged(const LoadedScenario& loaded, std::set<std::string>& said) {
  // As in the first trial, which is traced if any is.
  const auto plan = draw_plan(loaded.file, loaded.text, loaded.scenario, 1, 1);
  for (const auto& [name, settings] : loaded.scenario.properties) {
    const bool is_required = std::ranges::count(loaded.scenario.required, name) > 0;
    if (!settings.judged || !(is_required || settings.configured)) continue;
    auto why = never_judged(name, plan);
    if (why.empty() && is_required) why = too_few_trials(name, loaded.scenario);
    const auto text = loaded.file + ": warning: '" + name + "' is " +
                      (is_required ? "required" : "configured") +
                      " and can never be judged: " + why;
    if (!why.empty() && said.insert(text).second) std::cerr << reports::printable(text) << "\n";
  }
}

int validate(const ValidateArguments& arguments) {
  if (arguments.schema) {
    std::cout << scenario_schema();
    return exit_codes::kHeld;
  }
  if (arguments.scenarios.empty()) {
    std::cerr << "lastcall validate: name a scenario file, or --schema\n";
    return exit_codes::kUsage;
  }
  bool good = true;
  std::set<std::string> said;
  for (const auto& file : arguments.scenarios) {
    if (const auto loaded = load_scenarios(file, arguments.settings)) {
      for (const auto& one : *loaded) warn_of_what_is_never_judged(one, said);
      std::cout << file << ": valid";
      if (loaded->size() > 1) std::cout << ", " << loaded->size() << " scenarios";
      std::cout << "\n";
    } else {
      good = false;
    }
  }
  return good ? exit_codes::kHeld : exit_codes::kUsage;
}

}  // namespace

void add_validate(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<ValidateArguments>();
  auto* command =
      app.add_subcommand("validate", "Check scenario files; every error with line and column");
  command->add_option("scenario", arguments->scenarios, "Scenario files (TOML)");
  add_set_option(*command, arguments->settings);
  command->add_flag("--schema", arguments->schema,
                    "Print the JSON Schema of scenario files instead");
  command->footer(
      "Warns of properties that are required, or have a table of their own, and can never be "
      "judged.\n"
      "Exit code 0: every file is valid; 2: one is not, or cannot be read.");
  command->callback([arguments, &context] { context.exit_code = validate(*arguments); });
}

}  // namespace lastcall::cli
