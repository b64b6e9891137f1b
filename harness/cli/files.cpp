#include "cli/files.hpp"

#include <iostream>

#include "base/file.hpp"
#include "history/utf8.hpp"
#include "reports/wording.hpp"
#include "scenario/parse.hpp"

namespace lastcall::cli {
namespace {

// Far more than anybody writes, files to lay out included.
constexpr std::size_t kLargestScenario = std::size_t{4} << 20U;

}  // namespace

std::optional<LoadedScenario> load_scenario(const std::string& file) {
  if (valid_utf8(file) != file) {  // a plan, which is JSON, names it
    std::cerr << "lastcall: the name " << reports::printable(file)
              << " is not UTF-8: rename the file or its folder\n";
    return std::nullopt;
  }
  auto text = read_regular(file, kLargestScenario);
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
