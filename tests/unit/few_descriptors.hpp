// Leaves this process, and what it forks, that many free descriptors for a while.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>

namespace lastcall::testing {

// Whether the compiler put the vptr check of UndefinedBehaviorSanitizer in. It asks a pipe whether
// memory can be read, so that without free descriptors it finds a fault in every object: tests in
// which ours runs into that are for the other builds.
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
#define LASTCALL_CHECKS_VPTR
#endif
#endif
#ifdef LASTCALL_CHECKS_VPTR
inline constexpr bool kNeedsAPipe = true;
#else
inline constexpr bool kNeedsAPipe = false;
#endif

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
