// Takes a capability away from this thread, and from those that it starts, for a while.
#pragma once

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace lastcall::testing {

class WithoutCapability {
 public:
  explicit WithoutCapability(unsigned capability) {
    ::syscall(SYS_capget, &header_, before_);
    __user_cap_data_struct data[2] = {before_[0], before_[1]};
    data[capability / 32].effective &= ~(1U << (capability % 32));
    ::syscall(SYS_capset, &header_, data);
  }
  WithoutCapability(const WithoutCapability&) = delete;
  ~WithoutCapability() { ::syscall(SYS_capset, &header_, before_); }

 private:
  __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct before_[2]{};
};

}  // namespace lastcall::testing
