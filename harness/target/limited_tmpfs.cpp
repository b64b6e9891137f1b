#include "target/limited_tmpfs.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/file.hpp"
#include "base/mounts.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;

std::string size_option(std::uint64_t bytes) {
  // 0 would be no limit, tmpfs(5).
  return "size=" + std::to_string(std::max<std::uint64_t>(bytes, 4096));
}

}  // namespace

Result<LimitedTmpfs> LimitedTmpfs::mount(const std::string& folder, std::uint64_t bytes) {
  const char* advice = "a mount namespace needs root (CAP_SYS_ADMIN)";
  if (::unshare(CLONE_NEWNS) != 0) return Error{"limit the disk", folder, errno, advice};
  // Nobody else is to see it.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return Error{"make mounts private below", "/", errno, advice};
  const auto options = bytes == 0 ? std::string() : size_option(bytes);
  if (::mount("lastcall", folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0)
    return Error{"mount a tmpfs on", folder, errno, advice};
  return LimitedTmpfs(folder);
}

LimitedTmpfs::LimitedTmpfs(LimitedTmpfs&& other) noexcept
    : folder_(std::exchange(other.folder_, "")) {}

LimitedTmpfs::~LimitedTmpfs() {
  if (!folder_.empty()) (void)::umount2(folder_.c_str(), MNT_DETACH);
}

int LimitedTmpfs::resize(std::uint64_t bytes) const {
  // What is in use grows between the two, so that one try may come too late.
  for (int i = 0; i < 10; ++i) {
    struct statvfs now {};
    if (::statvfs(folder_.c_str(), &now) != 0) return errno;
    const std::uint64_t used = (now.f_blocks - now.f_bfree) * now.f_frsize;
    const auto options = size_option(std::max(bytes, used));
    if (::mount("lastcall", folder_.c_str(), "tmpfs", MS_REMOUNT | MS_NOSUID | MS_NODEV,
                options.c_str()) == 0)
      return 0;
    if (errno != EINVAL) break;
  }
  return errno;
}

Result<void> LimitedTmpfs::preserve_files() {
  const auto folder = std::exchange(folder_, "");
  const auto copy = folder + ".kept";
  // What the target has mounted in it, or over it, is no file of its own.
  if (auto unmounted = unmount_in(folder, 1); !unmounted) return unmounted.error();
  auto copied = copy_tree(folder, copy);
  if (::umount2(folder.c_str(), MNT_DETACH) != 0) return Error{"unmount", folder, errno, ""};
  std::error_code ec;
  fs::remove(folder, ec);
  fs::rename(copy, folder, ec);
  if (ec) return Error{"move", copy, ec.value(), ""};
  return copied;
}

}  // namespace lastcall
