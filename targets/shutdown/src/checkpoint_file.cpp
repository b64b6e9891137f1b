#include "shutdown/checkpoint_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace graceful::shutdown {
namespace {

constexpr std::string_view kMagic = "SHUTCKPT";
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::size_t kChecksumAt = 8 + 4 + 4 + 8;
constexpr std::size_t kHeaderSize = kChecksumAt + 4;

void append_number(std::string& to, std::uint64_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) to.push_back(static_cast<char>((number >> (8 * i)) & 0xFF));
}

std::uint64_t number_at(std::string_view bytes, std::size_t at, int size) {
  std::uint64_t number = 0;
  for (int i = size - 1; i >= 0; --i) {
    number = number << 8 | static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)]);
  }
  return number;
}

std::uint32_t checksum_of(std::string_view file) {
  return crc32c(file.substr(kHeaderSize), crc32c(file.substr(0, kChecksumAt)));
}

std::string encode(const CheckpointBytes& state) {
  std::string file(kMagic);
  file.reserve(kHeaderSize + state.bytes.size());
  append_number(file, kFormatVersion, 4);
  append_number(file, state.version, 4);
  append_number(file, state.bytes.size(), 8);
  append_number(file, 0, 4);
  file += state.bytes;
  const auto checksum = checksum_of(file);
  for (int i = 0; i < 4; ++i) {
    file[kChecksumAt + static_cast<std::size_t>(i)] = static_cast<char>(checksum >> (8 * i));
  }
  return file;
}

Result<CheckpointBytes> decode(std::string_view file, const std::string& path) {
  const auto damaged = [&](const char* how) { return Error("use checkpoint", path, 0, how); };
  if (file.size() < kHeaderSize) return damaged("it is cut off in its header");
  if (file.substr(0, kMagic.size()) != kMagic) return damaged("it is not a checkpoint");
  if (number_at(file, 8, 4) != kFormatVersion) return damaged("its format version is unknown");
  if (number_at(file, 16, 8) != file.size() - kHeaderSize) return damaged("its length is wrong");
  if (number_at(file, kChecksumAt, 4) != checksum_of(file)) return damaged("its checksum is wrong");
  return CheckpointBytes{static_cast<std::uint32_t>(number_at(file, 12, 4)),
                         std::string(file.substr(kHeaderSize))};
}

// An open file of a FileOperations; closed once.
class OpenFile {
 public:
  OpenFile(FileOperations& files, int fd) : files_(files), fd_(fd) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() { close(); }
  // 0 or the negated errno: a network file system says only here that a write failed. After EINTR
  // the descriptor is closed on Linux, close(2).
  int close() {
    if (fd_ < 0) return 0;
    const int result = files_.close(std::exchange(fd_, -1));
    return result == -EINTR ? 0 : result;
  }

 private:
  FileOperations& files_;
  int fd_;
};

int open_file(FileOperations& files, const std::string& path, int flags) {
  int fd = 0;
  do {
    fd = files.open(path, flags | O_CLOEXEC, 0600);  // a state may hold secrets
  } while (fd == -EINTR);
  return fd;
}

int sync_file(FileOperations& files, int fd) {
  int result = 0;
  do {
    result = files.sync(fd);
  } while (result == -EINTR);
  return result;
}

int write_all(FileOperations& files, int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = files.write(fd, bytes.data(), bytes.size());
    if (written == -EINTR) continue;
    if (written < 0) return static_cast<int>(written);
    if (written == 0) return -EIO;  // write(2) promises progress for regular files
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string previous_of(const std::string& path) { return path + ".previous"; }
std::string temporary_of(const std::string& path) { return path + ".tmp"; }

}  // namespace

CheckpointFile::CheckpointFile(std::string path, FileOperations& files)
    : path_(std::move(path)), files_(files) {
  // That none is there is the rule; one that cannot be removed fails the next save, which says so.
  files_.unlink(temporary_of(path_));
  files_.unlink(temporary_of(previous_of(path_)));
}

