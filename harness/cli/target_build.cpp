#include "cli/target_build.hpp"

#include <filesystem>

#include "base/file.hpp"
#include "store/store.hpp"
#include "target/launcher.hpp"
#include "tracer/symbols/elf_file.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;

// {here} filled in; empty if another placeholder is in it, which only a trial fills in.
std::string without_placeholders(std::string word, const fs::path& here) {
  constexpr std::string_view kHere = "{here}";
  for (auto at = word.find(kHere); at != word.npos; at = word.find(kHere))
    word.replace(at, kHere.size(), here.string());
  return word.find('{') == word.npos ? word : "";
}

// Empty if the file cannot be read.
std::string identity(const std::string& file) {
  auto opened = open_regular(file);
  if (!opened) return {};
  if (const auto elf = ElfFile::of(std::move(*opened)); elf && !elf->build_id().empty())
    return "build-id " + elf->build_id();
  const auto content = read_regular(file);
  return content ? "sha256 " + sha256(*content) : "";
}

}  // namespace

std::string target_build(const LoadedScenario& scenario, const std::string& path) {
  std::error_code none;
  const auto here = fs::absolute(fs::path(scenario.file), none).parent_path();
  std::string all;
  bool is_command = true;
  for (const auto& written : scenario.scenario.target.command) {
    auto word = without_placeholders(written, here);
    if (is_command && !word.empty()) {
      const auto found = find_executable(word, path);
      word = found ? *found : "";
    } else if (!fs::path(word).is_absolute()) {
      word.clear();  // below the trial's directory
    }
    is_command = false;
    if (word.empty() || !fs::is_regular_file(word, none)) continue;
    const auto id = identity(word);
    if (!id.empty())
      all += (all.empty() ? "" : ", ") + fs::path(word).filename().string() + " " + id;
  }
  return all;
}

}  // namespace lastcall::cli
