#include "target/leftovers.hpp"

#include <algorithm>
#include <array>
#include <boost/algorithm/string/case_conv.hpp>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/file.hpp"
#include "base/mounts.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;

// A lock that stays by design, and is taken by flock(2) or fcntl(2): a file next to it tells whose.
struct KeptLock {
  std::string_view name;
  std::string_view next_to;  // how that file's name begins
};
constexpr std::array kKeptLocks{
    KeptLock{"LOCK", "MANIFEST-"},          // LevelDB, RocksDB, Pebble
    KeptLock{"mongod.lock", "WiredTiger"},  // MongoDB
    KeptLock{"write.lock", "segments_"},    // Lucene
    KeptLock{".lock", "meta.properties"},   // Kafka
};

bool is_of_a_database(const fs::path& lock) {
  const auto* const kept = std::ranges::find(kKeptLocks, lock.filename().string(), &KeptLock::name);
  if (kept == kKeptLocks.end()) return false;
  std::error_code gone;
  const fs::directory_iterator folder(lock.parent_path(), gone);
  return std::any_of(begin(folder), end(folder), [kept](const fs::directory_entry& entry) {
    return entry.path().filename().string().starts_with(kept->next_to);
  });
}

// `path`: relative to the target's folder.
std::optional<std::string> leftover_type(const fs::path& path, const fs::directory_entry& entry) {
  std::error_code vanished;
  const auto type = entry.symlink_status(vanished).type();
  if (type == fs::file_type::socket) return "socket";
  if (type == fs::file_type::fifo) return "FIFO";
  if (type != fs::file_type::regular) return std::nullopt;
  const auto name = boost::algorithm::to_lower_copy(path.filename().string());
  if (name == "pid" || name == "pidfile" || name.ends_with(".pid")) return "pid file";
  const bool is_lock =
      name == "lock" || name == "lockfile" || name.ends_with(".lock") || name.ends_with(".lck");
  if (is_lock && !is_of_a_database(entry.path())) return "lock file";
  if (name.ends_with(".tmp") || path.begin()->string() == "tmp") return "temporary file";
  return std::nullopt;
}

}  // namespace

LeftoverSearch find_leftovers(const std::string& directory, const std::set<std::string>& laid_out) {
  LeftoverSearch search;
  std::error_code missing;
  if (fs::is_symlink(directory, missing)) {
    search.problem = "a link has taken the place of {dir}; left files were not searched for";
    return search;
  }
  std::set<std::string> mounts;
  for (const auto& path : mounts_in(directory)) mounts.insert(path);
  std::error_code error;
  const auto without_links = fs::canonical(directory, error);
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    const auto relative = it->path().lexically_relative(directory);
    if (search.looked_at == kMostLookedAt || search.found.size() == kMostLeftovers) {
      search.problem = "the search for left files ended after " + std::to_string(search.looked_at) +
                       " files, " + std::to_string(search.found.size()) + " of which were left";
      return search;
    }
    ++search.looked_at;
    if (passes_by_deep_folder(it))
      search.problem = "folders more than " + std::to_string(kDeepestFolder) +
                       " deep were not searched for left files";
    if (mounts.contains((without_links / relative).string())) {
      it.disable_recursion_pending();
      search.found.push_back({relative.string(), "mount"});
      continue;
    }
    if (laid_out.contains(relative.string())) continue;
    const auto type = leftover_type(relative, *it);
    if (type) search.found.push_back({relative.string(), *type});
  }
  if (error) search.problem = "the search for left files ended early: " + error.message();
  return search;
}

}  // namespace lastcall
