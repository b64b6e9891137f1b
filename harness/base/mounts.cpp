#include "base/mounts.hpp"

#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <ranges>
#include <sstream>

#include "base/file.hpp"

namespace lastcall {
namespace {

// proc(5): "\040" for a space, and so a tab, a newline and a backslash.
std::string unescaped(const std::string& field) {
  std::string path;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size()) {
      path += static_cast<char>(std::stoi(field.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      path += field[i];
    }
  }
  return path;
}

}  // namespace

std::vector<std::string> mounts_in(const std::string& folder) {
  std::error_code missing;
  const auto wanted = std::filesystem::canonical(folder, missing).string();
  const auto text = missing ? Result<std::string>(Error{}) : read_file("/proc/self/mountinfo");
  std::vector<std::string> found;
  if (!text) return found;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    // "36 35 98:0 /its/root /where/it/is rw,noatime …"
    std::istringstream fields(line);
    std::string field;
    for (int i = 0; i < 5; ++i) fields >> field;
    auto path = unescaped(field);
    if (path == wanted || path.starts_with(wanted + "/")) found.push_back(std::move(path));
  }
  return found;
}

Result<void> unmount_in(const std::string& folder, std::size_t own) {
  // A mount can hide others, which are found once it is gone.
  constexpr int kRounds = 3;
  for (int round = 0; round < kRounds; ++round) {
    auto mounts = mounts_in(folder);
    std::error_code missing;
    const auto itself = std::filesystem::canonical(folder, missing).string();
    std::size_t seen = 0;
    std::erase_if(mounts, [&](const auto& path) { return path == itself && seen++ < own; });
    if (mounts.empty()) return {};
    for (const auto& path : mounts | std::views::reverse) {
      if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) continue;
      const int why = errno;
      if (round + 1 < kRounds) continue;
      return Error{"unmount", path, why, "unmount it, and remove the folder"};
    }
  }
  return {};
}

}  // namespace lastcall
