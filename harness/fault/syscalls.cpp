#include "fault/syscalls.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <map>

namespace lastcall {
namespace {

constexpr std::array kSyscalls = std::to_array<Syscall>({
    {"accept", "f--"},
    {"accept4", "f---"},
    {"access", "p-"},
    {"bind", "f--"},
    {"brk", "-"},
    {"chdir", "p"},
    {"chmod", "p-"},
    {"chown", "p--"},
    {"clock_nanosleep", "----"},
    {"clone", "-----"},
    {"clone3", "--"},
    {"close", "f"},
    {"close_range", "---"},
    {"connect", "f--"},
    {"copy_file_range", "f-f---"},
    {"creat", "p-"},
    {"dup", "f"},
    {"dup2", "f-"},
    {"dup3", "f--"},
    {"epoll_ctl", "f-f-"},
    {"epoll_pwait", "f-----"},
    {"epoll_wait", "f---"},
    {"eventfd2", "--"},
    {"execve", "p--"},
    {"execveat", "dp---"},
    {"exit", "-"},
    {"exit_group", "-"},
    {"faccessat", "dp-"},
    {"faccessat2", "dp--"},
    {"fallocate", "f---"},
    {"fchdir", "f"},
    {"fchmod", "f-"},
    {"fchmodat", "dp-"},
    {"fchown", "f--"},
    {"fchownat", "dp---"},
    {"fcntl", "f--"},
    {"fdatasync", "f"},
    {"flock", "f-"},
    {"fork", ""},
    {"fstat", "f-"},
    {"fsync", "f"},
    {"ftruncate", "f-"},
    {"futex", "------"},
    {"getdents64", "f--"},
    {"getpeername", "f--"},
    {"getrandom", "---"},
    {"getsockname", "f--"},
    {"getsockopt", "f----"},
    {"io_uring_enter", "f-----"},
    {"io_uring_setup", "--"},
    {"ioctl", "f--"},
    {"kill", "--"},
    {"link", "pp"},
    {"linkat", "dpdp-"},
    {"listen", "f-"},
    {"lseek", "f--"},
    {"lstat", "p-"},
    {"madvise", "---"},
    {"memfd_create", "--"},
    {"mkdir", "p-"},
    {"mkdirat", "dp-"},
    {"mmap", "----f-"},
    {"mprotect", "---"},
    {"msync", "---"},
    {"munmap", "--"},
    {"nanosleep", "--"},
    {"newfstatat", "dp--"},
    {"open", "p--"},
    {"openat", "dp--"},
    {"openat2", "dp--"},
    {"pipe", "-"},
    {"pipe2", "--"},
    {"poll", "---"},
    {"ppoll", "-----"},
    {"prctl", "-----"},
    {"pread64", "f---"},
    {"preadv", "f----"},
    {"preadv2", "f-----"},
    {"prlimit64", "----"},
    {"pselect6", "------"},
    {"pwrite64", "f---", Writing::bytes},
    {"pwritev", "f----", Writing::vector},
    {"pwritev2", "f-----", Writing::vector},
    {"read", "f--"},
    {"readlink", "p--"},
    {"readlinkat", "dp--"},
    {"readv", "f--"},
    {"recvfrom", "f-----"},
    {"recvmmsg", "f----"},
    {"recvmsg", "f--"},
    {"rename", "pp"},
    {"renameat", "dpdp"},
    {"renameat2", "dpdp-"},
    {"rmdir", "p"},
    {"select", "-----"},
    {"sendfile", "ff--"},
    {"sendmmsg", "f---"},
    {"sendmsg", "f--", Writing::message},
    {"sendto", "f-----", Writing::bytes},
    {"setsockopt", "f----"},
    {"shutdown", "f-"},
    {"signalfd4", "----"},
    {"socket", "---"},
    {"socketpair", "----"},
    {"splice", "f-f---"},
    {"stat", "p-"},
    {"statx", "dp---"},
    {"symlink", "-p"},
    {"symlinkat", "-dp"},
    {"sync", ""},
    {"sync_file_range", "f---"},
    {"syncfs", "f"},
    {"tgkill", "---"},
    {"timerfd_create", "--"},
    {"timerfd_settime", "f---"},
    {"truncate", "p-"},
    {"unlink", "p"},
    {"unlinkat", "dp-"},
    {"utimensat", "dp--"},
    {"vfork", ""},
    {"wait4", "----"},
    {"waitid", "-----"},
    {"write", "f--", Writing::bytes},
    {"writev", "f--", Writing::vector},
});

// Words that mean several calls.
const std::map<std::string_view, std::vector<std::string_view>>& families() {
  static const std::map<std::string_view, std::vector<std::string_view>> words{
      {"accept", {"accept", "accept4"}},
      {"fork", {"fork", "vfork", "clone", "clone3"}},
      {"link", {"link", "linkat"}},
      {"mkdir", {"mkdir", "mkdirat"}},
      {"open", {"open", "openat", "openat2", "creat"}},
      {"read", {"read", "readv", "pread64", "preadv", "preadv2"}},
      {"recv", {"recvfrom", "recvmsg", "recvmmsg"}},
      {"rename", {"rename", "renameat", "renameat2"}},
      {"send", {"sendto", "sendmsg", "sendmmsg"}},
      {"symlink", {"symlink", "symlinkat"}},
      {"unlink", {"unlink", "unlinkat"}},
      {"write", {"write", "writev", "pwrite64", "pwritev", "pwritev2"}}};
  return words;
}

constexpr int kMaxErrors = 134;  // EHWPOISON is the last, errno-base.h and errno.h of Linux

bool takes(const std::vector<Syscall>& calls, std::string_view letters) {
  return std::ranges::any_of(calls, [&](const Syscall& call) {
    return call.arguments.find_first_of(letters) != std::string_view::npos;
  });
}

}  // namespace

std::vector<Syscall> syscalls_of(std::string_view word) {
  const auto family = families().find(word);
  const auto names = family == families().end() ? std::vector{word} : family->second;
  std::vector<Syscall> found;
  std::ranges::copy_if(kSyscalls, std::back_inserter(found), [&](const Syscall& call) {
    return std::ranges::find(names, call.name) != names.end();
  });
  return found;
}

std::vector<std::string> syscall_words() {
  std::vector<std::string> words;
  for (const auto& call : kSyscalls) words.emplace_back(call.name);
  for (const auto& [word, calls] : families()) words.emplace_back(word);
  std::ranges::sort(words);
  const auto [first, last] = std::ranges::unique(words);
  words.erase(first, last);
  return words;
}

std::string syscall_problem(const NthSyscall& when, const DisturbSyscall* act) {
  const auto calls = syscalls_of(when.syscall);
  const auto quoted = "'" + when.syscall + "'";
  if (calls.empty()) return "unknown system call " + quoted;
  if (!when.path.empty() && !takes(calls, "pf"))
    return "'path' does not go with " + quoted + ", which names no file";
  if (when.role && !takes(calls, when.role == DescriptorRole::state ? "pf" : "f"))
    return "'role' does not go with " + quoted + ", which is given no descriptor";
  if (act == nullptr) return {};
  if (when.at == CallSide::exit) return "a fault 'syscall' acts at the entry of the call";
  const auto writes = [](const Syscall& call) { return call.writing != Writing::none; };
  if (act->action == CallAction::short_write && std::ranges::none_of(calls, writes))
    return quoted + " does not write what could be cut short";
  return {};
}

std::string error_name(int number) {
  const char* name = ::strerrorname_np(number);
  return name == nullptr ? "error " + std::to_string(number) : name;
}

std::vector<std::string> error_names() {
  std::vector<std::string> names;
  for (int number = 1; number < kMaxErrors; ++number) {
    if (const char* name = ::strerrorname_np(number); name != nullptr) names.emplace_back(name);
  }
  return names;
}

std::optional<int> error_number(std::string_view name) {
  for (int number = 1; number < kMaxErrors; ++number) {
    if (const char* known = ::strerrorname_np(number); known != nullptr && known == name)
      return number;
  }
  return std::nullopt;
}

}  // namespace lastcall
