// What the errno of one of lastcall's own system calls says of this machine: that it has run out of
// something, which says nothing about the target, and what the user can do about it. Any thread.
#pragma once

#include <cerrno>
#include <string_view>

namespace lastcall {

inline constexpr std::string_view kMoreProcesses =
    "raise the limit of processes: ulimit -u, or pids.max of the container";
inline constexpr std::string_view kLoopbackUp =
    "the loopback interface must be up: ip link set lo up";

// What to do about it; empty if nothing is known, or if that depends on what was tried.
constexpr std::string_view remedy_for(int error) {
  switch (error) {
    case EMFILE:
      return "raise the limit of descriptors: ulimit -n";
    case ENFILE:
      return "this machine has too many open files: sysctl fs.file-max";
    case ENOMEM:
    case ENOBUFS:
      return "free some memory, or raise its limit: ulimit -v, or that of the container";
    case ENOSPC:
    case EDQUOT:
      return "free some space, or choose another disk with --results";
    case EROFS:
      return "choose a folder that can be written to with --results";
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTUNREACH:  // lastcall connects to loopback addresses only
      return kLoopbackUp;
    default:
      return {};
  }
}

// The same for fork(2), clone(2) and pthread_create(3).
constexpr std::string_view remedy_for_fork(int error) {
  return error == EAGAIN ? kMoreProcesses : remedy_for(error);
}

// Whether this machine, not what was tried, is why it failed.
constexpr bool is_shortage(int error) { return error == EAGAIN || !remedy_for(error).empty(); }

}  // namespace lastcall
