// The reference server with one planted bug. defects.toml names the property that must catch
// each.
#include <CLI/CLI.hpp>
#include <map>
#include <string>

#include "reference_server/program.hpp"

int main(int argc, char** argv) {
  using reference_server::StopPolicy;
  const std::map<std::string, StopPolicy> defects{
      {"cut", {.connections = StopPolicy::Connections::cut}},
      {"hang", {.ends = false}},
      {"exit1", {.exit_code = 1}},
  };
  std::string defect;
  const auto add_options = [&](CLI::App& app) {
    app.add_option("--defect", defect, "the planted bug")
        ->required()
        ->check(CLI::IsMember(defects));
  };
  return reference_server::run_program(argc, argv,
                                       {"defective_server", "A server that stops wrongly",
                                        add_options, [&] { return defects.at(defect); }});
}
