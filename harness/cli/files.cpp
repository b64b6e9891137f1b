#include "cli/files.hpp"

#include <cerrno>
#include <fstream>
#include <iostream>
#include <iterator>

#include "scenario/parse.hpp"

namespace lastcall::cli {

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (!file.good() && !file.eof()) return Error{"read", path, errno, ""};
  return text;
}

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
