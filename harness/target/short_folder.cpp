#include "target/short_folder.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "base/mounts.hpp"
#include "base/remove_tree.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;

// Together with "/tmp/" and 41 bytes for a name: what a socket's path may have.
constexpr std::size_t kLongestFolder = 60;
constexpr std::string_view kFolderPrefix = "lastcall-";

// In the file system of the results a trial's folders need not be copied; in another one a target
// should be able to run what it writes.
int suitability(const std::string& place, const std::string& results) {
  struct stat there {};
  struct stat here {};
  struct statvfs mounted {};
  if (::stat(place.c_str(), &there) != 0 || ::statvfs(place.c_str(), &mounted) != 0) return 0;
  if (::stat(results.c_str(), &here) == 0 && here.st_dev == there.st_dev) return 2;
  return (mounted.f_flag & ST_NOEXEC) == 0 ? 1 : 0;
}

// Without links.
std::vector<std::string> places_of_short_folders() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  std::vector<std::string> places;
  for (const char* place : {"/tmp", "/var/tmp", runtime}) {
    std::error_code missing;
    const auto found = place == nullptr ? fs::path() : fs::canonical(place, missing);
    if (place != nullptr && !missing) places.push_back(found.string());
  }
  return places;
}

Result<void> move_to(const fs::path& folder, const fs::path& link) {
  const fs::path moved = link.string() + ".kept";
  std::error_code ec;
  (void)remove_tree(moved);  // an earlier try was cut short
  fs::rename(folder, moved, ec);
  auto copied = ec ? copy_tree(folder, moved) : Result<void>();
  fs::remove(link, ec);
  fs::rename(moved, link, ec);
  if (ec) return Error{"move", moved.string(), ec.value(), ""};
  return copied;
}

}  // namespace

bool needs_short_name(const std::string& folder) {
  std::error_code ec;
  const auto without_links = fs::weakly_canonical(folder, ec).string();
  return std::max(folder.size(), without_links.size()) > kLongestFolder;
}

std::string make_short_folder(const std::string& results) {
  auto places = places_of_short_folders();
  std::ranges::stable_sort(places, std::ranges::greater(),
                           [&](const auto& place) { return suitability(place, results); });
  for (const auto& place : places) {
    auto path = place + "/" + std::string(kFolderPrefix) + "XXXXXX";
    if (needs_short_name(path + "/target")) continue;
    if (::mkdtemp(path.data()) != nullptr) return path;
  }
  return {};
}

Result<void> make_folder(const std::string& folder, const std::string& place) {
  std::error_code ec;
  fs::create_directories(folder, ec);
  if (!ec && folder != place) fs::create_directory_symlink(folder, place, ec);
  if (ec) return Error{"create", place, ec.value(), ""};
  return {};
}

Result<void> give_back(const std::string& short_folder, const std::string& directory) {
  std::error_code ec;
  std::error_code missing;
  // What stays mounted must be neither moved nor copied.
  if (auto unmounted = unmount_in(short_folder); !unmounted) return unmounted.error();
  Result<void> given;
  for (fs::directory_iterator it(short_folder, ec), end; !ec && it != end; it.increment(ec)) {
    const auto link = fs::path(directory) / it->path().filename();
    if (!fs::is_symlink(link, missing)) continue;
    if (auto moved = move_to(it->path(), link); !moved) given = moved.error();
  }
  return given;
}

Result<void> give_back_linked(const std::string& directory) {
  std::error_code none;
  const auto link = fs::read_symlink(fs::path(directory) / "target", none);
  const auto folder = link.parent_path();
  // The target may have put a link of its own in place of {dir}.
  const bool is_own =
      !none && link.filename() == "target" &&
      std::ranges::count(places_of_short_folders(), folder.parent_path().string()) > 0 &&
      folder.filename().string().starts_with(kFolderPrefix);
  if (!is_own) return {};
  if (auto given = give_back(folder.string(), directory); !given) return given.error();
  return remove_tree(folder.string());
}

}  // namespace lastcall
