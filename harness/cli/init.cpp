// lastcall init: a scenario for its user to keep and edit, of a command that is run, as `try` uses
// it, or of a file that says how a server is run.
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <memory>

#include "base/file.hpp"
#include "base/text.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/commands.hpp"
#include "cli/discovering.hpp"
#include "discover/deployment.hpp"
#include "discover/scenario_text.hpp"
#include "reports/wording.hpp"

namespace lastcall::cli {
namespace {

struct InitArguments {
  DiscoverArguments discover;
  std::string from;
  std::string service;
  std::string output;  // empty: stdout
};

int say(const Error& error, int code) {
  std::cerr << "lastcall: " << reports::printable(error.message()) << "\n";
  return code;
}

// Never over a file that somebody may have edited.
int print_scenario(Discovery found, const Hints& hints, const std::string& output) {
  const auto talks = talks_of(found, hints);
  if (!talks) return say(talks.error(), exit_codes::kUsage);
  if (output.empty()) {
    std::cout << commented_scenario(found, hints, *talks);
    return exit_codes::kHeld;
  }
  namespace fs = std::filesystem;
  std::error_code ec;
  if (fs::exists(fs::symlink_status(output, ec)))
    return say({"write", output, EEXIST, "remove it, or name another file"}, exit_codes::kUsage);
  const auto folder = fs::absolute(output, ec).lexically_normal().parent_path();
  fs::create_directories(folder, ec);
  if (fs::exists(found.directory, ec))
    found = seen_from(std::move(found), fs::canonical(folder, ec));
  if (auto written = write_regular(output, commented_scenario(found, hints, *talks)); !written)
    return say(written.error(), exit_codes::kUsage);
  std::cerr << "  written; run it: lastcall run " << reports::printable(shell_word(output)) << "\n";
  return exit_codes::kHeld;
}

// What the file says, unless an option says otherwise. Nothing of it is run.
int from_file(const InitArguments& arguments, Hints hints) {
  constexpr std::size_t kLargest = std::size_t{4} << 20U;
  const auto text = read_regular(arguments.from, kLargest);
  if (!text) return say(text.error(), exit_codes::kUsage);
  auto deployment = read_deployment(*text, arguments.from, arguments.service);
  if (!deployment) return say(deployment.error(), exit_codes::kUsage);
  if (!arguments.discover.command.empty()) deployment->command = arguments.discover.command;
  if (deployment->command.empty())
    return say({"make a scenario of", deployment->what, 0,
                "it has no command, only an image: say the command behind --"},
               exit_codes::kUsage);
  if (hints.signal.empty()) hints.signal = deployment->signal;
  if (deployment->grace && arguments.discover.deadline.empty()) hints.deadline = *deployment->grace;
  std::error_code ec;
  const auto folder = std::filesystem::absolute(arguments.from, ec).parent_path().string();
  std::cerr << "  from " << reports::printable(deployment->what) << " of "
            << reports::printable(arguments.from) << "; nothing was run\n";
  for (const auto& note : deployment->notes) std::cerr << "  " << reports::printable(note) << "\n";
  return print_scenario(discovery_of(*deployment, folder), hints, arguments.output);
}

int init(const InitArguments& arguments, const Context& context) {
  const auto hints = hints_of(arguments.discover);
  if (!hints) return say(hints.error(), exit_codes::kUsage);
  if (!arguments.from.empty()) return from_file(arguments, *hints);
  if (arguments.discover.command.empty()) {
    std::cerr << "lastcall init: say the command behind --, or --from a file that has it\n";
    return exit_codes::kUsage;
  }
  const auto discovered = discover_command(arguments.discover, context, std::cerr);
  return discovered.found ? print_scenario(*discovered.found, *hints, arguments.output)
                          : discovered.exit_code;
}

constexpr const char* kInitFooter =
    R"(With CMD: runs it twice, as `lastcall try` does, to see what it is. With --from: takes command,
environment, ports, readiness probe, stop signal and grace period from the file, and runs nothing. Prints
the scenario on stdout, and what it saw on stderr.

  lastcall init -o stop.toml -- ./server --port {port}
  lastcall init -o stop.toml --from docker-compose.yml --service web
  lastcall init --from deployment.yaml -- ./server > stop.toml      the command as it is here
  lastcall init --from server.service > stop.toml
  lastcall run stop.toml

Exit code 0: written; 3: CMD does not come up; 2: CMD cannot be run, the file says too little, or a wrong
option.)";

}  // namespace

void add_init(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<InitArguments>();
  auto* command =
      app.add_subcommand("init", "Write a scenario of a command, with comments, ready to edit");
  add_discover_options(*command, arguments->discover)->required(false);
  command
      ->add_option("--from", arguments->from,
                   "A Compose file, a Kubernetes manifest or a systemd unit")
      ->option_text("FILE");
  command
      ->add_option("--service", arguments->service,
                   "Which service or container of that file (default: the first with a command)")
      ->option_text("NAME");
  command
      ->add_option("--output,-o", arguments->output,
                   "Write it to this file, with paths as seen from there, so that it can be "
                   "committed (default: stdout)")
      ->option_text("FILE");
  command->footer(kInitFooter);
  command->callback([arguments, &context] { context.exit_code = init(*arguments, context); });
}

}  // namespace lastcall::cli
