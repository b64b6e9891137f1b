// The auxiliary vector of a process: what the kernel told its program (getauxval(3)). From any
// thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace lastcall {

// `type`: AT_ENTRY and the like (elf.h).
std::optional<std::uint64_t> auxiliary_value(pid_t tid, std::uint64_t type);

}  // namespace lastcall
