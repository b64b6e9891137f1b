#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <system_error>

#include "base/scoped_fd.hpp"

namespace lastcall {

namespace fs = std::filesystem;

namespace {

// Without streams: they throw on some errors and hide others.
Result<std::string> read_all(const ScopedFd& file, const std::string& path, std::size_t limit) {
  std::string text;
  struct stat status {};
  if (::fstat(file.get(), &status) == 0)
    text.reserve(std::min(static_cast<std::size_t>(status.st_size), limit));
  std::array<char, 65536> block{};
  while (text.size() <= limit) {
    const auto n = ::read(file.get(), block.data(), block.size());
    if (n == 0) return text;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error{"read", path, errno, ""};
    text.append(block.data(), static_cast<std::size_t>(n));
  }
  return Error{"read", path, EFBIG, "at most " + std::to_string(limit >> 20U) + " MiB are read"};
}

// 0 or errno.
int write_all(const ScopedFd& file, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(file.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

// Where there are holes (lseek(2), SEEK_DATA), the copy has them, too: a file of a tebibyte may
// take no room at all. 0 or errno.
int copy_with_holes(const std::string& from, const std::string& to) {
  const ScopedFd in(::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!in || ::fstat(in.get(), &status) != 0) return errno;
  const ScopedFd out(
      ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, status.st_mode & 07777U));
  if (!out || ::fchmod(out.get(), status.st_mode & 07777U) != 0 ||
      ::ftruncate(out.get(), status.st_size) != 0)
    return errno;
  std::array<char, 65536> block{};
  for (off_t end = 0;;) {
    const auto begin = ::lseek(in.get(), end, SEEK_DATA);
    if (begin < 0) return errno == ENXIO ? 0 : errno;
    end = ::lseek(in.get(), begin, SEEK_HOLE);
    if (end < 0 || ::lseek(in.get(), begin, SEEK_SET) < 0 ||
        ::lseek(out.get(), begin, SEEK_SET) < 0)
      return errno;
    for (auto left = end - begin; left > 0;) {
      const auto n =
          ::read(in.get(), block.data(), std::min(block.size(), static_cast<std::size_t>(left)));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno;
      if (n == 0) return 0;  // somebody has cut it meanwhile
      const auto size = static_cast<std::size_t>(n);
      if (const int error = write_all(out, {block.data(), size}); error != 0) return error;
      left -= n;
    }
  }
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const ScopedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Error{"read", path, errno, ""};
  return read_all(file, path, SIZE_MAX - 1);
}

Result<ScopedFd> open_regular(const std::string& path) {
  ScopedFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return Error{"read", path, errno, ""};
  if (S_ISDIR(status.st_mode)) return Error{"read", path, EISDIR, ""};
  if (!S_ISREG(status.st_mode)) return Error{"read", path, 0, "it is no regular file"};
  return file;
}

Result<std::string> read_regular(const std::string& path, std::size_t limit) {
  const auto file = open_regular(path);
  if (!file) return file.error();
  return read_all(*file, path, limit);
}

Result<void> write_regular(const std::string& path, std::string_view text) {
  const ScopedFd file(::open(
      path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return Error{"write", path, errno, ""};
  if (!S_ISREG(status.st_mode)) return Error{"write", path, 0, "it is no regular file"};
  if (::ftruncate(file.get(), 0) != 0) return Error{"write", path, errno, ""};
  if (const int error = write_all(file, text); error != 0) return Error{"write", path, error, ""};
  return {};
}

bool passes_by_deep_folder(fs::recursive_directory_iterator& walk) {
  // With room for one more name.
  constexpr std::size_t kLongestPath = PATH_MAX - NAME_MAX - 64;
  const auto& path = walk->path().native();
  std::error_code gone;
  if (walk.depth() + 1 < kDeepestFolder && path.size() < kLongestPath) return false;
  if (walk->symlink_status(gone).type() != fs::file_type::directory) return false;
  walk.disable_recursion_pending();
  return true;
}

Result<void> copy_tree(const fs::path& from, const fs::path& to) {
  constexpr auto kReadable = fs::directory_options::skip_permission_denied;
  Result<void> copied;
  std::error_code ec;
  fs::create_directory(to, from, ec);
  for (fs::recursive_directory_iterator it(from, kReadable, ec), end; !ec && it != end;
       it.increment(ec)) {
    if (passes_by_deep_folder(it)) {
      copied = Error{"keep a copy of", it->path().string(), 0, "it lies too deep"};
      continue;
    }
    const auto target = to / it->path().lexically_relative(from);
    std::error_code gone;
    const auto type = it->symlink_status(gone).type();
    if (type == fs::file_type::directory) {
      fs::create_directory(target, ec);
    } else if (type == fs::file_type::symlink) {
      fs::copy_symlink(it->path(), target, ec);
    } else if (type == fs::file_type::regular) {
      ec.assign(copy_with_holes(it->path(), target), std::generic_category());
    } else if (type == fs::file_type::socket || type == fs::file_type::fifo) {
      // Nobody listens there; that it was left is what matters.
      const mode_t kind = type == fs::file_type::socket ? S_IFSOCK : S_IFIFO;
      (void)::mknod(target.c_str(), kind | 0600, 0);
    }
    if (ec == std::errc::permission_denied) ec.clear();
    if (ec) return Error{"keep a copy of", it->path().string(), ec.value(), ""};
  }
  if (ec) return Error{"keep a copy of", from.string(), ec.value(), ""};
  return copied;
}

}  // namespace lastcall
