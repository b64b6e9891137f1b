#include "reference_server/program.hpp"

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "reference_server/identity.hpp"
#include "reference_server/lifetime.hpp"
#include "shutdown/shutdown.hpp"

namespace reference_server {
namespace {

constexpr int kBadArguments = 2;

struct Arguments {
  ConfigurationSources sources;
  bool check = false;
  bool version = false;
  bool settings = false;
  std::string checkpoint;
};

void add_flag(CLI::App& app, Arguments& arguments, const std::string& flag,
              const std::string& setting, const std::string& about) {
  app.add_option_function<std::string>(
      flag,
      [&arguments, setting](const std::string& text) { arguments.sources.flags[setting] = text; },
      about);
}

void add_arguments(CLI::App& app, Arguments& arguments) {
  app.add_option("--config", arguments.sources.file, "TOML file; --settings shows what it may say");
  app.add_flag("--check", arguments.check, "only validate the configuration: exit 0 or 2");
  app.add_flag("--version", arguments.version, "say which build this is");
  app.add_flag("--settings", arguments.settings, "show every setting with its default");
  app.add_option("--inspect-checkpoint", arguments.checkpoint,
                 "show what is in this file: exit 0 if it is whole, else 1");
  add_flag(app, arguments, "--port", "server.port", "WebSocket and HTTP, plain");
  add_flag(app, arguments, "--tls-port", "tls.port", "WebSocket and HTTP over TLS");
  add_flag(app, arguments, "--cert", "tls.certificate", "certificate chain, PEM");
  add_flag(app, arguments, "--key", "tls.key", "private key, PEM");
  add_flag(app, arguments, "--state", "server.state", "the folder for what must survive");
  add_flag(app, arguments, "--log-level", "log.level", "trace, debug, info, warning, error");
  add_flag(app, arguments, "--work-ms", "server.work_ms", "simulated work before each message");
  add_flag(app, arguments, "--close-timeout-ms", "server.close_timeout_ms",
           "how long a stop waits for one peer");
}

int inspect_checkpoint(const std::string& path) {
  graceful::shutdown::StateManager<Lifetime> states(path, lifetime_format());
  const auto loaded = states.load();
  if (!loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().message().c_str());
    return 1;
  }
  if (!*loaded || !(*loaded)->problem.empty()) {
    std::fprintf(stderr, "%s\n", *loaded ? (*loaded)->problem.c_str() : "there is no checkpoint");
    return 1;
  }
  std::printf("%s\n", lifetime_text((*loaded)->value).c_str());
  return 0;
}

int check_and_run(const Arguments& arguments, const Program& program) {
  const auto read = read_configuration(arguments.sources);
  for (const auto& problem : read.problems) {
    std::fprintf(stderr, "%s: %s\n", program.name, problem.text().c_str());
  }
  if (!read.problems.empty()) return kBadArguments;
  if (arguments.check) {
    std::printf("the configuration is good\n");
    return 0;
  }
  return run_server(arguments.sources, read.configuration,
                    program.policy ? program.policy() : StopPolicy());
}

}  // namespace

int run_program(int argc, char** argv, const Program& program) {
  try {
    // Before anything else: until then a signal to stop ends the process.
    if (const auto caught = graceful::shutdown::catch_signals_early(); !caught) {
      std::fprintf(stderr, "%s: %s\n", program.name, caught.error().message().c_str());
      return kBadArguments;
    }
    // A log whose reader has gone is no reason to end: its write fails, and that is all.
    std::signal(SIGPIPE, SIG_IGN);
    CLI::App app(program.about);
    Arguments arguments;
    add_arguments(app, arguments);
    if (program.add_options) program.add_options(app);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app.exit(error) == 0 ? 0 : kBadArguments;
    }
    arguments.sources.environment = environment_of_this_process();
    if (arguments.version) {
      std::fputs(identity_text().c_str(), stdout);
      return 0;
    }
    if (arguments.settings) {
      std::fputs(settings_text().c_str(), stdout);
      return 0;
    }
    if (!arguments.checkpoint.empty()) return inspect_checkpoint(arguments.checkpoint);
    return check_and_run(arguments, program);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", program.name, error.what());
    return kBadArguments;
  }
}

}  // namespace reference_server
