// Leaves this process, and what it forks, that many free descriptors for a while.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>

namespace lastcall::testing {

class FewDescriptors {
 public:
  explicit FewDescriptors(int left) {
    ::getrlimit(RLIMIT_NOFILE, &usual_);
    rlimit few{0, usual_.rlim_max};
    for (; left > 0; ++few.rlim_cur) {
      if (::fcntl(static_cast<int>(few.rlim_cur), F_GETFD) < 0) --left;
    }
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &usual_); }

 private:
  rlimit usual_{};
};

}  // namespace lastcall::testing
