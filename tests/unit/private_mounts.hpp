// Mounts that only this test program sees.
#pragma once

#include <sched.h>
#include <sys/mount.h>

#include <string>

namespace lastcall::testing {

class PrivateMounts {
 public:
  PrivateMounts()
      : are_private_(::unshare(CLONE_NEWNS) == 0 &&
                     ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) {}
  // Otherwise nothing can be mounted: that needs root.
  [[nodiscard]] bool are_private() const { return are_private_; }
  [[nodiscard]] bool bind(const std::string& what, const std::string& where) const {
    return are_private_ && ::mount(what.c_str(), where.c_str(), nullptr, MS_BIND, nullptr) == 0;
  }

 private:
  bool are_private_;
};

}  // namespace lastcall::testing
