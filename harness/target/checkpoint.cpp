#include "target/checkpoint.hpp"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fnmatch.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <filesystem>
#include <set>
#include <string_view>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/mounts.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kMaxFiles = 100;
constexpr std::uintmax_t kMaxBytes = std::uintmax_t{256} << 20;
// An integrity check reads every page: 256 MiB take a few seconds.
constexpr auto kCheckLimit = std::chrono::seconds(20);
// Far deeper than anybody nests on purpose.
constexpr std::size_t kMaxDepth = 1000;
constexpr std::array<std::string_view, 3> kCompanions{"-wal", "-journal", "-shm"};

bool is_companion(const std::string& path) {
  return std::ranges::any_of(kCompanions, [&](auto suffix) { return path.ends_with(suffix); });
}

std::string json_problem(const std::string& text) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::stream_parser parser(json::storage_ptr(), options);
  boost::system::error_code failed;
  const auto read = parser.write_some(text.data(), text.size(), failed);
  if (!failed && read < text.size()) {
    if (text.find_first_not_of(" \t\r\n", read) == std::string::npos) return {};
    failed = json::error::extra_data;
  }
  if (!failed) parser.finish(failed);
  if (!failed) return {};
  return "no whole JSON value: " + failed.message() + " at byte " + std::to_string(read) + " of " +
         std::to_string(text.size());
}

int stop_when_late(void* deadline) { return now() > *static_cast<TimePoint*>(deadline) ? 1 : 0; }

// Failures that lie in this machine and not in the file.
bool is_environment(int code) {
  switch (code & 0xFF) {
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
    case SQLITE_FULL:
    case SQLITE_PERM:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return true;
    default:
      return false;
  }
}

Result<std::string> sqlite_problem(const std::string& file) {
  auto deadline = now() + kCheckLimit;
  try {
    const SQLite::Database database(file, SQLite::OPEN_READWRITE);
    sqlite3_progress_handler(database.getHandle(), 10'000, stop_when_late, &deadline);
    SQLite::Statement check(database, "PRAGMA integrity_check(1)");
    (void)check.executeStep();
    const auto said = check.getColumn(0).getString();
    return said == "ok" ? std::string() : "integrity_check: " + said;
  } catch (const SQLite::Exception& error) {
    if (is_environment(error.getErrorCode())) return Error{"inspect", file, 0, error.what()};
    return std::string("no sound SQLite database: ") + error.what();
  }
}

}  // namespace

CheckpointFiles find_checkpoints(const std::string& directory,
                                 const std::vector<std::string>& globs, const std::string& format) {
  CheckpointFiles files;
  std::set<std::string> found;
  std::set<std::string> matched;
  const auto mounts = mounts_in(directory);
  bool too_deep = false;
  std::error_code error;
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    too_deep = passes_by_deep_folder(it) || too_deep;
    std::error_code vanished;
    if (!mounts.empty() &&
        std::ranges::count(mounts, fs::canonical(it->path(), vanished).string()) > 0)
      it.disable_recursion_pending();
    if (it->symlink_status(vanished).type() != fs::file_type::regular) continue;
    const auto path = it->path().lexically_relative(directory).string();
    if (format == "sqlite" && is_companion(path)) continue;
    for (const auto& glob : globs) {
      if (::fnmatch(glob.c_str(), path.c_str(), 0) != 0) continue;
      found.insert(path);
      matched.insert(glob);
    }
  }
  if (too_deep)
    files.problem = "folders more than " + std::to_string(kDeepestFolder) +
                    " deep were not searched for checkpoints";
  if (error) files.problem = "the search for checkpoints ended early: " + error.message();
  for (const auto& path : found) {
    if (files.found.size() < kMaxFiles) files.found.push_back(path);
  }
  if (found.size() > kMaxFiles) {
    files.problem = "only " + std::to_string(kMaxFiles) + " of " + std::to_string(found.size()) +
                    " checkpoint files are inspected";
  }
  // One that was not found may be there, unless the folder itself is gone.
  if (too_deep || (error && error != std::errc::no_such_file_or_directory)) return files;
  for (const auto& glob : globs) {
    if (!matched.contains(glob)) files.missing.push_back(glob);
  }
  return files;
}

Result<std::string> copy_checkpoint(const std::string& file, const std::string& scratch,
                                    const std::string& format) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error) return Error{"read", file, error.value(), ""};
  if (size > kMaxBytes) return Error{"inspect", file, 0, "it is larger than 256 MiB"};
  fs::remove_all(scratch, error);
  fs::create_directories(scratch, error);
  if (error) return Error{"create", scratch, error.value(), ""};
  const auto copy = fs::path(scratch) / fs::path(file).filename();
  fs::copy_file(file, copy, error);
  if (error) return Error{"copy", file, error.value(), ""};
  if (format != "sqlite") return copy.string();
  for (const auto suffix : kCompanions) {
    const auto companion = file + std::string(suffix);
    if (!fs::exists(companion, error)) continue;
    fs::copy_file(companion, copy.string() + std::string(suffix), error);
    if (error) return Error{"copy", companion, error.value(), ""};
  }
  return copy.string();
}

Result<std::string> inspect_checkpoint(const std::string& copy, const std::string& format) {
  if (format == "sqlite") return sqlite_problem(copy);
  auto text = read_file(copy);
  if (!text) return text.error();
  return json_problem(*text);
}

}  // namespace lastcall
