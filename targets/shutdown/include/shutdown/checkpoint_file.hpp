// Bytes saved so that a crash, a power cut or a full disk at any moment leaves a whole checkpoint:
// either the new or the last one. Owned by a StateManager; one process writes a checkpoint. save()
// and load() may be called from any thread and take turns.
//
//   NAME           the checkpoint
//   NAME.previous  the one before it, kept for the case that NAME is damaged later
//   NAME.tmp, NAME.previous.tmp  while it is being written; a stale one is removed at start
//
// A file is: "SHUTCKPT", format version (4 bytes), version of the state (4), length of the payload
// (8), CRC32C of all but these four bytes (4), payload. Numbers are little-endian. CRC32C is that
// of RFC 3720, appendix B.4.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "shutdown/file_operations.hpp"
#include "shutdown/result.hpp"

namespace graceful::shutdown {

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

struct CheckpointBytes {
  std::uint32_t version = 0;  // of the state, as given to save()
  std::string bytes;
};

class CheckpointFile {
 public:
  // Larger states belong into a database; it also bounds what a damaged file can make us read.
  static constexpr std::uint64_t kSizeLimit = 256U << 20;

  // Removes stale temporary files. `files` must outlive this object.
  explicit CheckpointFile(std::string path, FileOperations& files = system_files());

  // An error leaves no temporary file and NAME or NAME.previous whole.
  Result<void> save(const CheckpointBytes& state);

  enum class Source { current, previous };
  // The bytes of one of the files; nothing if it is not there; an error if it is damaged.
  Result<std::optional<CheckpointBytes>> load(Source source);

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  Result<std::optional<CheckpointBytes>> load_locked(const std::string& path);
  Result<void> write_temporary(const std::string& bytes);
  Result<void> keep_previous();
  Result<void> sync_directory();

  std::string path_;
  FileOperations& files_;
  std::mutex mutex_;
  // A damaged NAME must not push a good NAME.previous out.
  std::optional<bool> current_is_good_;
};

}  // namespace graceful::shutdown
