#include "target/leftovers.hpp"

#include <filesystem>
#include <optional>

namespace lastcall {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> leftover_type(const fs::path& path, fs::file_type type) {
  if (type == fs::file_type::socket) return "socket";
  if (type == fs::file_type::fifo) return "FIFO";
  if (type != fs::file_type::regular) return std::nullopt;
  const auto extension = path.extension().string();
  if (extension == ".pid") return "pid file";
  if (extension == ".lock" || extension == ".lck") return "lock file";
  if (extension == ".tmp" || path.begin()->string() == "tmp") return "temporary file";
  return std::nullopt;
}

}  // namespace

LeftoverSearch find_leftovers(const std::string& directory, const std::set<std::string>& laid_out) {
  LeftoverSearch search;
  std::error_code error;
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const auto relative = it->path().lexically_relative(directory);
    ++search.looked_at;
    if (laid_out.contains(relative.string())) continue;
    std::error_code vanished;
    const auto type = leftover_type(relative, it->symlink_status(vanished).type());
    if (type) search.found.push_back({relative.string(), *type});
  }
  if (error) search.problem = "the search for left files ended early: " + error.message();
  return search;
}

}  // namespace lastcall
