#include "target/leftovers.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>

namespace lastcall {
namespace {

namespace fs = std::filesystem;

// LevelDB, RocksDB and Pebble keep their lock by design; the list of their files lies next to it.
bool is_of_a_database(const fs::path& lock) {
  std::error_code gone;
  const fs::directory_iterator folder(lock.parent_path(), gone);
  return std::any_of(begin(folder), end(folder), [](const fs::directory_entry& entry) {
    return entry.path().filename().string().starts_with("MANIFEST-");
  });
}

// `path`: relative to the target's folder.
std::optional<std::string> leftover_type(const fs::path& path, const fs::directory_entry& entry) {
  std::error_code vanished;
  const auto type = entry.symlink_status(vanished).type();
  if (type == fs::file_type::socket) return "socket";
  if (type == fs::file_type::fifo) return "FIFO";
  if (type != fs::file_type::regular) return std::nullopt;
  auto name = path.filename().string();
  const bool is_kept = name == "LOCK" && is_of_a_database(entry.path());
  std::ranges::transform(name, name.begin(),
                         [](unsigned char byte) { return static_cast<char>(std::tolower(byte)); });
  if (name == "pid" || name == "pidfile" || name.ends_with(".pid")) return "pid file";
  const bool is_lock =
      name == "lock" || name == "lockfile" || name.ends_with(".lock") || name.ends_with(".lck");
  if (is_lock && !is_kept) return "lock file";
  if (name.ends_with(".tmp") || path.begin()->string() == "tmp") return "temporary file";
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
    const auto type = leftover_type(relative, *it);
    if (type) search.found.push_back({relative.string(), *type});
  }
  if (error) search.problem = "the search for left files ended early: " + error.message();
  return search;
}

}  // namespace lastcall
