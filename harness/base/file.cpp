#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

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

Result<void> copy_tree(const fs::path& from, const fs::path& to) {
  constexpr auto kReadable = fs::directory_options::skip_permission_denied;
  std::error_code ec;
  fs::create_directory(to, from, ec);
  for (fs::recursive_directory_iterator it(from, kReadable, ec), end; !ec && it != end;
       it.increment(ec)) {
    const auto target = to / it->path().lexically_relative(from);
    std::error_code gone;
    const auto type = it->symlink_status(gone).type();
    if (type == fs::file_type::directory) {
      fs::create_directory(target, ec);
    } else if (type == fs::file_type::symlink) {
      fs::copy_symlink(it->path(), target, ec);
    } else if (type == fs::file_type::regular) {
      fs::copy_file(it->path(), target, ec);
    } else if (type == fs::file_type::socket || type == fs::file_type::fifo) {
      // Nobody listens there; that it was left is what matters.
      const mode_t kind = type == fs::file_type::socket ? S_IFSOCK : S_IFIFO;
      (void)::mknod(target.c_str(), kind | 0600, 0);
    }
    if (ec == std::errc::permission_denied) ec.clear();
    if (ec) return Error{"keep a copy of", it->path().string(), ec.value(), ""};
  }
  if (ec) return Error{"keep a copy of", from.string(), ec.value(), ""};
  return {};
}

}  // namespace lastcall
