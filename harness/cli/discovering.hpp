// What `try` and `init` have in common: the command that they look at, and what its user says of
// it.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/commands.hpp"
#include "discover/discovery.hpp"

namespace lastcall::cli {

struct DiscoverArguments {
  std::vector<std::string> command;
  std::vector<std::string> urls;
  std::vector<std::string> headers;  // "Name: value"
  std::optional<std::string> body;
  std::string signal;
  std::string deadline;  // empty: as Hints has it
};

// Returns the option of the command, which is required.
CLI::Option* add_discover_options(CLI::App& command, DiscoverArguments& arguments);

// An error names the option that is wrong.
Result<Hints> hints_of(const DiscoverArguments& arguments);

struct CommandFound {
  std::optional<Discovery> found;  // nothing: `exit_code` says how to end, and why was printed
  int exit_code = 0;
};

// Runs the command twice, and says on `out` what was found. Before any thread or child of this
// process; afterwards SIGINT and SIGTERM end it as usual.
CommandFound discover_command(const DiscoverArguments& arguments, const Context& context,
                              std::ostream& out);

}  // namespace lastcall::cli
