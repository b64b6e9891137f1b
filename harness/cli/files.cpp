#include "cli/files.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <utility>

#include "base/file.hpp"
#include "history/utf8.hpp"
#include "reports/wording.hpp"
#include "scenario/layers.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;

// Far more than anybody writes, files to lay out included.
constexpr std::size_t kLargestScenario = std::size_t{4} << 20U;
constexpr std::size_t kMostLayers = 8;

fs::path folder_of(const std::string& file) {
  return fs::absolute(file).lexically_normal().parent_path();
}

// Says what is wrong, for a file that another one extends at that one's place.
std::nullopt_t refuse(const std::string& from, const std::string& problem) {
  std::cerr << (from.empty() ? "lastcall" : reports::printable(from)) << ": "
            << reports::printable(problem) << "\n";
  return std::nullopt;
}

// The file and all that it extends.
std::optional<std::vector<ScenarioLayer>> read_layers(const std::string& file) {
  std::vector<ScenarioLayer> layers;
  std::string from;
  for (auto next = file; !next.empty();) {
    if (valid_utf8(next) != next)  // a plan, which is JSON, names it
      return refuse(from, "the name " + next + " is not UTF-8: rename the file or its folder");
    auto text = read_regular(next, kLargestScenario);
    if (!text) return refuse(from, text.error().message());
    const bool is_known = std::ranges::any_of(layers, [&](const ScenarioLayer& layer) {
      std::error_code ec;
      return fs::equivalent(layer.file, next, ec);
    });
    if (is_known) return refuse(from, "it extends itself, by way of " + next);
    if (layers.size() == kMostLayers)
      return refuse(from, "more than " + std::to_string(kMostLayers) + " files extend each other");
    const auto base = extended_by(*text);
    const auto folder = folder_of(next).lexically_proximate(folder_of(file)).string();
    layers.push_back({next, std::move(*text), folder == "." ? "" : folder});
    from = next;
    next = base.empty() ? "" : (fs::path(next).parent_path() / base).lexically_normal().string();
  }
  return layers;
}

}  // namespace

std::optional<std::vector<LoadedScenario>> load_scenarios(
    const std::string& file, const std::vector<std::string>& settings) {
  auto layers = read_layers(file);
  if (!layers) return std::nullopt;
  const auto variable = [](const std::string& name) -> std::optional<std::string> {
    const auto* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(valid_utf8(value));
  };
  auto parsed = parse_layers({std::move(*layers), settings, variable});
  if (const auto* errors = std::get_if<std::vector<ScenarioError>>(&parsed)) {
    for (const auto& error : *errors) std::cerr << error.text() << "\n";
    return std::nullopt;
  }
  std::vector<LoadedScenario> loaded;
  for (auto& variant : std::get<std::vector<Variant>>(parsed)) {
    loaded.push_back({file, std::move(variant.text), std::move(variant.scenario),
                      std::move(variant.seed_key), std::move(variant.name)});
  }
  return loaded;
}

std::optional<LoadedScenario> load_scenario(const std::string& file) {
  auto loaded = load_scenarios(file);
  if (!loaded) return std::nullopt;
  return std::move(loaded->front());
}

}  // namespace lastcall::cli
