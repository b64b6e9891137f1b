// Gives a filter to a process that runs already: one of its threads, which is stopped, is made to
// call seccomp(2) for all of them, and then is put back to where it was. The program of the filter
// lies on that thread's stack meanwhile, where nothing is in use or everybody who uses it stands
// still. The process has set PR_SET_NO_NEW_PRIVS (prctl(2)). One thread: that of the tracer.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "tracer/ptrace/ptrace_calls.hpp"

namespace lastcall {

class FilterInjection {
 public:
  // `tid` is in a stop from which the kernel makes an interrupted call again, if it was in one: an
  // event stop. The call is made as it goes on.
  static Result<FilterInjection> begin(PtraceCalls& calls, pid_t tid,
                                       std::span<const sock_filter> program);
  // In another such stop, or that of a signal: puts everything back. What the call returned;
  // nothing if it was not made.
  [[nodiscard]] std::optional<std::int64_t> end(PtraceCalls& calls, pid_t tid) const;

 private:
  user_regs_struct registers_{};
  std::uint64_t instruction_ = 0;
  std::uint64_t block_ = 0;
  std::vector<std::byte> overwritten_;
};

}  // namespace lastcall
