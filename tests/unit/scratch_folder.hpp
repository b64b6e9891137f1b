// A fresh folder for one test, removed with it.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace lastcall::testing {

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = parent() / "lastcall-test-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& content = "") const {
    const auto path = *this / name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << content;
    return path;
  }

 private:
  // TMPDIR, if it is there, every user may enter it, and the path of a socket below it is not too
  // long (107 bytes, unix(7)); else /tmp.
  static std::filesystem::path parent() {
    namespace fs = std::filesystem;
    std::error_code missing;
    const auto wanted = fs::temp_directory_path(missing);
    if (missing || wanted.native().size() > 40) return "/tmp";
    for (auto above = wanted; above.has_relative_path(); above = above.parent_path()) {
      const auto found = fs::status(above, missing).permissions();
      if (missing || (found & fs::perms::others_exec) == fs::perms::none) return "/tmp";
    }
    return wanted;
  }

  std::string path_;
};

inline std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}

}  // namespace lastcall::testing
