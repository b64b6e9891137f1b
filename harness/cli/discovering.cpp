#include "cli/discovering.hpp"

#include <sys/prctl.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iostream>

#include "base/durations.hpp"
#include "base/signal_names.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/hunt_setup.hpp"
#include "discover/discover.hpp"
#include "reports/wording.hpp"
#include "scenario/value_syntax.hpp"

namespace lastcall::cli {
namespace {

Result<std::pair<std::string, std::string>> header_of(const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos || colon == 0)
    return Error{"read", "--header", 0, "expected 'Name: value', found '" + text + "'"};
  auto value = text.substr(colon + 1);
  value.erase(0, value.find_first_not_of(' '));
  return std::pair(text.substr(0, colon), value);
}

void print_found(const Discovery& found, std::ostream& out) {
  out << "  runs in " << reports::printable(found.directory)
      << " with your environment; lastcall itself writes nothing there\n";
  for (const auto& port : found.ports) {
    out << "  " << reports::printable(port_sentence(port));
    if (found.symbolic.contains(port.port))
      out << " (" << found.symbolic.at(port.port) << ", another one each trial)";
    out << "\n";
  }
  if (found.ports.empty()) out << "  listens at no port: no clients, only signals\n";
}

}  // namespace

CLI::Option* add_discover_options(CLI::App& command, DiscoverArguments& arguments) {
  auto* words = command.add_option("command", arguments.command, "What to run, after --")
                    ->required()
                    ->option_text("-- CMD...");
  command
      .add_option("--url", arguments.urls,
                  "What clients ask for, instead of a guess: a URL, or a path such as /orders")
      ->allow_extra_args(false)
      ->option_text("URL");
  command.add_option("--header", arguments.headers, "A header of each request: 'Name: value'")
      ->allow_extra_args(false)
      ->option_text("HEADER");
  command
      .add_option(
          "--body", arguments.body,
          "What clients send: a POST over HTTP; over WebSocket and TCP a message with {id}, which "
          "the answer repeats")
      ->option_text("TEXT");
  command
      .add_option("--signal", arguments.signal,
                  "The signal that stops it (default: SIGTERM, or what its manual calls orderly)")
      ->option_text("SIGNAL");
  command
      .add_option("--deadline", arguments.deadline,
                  "How long a stop may take (default: 10s, as long as `docker stop` waits)")
      ->option_text("DURATION");
  return words;
}

Result<Hints> hints_of(const DiscoverArguments& arguments) {
  Hints hints{.urls = arguments.urls, .body = arguments.body};
  for (const auto& text : arguments.headers) {
    auto header = header_of(text);
    if (!header) return header.error();
    auto problem = header_name_problem(header->first);
    if (problem.empty()) problem = header_value_problem(header->second);
    if (!problem.empty()) return Error{"use", "--header " + text, 0, std::move(problem)};
    hints.headers.insert(std::move(*header));
  }
  if (!arguments.signal.empty()) {
    hints.signal =
        arguments.signal.starts_with("SIG") ? arguments.signal : "SIG" + arguments.signal;
    if (!signal_number(hints.signal))
      return Error{"read", "--signal", 0,
                   "expected a signal such as SIGTERM, found '" + arguments.signal + "'"};
  }
  if (arguments.deadline.empty()) return hints;
  const auto deadline = parse_duration(arguments.deadline);
  if (!deadline || *deadline < std::chrono::milliseconds(1))
    return Error{"read", "--deadline", 0,
                 "expected a duration such as 10s, found '" + arguments.deadline + "'"};
  hints.deadline = *deadline;
  return hints;
}

CommandFound discover_command(const DiscoverArguments& arguments, const Context& context,
                              std::ostream& out) {
  std::error_code ec;
  const auto directory = std::filesystem::current_path(ec).string();
  const auto command = command_of(arguments.command, directory);
  if (!command) {
    std::cerr << "lastcall: " << command.error().message() << "\n";
    return {std::nullopt, exit_codes::kUsage};
  }
  watch_for_interrupts();
  const auto interrupted = hunt_surroundings(context).interrupted;
  const auto seen = discover({.command = *command,
                              .directory = directory,
                              .tools = context.tools,
                              .interrupted = interrupted});
  (void)::signal(SIGINT, SIG_DFL);
  (void)::signal(SIGTERM, SIG_DFL);
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 0);
  if (interrupted_code() != 0) return {std::nullopt, interrupted_code()};
  if (!seen) {
    std::cerr << "lastcall: " << reports::printable(seen.error().message()) << "\n";
    const bool cannot_run = seen.error().error_number != 0;
    return {std::nullopt, cannot_run ? exit_codes::kUsage : exit_codes::kNotJudged};
  }
  print_found(seen->found, out);
  for (const auto& note : seen->notes) out << "  " << reports::printable(note) << "\n";
  return {seen->found, exit_codes::kHeld};
}

}  // namespace lastcall::cli
