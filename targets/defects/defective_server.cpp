// The reference server with one planted bug. targets/README.md names the property that must catch
// each.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <map>
#include <string>

#include "reference_server/options.hpp"
#include "reference_server/server.hpp"

int main(int argc, char** argv) {
  using reference_server::StopPolicy;
  const std::map<std::string, StopPolicy> defects{
      {"cut", {.connections = StopPolicy::Connections::cut}},
      {"hang", {.ends = false}},
      {"exit1", {.exit_code = 1}},
  };

  CLI::App app("A server that stops wrongly");
  std::string defect;
  app.add_option("--defect", defect, "the planted bug")->required()->check(CLI::IsMember(defects));
  reference_server::Options options;
  reference_server::add_options(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    return reference_server::run_server(options, defects.at(defect));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "defective_server: %s\n", error.what());
    return 2;
  }
}
