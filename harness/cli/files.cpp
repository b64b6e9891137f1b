#include "cli/files.hpp"

#include <iostream>

#include "base/file.hpp"
#include "scenario/parse.hpp"

namespace lastcall::cli {

std::optional<LoadedScenario> load_scenario(const std::string& file) {
  auto text = read_file(file);
  if (!text) {
    std::cerr << "lastcall: " << text.error().message() << "\n";
    return std::nullopt;
  }
  auto parsed = parse_scenario(*text, file);
  if (const auto* errors = std::get_if<std::vector<ScenarioError>>(&parsed)) {
    for (const auto& error : *errors) std::cerr << error.text() << "\n";
    return std::nullopt;
  }
  return LoadedScenario{file, std::move(*text), std::get<Scenario>(std::move(parsed))};
}

}  // namespace lastcall::cli
