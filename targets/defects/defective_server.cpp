// The reference server with one planted bug. defects.toml names the property that must catch
// each.
#include <CLI/CLI.hpp>
#include <map>
#include <string>

#include "defects/racy_parts.hpp"
#include "reference_server/program.hpp"

int main(int argc, char** argv) {
  using reference_server::StopPolicy;
  const std::map<std::string, StopPolicy> planted{
      {"cut", {.connections = StopPolicy::Connections::cut}},
      {"hang", {.ends = false}},
      {"exit1", {.exit_code = 1}},
      {"racing-pings", {.alongside = [] { return defects::racing_pings(false); }}},
      {"racing-pings-fixed", {.alongside = [] { return defects::racing_pings(true); }}},
      {"racing-jobs", {.alongside = [] { return defects::racing_jobs(false); }}},
      {"racing-jobs-fixed", {.alongside = [] { return defects::racing_jobs(true); }}},
  };
  std::string defect;
  const auto add_options = [&](CLI::App& app) {
    app.add_option("--defect", defect, "the planted bug")
        ->required()
        ->check(CLI::IsMember(planted));
  };
  return reference_server::run_program(argc, argv,
                                       {"defective_server", "A server that stops wrongly",
                                        add_options, [&] { return planted.at(defect); }});
}
