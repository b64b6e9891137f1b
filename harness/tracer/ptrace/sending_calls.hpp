// System calls that write to a descriptor.
#pragma once

#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <optional>

#include "tracer/ptrace/ptrace_calls.hpp"

namespace lastcall {

// To anything.
inline constexpr std::array kWrites{SYS_write,    SYS_writev,   SYS_pwrite64, SYS_pwritev,
                                    SYS_pwritev2, SYS_sendfile, SYS_splice};
// To sockets only.
inline constexpr std::array kSends{SYS_sendto, SYS_sendmsg, SYS_sendmmsg};

inline bool is_among(const auto& calls, const SyscallEntry& entry) {
  return std::ranges::count(calls, static_cast<long>(entry.number)) > 0;
}

// The descriptor that one of the calls above writes to; nothing of others, or if it is negative.
inline std::optional<int> written_to(const SyscallEntry& entry) {
  if (!is_among(kWrites, entry) && !is_among(kSends, entry)) return std::nullopt;
  const auto descriptor = static_cast<int>(entry.arguments[entry.number == SYS_splice ? 2 : 0]);
  return descriptor < 0 ? std::nullopt : std::optional(descriptor);
}

}  // namespace lastcall
