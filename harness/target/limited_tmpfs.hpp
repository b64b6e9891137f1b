// A tmpfs of a stated size over a folder, in a mount namespace that only this process and its
// children see: what is in it goes with them, unless preserve_files() is called.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace lastcall {

class LimitedTmpfs {
 public:
  // Mounts over `folder`, or what it is a link to, which is there and empty. `bytes`: 0 is what the
  // kernel gives unasked, half of the memory. Unshares the mount namespace of this process.
  static Result<LimitedTmpfs> mount(const std::string& folder, std::uint64_t bytes);
  LimitedTmpfs(LimitedTmpfs&& other) noexcept;
  LimitedTmpfs& operator=(LimitedTmpfs&&) = delete;
  // Unmounts; what is in it is gone.
  ~LimitedTmpfs();

  // 0 or errno. Below what is in use the disk is just full.
  [[nodiscard]] int resize(std::uint64_t bytes) const;
  // Unmounts, with copies of the files and folders left where it was. Sockets, FIFOs and devices
  // are not copied, nor what somebody has mounted in it.
  Result<void> preserve_files();

 private:
  explicit LimitedTmpfs(std::string folder) : folder_(std::move(folder)) {}
  std::string folder_;  // empty: not mounted any more
};

}  // namespace lastcall
