// The subcommands: each file adds its own to the command line and, when chosen, runs and leaves an
// exit code.
#pragma once

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <string>

namespace lastcall::cli {

// What every command knows about this process.
struct Context {
  std::string tools;  // the folder of lastcall's own binary
  // As they were before lastcall changed its own.
  rlimit descriptors{};
  bool ignores_pipes = false;  // SIGPIPE
  int exit_code = 0;
};

void add_run(CLI::App& app, Context& context);
void add_replay(CLI::App& app, Context& context);
void add_validate(CLI::App& app, Context& context);
void add_list(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_autopsy(CLI::App& app, Context& context);
void add_hunt(CLI::App& app, Context& context);
void add_shrink(CLI::App& app, Context& context);
void add_report(CLI::App& app, Context& context);
void add_show(CLI::App& app, Context& context);

}  // namespace lastcall::cli
