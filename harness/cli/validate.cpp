// lastcall validate SCENARIO…: all errors of the files, with their places.
#include <iostream>
#include <memory>

#include "campaign/exit_codes.hpp"
#include "cli/commands.hpp"
#include "cli/files.hpp"
#include "scenario/parse.hpp"

namespace lastcall::cli {
namespace {

struct ValidateArguments {
  std::vector<std::string> scenarios;
  bool schema = false;
};

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
  for (const auto& file : arguments.scenarios) {
    if (load_scenario(file)) {
      std::cout << file << ": valid\n";
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
  command->add_flag("--schema", arguments->schema,
                    "Print the JSON Schema of scenario files instead");
  command->footer("Exit code 0: every file is valid; 2: one is not, or cannot be read.");
  command->callback([arguments, &context] { context.exit_code = validate(*arguments); });
}

}  // namespace lastcall::cli
