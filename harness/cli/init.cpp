// lastcall init -- CMD…: the scenario that `try` uses, for its user to keep and edit.
#include <iostream>
#include <memory>

#include "campaign/exit_codes.hpp"
#include "cli/commands.hpp"
#include "cli/discovering.hpp"
#include "discover/scenario_text.hpp"

namespace lastcall::cli {
namespace {

int init(const DiscoverArguments& arguments, const Context& context) {
  const auto hints = hints_of(arguments);
  if (!hints) {
    std::cerr << "lastcall: " << hints.error().message() << "\n";
    return exit_codes::kUsage;
  }
  const auto discovered = discover_command(arguments, context, std::cerr);
  if (!discovered.found) return discovered.exit_code;
  const auto talks = talks_of(*discovered.found, *hints);
  if (!talks) {
    std::cerr << "lastcall: " << talks.error().message() << "\n";
    return exit_codes::kUsage;
  }
  std::cout << commented_scenario(*discovered.found, *hints, *talks);
  return exit_codes::kHeld;
}

}  // namespace

void add_init(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<DiscoverArguments>();
  auto* command =
      app.add_subcommand("init", "Write a scenario of a command, with comments, ready to edit");
  add_discover_options(*command, *arguments);
  command->footer(
      "Runs CMD twice, as `lastcall try` does, to see what it is; prints the scenario on stdout "
      "and\n"
      "what it saw on stderr.\n\n"
      "  lastcall init -- ./server --port {port} > stop.toml\n"
      "  lastcall run stop.toml\n\n"
      "Exit code 0: written; 3: CMD does not come up; 2: CMD cannot be run, or a wrong option.");
  command->callback([arguments, &context] { context.exit_code = init(*arguments, context); });
}

}  // namespace lastcall::cli
