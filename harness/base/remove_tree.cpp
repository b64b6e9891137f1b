#include "base/remove_tree.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <filesystem>

#include "base/file.hpp"
#include "base/mounts.hpp"
#include "base/scoped_fd.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;

// 0 or errno. Only regular files and folders can have the flags.
int lift_flags(const std::string& path) {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_TYPE, &status) != 0) return errno;
  if ((status.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) == 0) return 0;
  const ScopedFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  int flags = 0;
  if (!file || ::ioctl(file.get(), FS_IOC_GETFLAGS, &flags) != 0) return errno;
  flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
  return ::ioctl(file.get(), FS_IOC_SETFLAGS, &flags) == 0 ? 0 : errno;
}

// Folders that lie too deep become folders of a new one in `folder`, so that whoever removes it
// need not go down there. Each is looked through once.
void raise_deep_folders(const std::string& folder) {
  if (folder.size() > PATH_MAX / 2) return;  // then the new one would lie too deep itself
  constexpr auto kReadable = fs::directory_options::skip_permission_denied;
  auto above = folder + "/raised-XXXXXX";
  const auto raised = [&above](unsigned number) { return above + "/" + std::to_string(number); };
  unsigned last = 0;
  for (unsigned number = 0; number <= last; ++number) {
    std::error_code ec;
    for (fs::recursive_directory_iterator it(number == 0 ? folder : raised(number), kReadable, ec),
         end;
         !ec && it != end; it.increment(ec)) {
      if (!passes_by_deep_folder(it)) continue;
      if (last == 0 && ::mkdtemp(above.data()) == nullptr) return;
      (void)::rename(it->path().c_str(), raised(++last).c_str());
    }
  }
}

bool is_folder(const fs::path& path) {
  std::error_code gone;
  return fs::symlink_status(path, gone).type() == fs::file_type::directory;
}

// As much of it as can be, from its leaves up. `stays` becomes the first thing that cannot.
void remove_with_force(const fs::path& path, Result<void>& stays) {
  (void)lift_flags(path.string());
  std::error_code ec;
  if (is_folder(path)) {
    fs::permissions(path, fs::perms::owner_all, fs::perm_options::add, ec);
    for (fs::directory_iterator it(path, ec), end; !ec && it != end; it.increment(ec))
      remove_with_force(it->path(), stays);
  }
  fs::remove(path, ec);
  if (ec && stays) stays = Error{"remove", path.string(), ec.value(), "remove it by hand"};
}

}  // namespace

Result<void> make_removable(const std::string& folder) {
  // Below what stays mounted nobody's files are to be changed.
  if (auto unmounted = unmount_in(folder); !unmounted) return unmounted.error();
  Result<void> done;
  const auto lift = [&done](const std::string& path) {
    if (const int error = lift_flags(path); error != 0 && error != ENOENT && done)
      done = Error{"change the flags of", path, error, "as root: chattr -i -a, and remove it"};
  };
  if (!is_folder(folder)) return {};
  lift(folder);
  constexpr auto kReadable = fs::directory_options::skip_permission_denied;
  std::error_code ec;
  for (fs::recursive_directory_iterator it(folder, kReadable, ec), end; !ec && it != end;
       it.increment(ec)) {
    lift(it->path().string());
    if (passes_by_deep_folder(it) && done)
      done = Error{"look for flags below", it->path().string(), 0, "it lies too deep"};
  }
  return done;
}

Result<void> remove_tree(const std::string& folder) {
  if (auto unmounted = unmount_in(folder); !unmounted) return unmounted.error();
  if (is_folder(folder)) raise_deep_folders(folder);
  std::error_code ec;
  fs::remove_all(folder, ec);
  if (!ec) return {};
  Result<void> stays;
  remove_with_force(folder, stays);
  return stays;
}

}  // namespace lastcall
