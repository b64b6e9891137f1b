#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "base/scoped_fd.hpp"

namespace lastcall {

namespace fs = std::filesystem;

// Without streams: they throw on some errors and hide others.
Result<std::string> read_file(const std::string& path) {
  const ScopedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Error{"read", path, errno, ""};
  std::string text;
  std::array<char, 65536> block{};
  for (;;) {
    const auto n = ::read(file.get(), block.data(), block.size());
    if (n == 0) return text;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error{"read", path, errno, ""};
    text.append(block.data(), static_cast<std::size_t>(n));
  }
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
