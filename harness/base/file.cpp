#include "base/file.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>

#include "base/scoped_fd.hpp"

namespace lastcall {

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

}  // namespace lastcall
