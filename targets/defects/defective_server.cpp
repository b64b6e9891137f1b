// The reference server with one planted bug. defects.toml names the property that must catch
// each.
#include <CLI/CLI.hpp>
#include <map>
#include <random>
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
  unsigned one_in = 1;
  const auto add_options = [&](CLI::App& app) {
    app.add_option("--defect", defect, "the planted bug")
        ->required()
        ->check(CLI::IsMember(planted));
    app.add_option("--one-in", one_in, "how many runs have it: one in N, at random (default: each)")
        ->check(CLI::PositiveNumber);
  };
  return reference_server::run_program(
      argc, argv, {"defective_server", "A server that stops wrongly", add_options, [&] {
                     const bool has_it = std::random_device{}() % one_in == 0;
                     return has_it ? planted.at(defect) : StopPolicy{};
                   }});
}