Result<void> CheckpointFile::save(const CheckpointBytes& state) {
  const std::lock_guard lock(mutex_);
  if (state.bytes.size() > kSizeLimit) return Error("save", path_, EFBIG);
  const auto temporary = temporary_of(path_);
  auto saved = write_temporary(encode(state));
  if (saved) saved = keep_previous();
  if (saved) {
    if (const int failed = files_.rename(temporary, path_); failed < 0) {
      saved = Error("rename into place", path_, -failed);
    } else {
      current_is_good_ = true;
    }
  }
  if (!saved) {
    files_.unlink(temporary);
    return saved;
  }
  return sync_directory();
}

Result<void> CheckpointFile::write_temporary(const std::string& bytes) {
  const auto path = temporary_of(path_);
  const int fd = open_file(files_, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
  if (fd < 0) return Error("create", path, -fd);
  OpenFile file(files_, fd);
  if (const int failed = write_all(files_, fd, bytes); failed < 0) {
    return Error("write", path, -failed);
  }
  if (const int failed = sync_file(files_, fd); failed < 0) return Error("sync", path, -failed);
  if (const int failed = file.close(); failed < 0) return Error("close", path, -failed);
  return {};
}

// Makes a good NAME also NAME.previous, so that at no moment one of the two is not there.
Result<void> CheckpointFile::keep_previous() {
  if (!current_is_good_) {
    const auto current = load_locked(path_);
    current_is_good_ = current && *current;
  }
  if (!*current_is_good_) return {};
  const auto previous = previous_of(path_);
  const auto temporary = temporary_of(previous);
  files_.unlink(temporary);
  int failed = files_.link(path_, temporary);
  if (failed == -EPERM || failed == -EOPNOTSUPP || failed == -ENOSYS || failed == -EMLINK) {
    // A file system without hard links: for a moment there is only NAME.previous, which is whole.
    failed = files_.rename(path_, previous);
    if (failed < 0) return Error("rename", path_, -failed);
    current_is_good_ = false;  // until the new one is in place
    return {};
  }
  if (failed < 0) return Error("link", temporary, -failed);
  failed = files_.rename(temporary, previous);
  // rename(2) does nothing if both are the same file already, so the name may still be there.
  files_.unlink(temporary);
  if (failed < 0) return Error("rename into place", previous, -failed);
  return {};
}

Result<void> CheckpointFile::sync_directory() {
  const auto directory = directory_of(path_);
  const int fd = open_file(files_, directory, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return Error("open", directory, -fd);
  OpenFile file(files_, fd);
  if (const int failed = sync_file(files_, fd); failed < 0) {
    return Error("sync", directory, -failed);
  }
  return {};
}

Result<std::optional<CheckpointBytes>> CheckpointFile::load(Source source) {
  const std::lock_guard lock(mutex_);
  auto loaded = load_locked(source == Source::current ? path_ : previous_of(path_));
  if (source == Source::current) current_is_good_ = loaded && *loaded;
  return loaded;
}

Result<std::optional<CheckpointBytes>> CheckpointFile::load_locked(const std::string& path) {
  const int fd = open_file(files_, path, O_RDONLY);
  if (fd == -ENOENT) return std::optional<CheckpointBytes>();
  if (fd < 0) return Error("open", path, -fd);
  const OpenFile file(files_, fd);
  std::string bytes;
  std::array<char, 65536> part;
  while (true) {
    const auto got = files_.read(fd, part.data(), part.size());
    if (got == -EINTR) continue;
    if (got < 0) return Error("read", path, static_cast<int>(-got));
    if (got == 0) break;
    bytes.append(part.data(), static_cast<std::size_t>(got));
    if (bytes.size() > kHeaderSize + kSizeLimit) return Error("use checkpoint", path, EFBIG);
  }
  auto decoded = decode(bytes, path);
  if (!decoded) return decoded.error();
  return std::optional<CheckpointBytes>(std::move(*decoded));
}

}  // namespace graceful::shutdown
