// lastcall: runs a server, gets it busy, tells it to stop at the worst possible moment, and proves
// what it did with its last seconds.
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <iostream>

#include "campaign/exit_codes.hpp"
#include "cli/command_line.hpp"
#include "cli/commands.hpp"
#include "cli/version.hpp"
#include "reports/wording.hpp"

namespace {

constexpr const char* kExitCodes = R"(Exit codes, the first that matches:
  2        wrong command line, scenario or plan
  130 143  interrupted (SIGINT, SIGTERM), after writing what was there
  4        lastcall or its environment broke
  1        a property failed; replay, shrink: the failure came back; hunt: found;
           gate: the policy is broken; compare: something got worse
  3        nothing failed, but something required could not be judged,
           or a group of clients was not answered; gate: more trials are needed
  0        every property held; gate: passed
autopsy passes on the exit code of its command (128 + signal), or says 2 or 4 as above.

Start with:  lastcall try -- ./your-server
             lastcall doctor
             lastcall list scenarios
             lastcall run scenarios/nginx/graceful.toml --trials 20)";

// A worker process holds one descriptor per client. Returns what the limit was.
rlimit raise_descriptor_limit() {
  rlimit before{};
  if (::getrlimit(RLIMIT_NOFILE, &before) != 0) return before;
  const rlimit raised{before.rlim_max, before.rlim_max};
  (void)::setrlimit(RLIMIT_NOFILE, &raised);
  return before;
}

}  // namespace

int main(int argc, char** argv) {
  lastcall::cli::Context context;
  // Writing to a pipe that nobody reads is an error of that write; it must not end lastcall.
  context.ignores_pipes = std::signal(SIGPIPE, SIG_IGN) == SIG_IGN;
  context.descriptors = raise_descriptor_limit();
  CLI::App app("lastcall: shutdown-correctness tests for any server on Linux", "lastcall");
  app.set_version_flag("--version", [] { return lastcall::cli::version_and_build(); });
  app.require_subcommand(1);
  std::error_code ec;
  context.tools = std::filesystem::read_symlink("/proc/self/exe", ec).parent_path().string();
  lastcall::cli::add_try(app, context);
  lastcall::cli::add_init(app, context);
  lastcall::cli::add_run(app, context);
  lastcall::cli::add_replay(app, context);
  lastcall::cli::add_show(app, context);
  lastcall::cli::add_report(app, context);
  lastcall::cli::add_hunt(app, context);
  lastcall::cli::add_shrink(app, context);
  lastcall::cli::add_gate(app, context);
  lastcall::cli::add_compare(app, context);
  lastcall::cli::add_merge(app, context);
  lastcall::cli::add_validate(app, context);
  lastcall::cli::add_list(app, context);
  lastcall::cli::add_explain(app, context);
  lastcall::cli::add_autopsy(app, context);
  lastcall::cli::add_doctor(app, context);
  app.footer(kExitCodes);  // last, because a command inherits the footer that its parent has
  const auto unknown = argc > 1 ? lastcall::cli::unknown_command(app, argv[1]) : std::string();
  if (!unknown.empty()) {
    std::cerr << "lastcall: " << lastcall::reports::printable(unknown) << "\n";
    return lastcall::exit_codes::kUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? lastcall::exit_codes::kHeld : lastcall::exit_codes::kUsage;
  } catch (const std::exception& error) {
    std::cerr << "lastcall: " << error.what() << "\n";
    return lastcall::exit_codes::kBroken;
  }
  return context.exit_code;
}
