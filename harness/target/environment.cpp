#include "target/environment.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include "base/scoped_fd.hpp"
#include "target/parent_death.hpp"
#include "target/port_lease.hpp"
#include "target/process_tree.hpp"

namespace lastcall {
namespace {

// A client worker has two hundred besides those of its clients (campaign/trial_pool.cpp).
constexpr rlim_t kLeastDescriptors = 256;
// In bytes, of address space: a trial process holds its history, maps the programs whose stacks it
// reads, and has a thread for its tracer. Some ten suffice for a short trial of a small target.
constexpr std::size_t kLeastMemory = std::size_t{64} << 20;
// Guard, fork server, client worker, trial process, the tracer's thread, target.
constexpr int kLeastProcesses = 6;
// Over the loopback interface a connection is there at once, unless the machine is overloaded.
constexpr int kLoopbackLimit = 1000;  // milliseconds

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20U) + " MiB"; }

Result<std::string> proc() {
  if (auto own = own_proc(); !own) return own.error();
  return "/proc shows this PID namespace";
}

Result<std::string> process_tree() {
  if (std::ifstream("/proc/thread-self/children")) return "/proc lists children";
  return Error{"list children", "/proc/PID/task/TID/children", ENOENT,
               "the kernel must have CONFIG_PROC_CHILDREN, /proc no hidepid="};
}

Result<std::string> descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return Error{"look up the limit of", "descriptors", errno, ""};
  if (limit.rlim_max < kLeastDescriptors) {
    return Error{"open enough files", "", EMFILE,
                 std::to_string(limit.rlim_max) + " a process are allowed, " +
                     std::to_string(kLeastDescriptors) +
                     " are needed: raise the limit of descriptors, ulimit -n"};
  }
  return std::to_string(limit.rlim_max) +
         " a process: more clients than that take more worker processes";
}

Result<std::string> processes() {
  std::vector<pid_t> forked;
  const pid_t parent = ::getpid();
  int problem = 0;
  for (int i = 0; i < kLeastProcesses && problem == 0; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (on_end_of(parent, SIGKILL)) ::pause();
      ::_exit(0);  // tidy: after fork
    }
    if (child < 0) problem = errno;
    if (child > 0) forked.push_back(child);
  }
  for (const pid_t child : forked) {
    (void)::kill(child, SIGKILL);
    (void)::waitpid(child, nullptr, 0);
  }
  if (problem == 0) return "enough for a trial can be started";
  return Error{"fork " + std::to_string(kLeastProcesses) + " processes", "", problem,
               std::string(remedy_for_fork(problem))};
}

Result<std::string> memory() {
  void* const reserved =
      ::mmap(nullptr, kLeastMemory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (reserved == MAP_FAILED) return Error{"reserve " + mebibytes(kLeastMemory), "", errno, ""};
  (void)::munmap(reserved, kLeastMemory);
  return mebibytes(kLeastMemory) + " can be reserved";
}

// 0 or errno, of a connection to a listener of our own.
int connect_to_itself() {
  const ScopedFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const ScopedFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener || !client) return errno;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const place = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::bind(listener.get(), place, size) != 0 || ::listen(listener.get(), 1) != 0 ||
      ::getsockname(listener.get(), place, &size) != 0)
    return errno;
  if (::connect(client.get(), place, size) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd waiting{client.get(), POLLOUT, 0};
  if (::poll(&waiting, 1, kLoopbackLimit) <= 0) return ETIMEDOUT;
  int error = 0;
  size = sizeof error;
  return ::getsockopt(client.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

Result<std::string> loopback() {
  const int problem = connect_to_itself();
  if (problem == 0) return "clients reach 127.0.0.1";
  const bool is_down = problem == EADDRNOTAVAIL || remedy_for(problem) == kLoopbackUp;
  const bool is_blocked = problem == EPERM || problem == EACCES || problem == ETIMEDOUT;
  return Error{"connect to", "127.0.0.1", problem,
               is_down      ? std::string(kLoopbackUp)
               : is_blocked ? "does a packet filter forbid it?"
                            : ""};
}

Result<std::string> ports() {
  if (auto lease = PortLease::acquire(); !lease) return lease.error();
  const auto [first, last] = leasable_ports();
  return "leased from " + std::to_string(first) + "–" + std::to_string(last);
}

Result<std::string> subreaper() {
  const bool good = ::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
  const int problem = errno;
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 0);
  if (!good) return Error{"become a child subreaper", "", problem, ""};
  return "orphans of a target are found";
}

Result<std::string> pidfd() {
  const ScopedFd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!self) return Error{"open a pidfd", "", errno, ""};
  return "signals reach the process that was meant";
}

}  // namespace

std::span<const Need> needs_of_every_trial() {
  static constexpr std::array kNeeds{Need{"/proc", proc},
                                     Need{"process tree", process_tree},
                                     Need{"descriptors", descriptors},
                                     Need{"processes", processes},
                                     Need{"memory", memory},
                                     Need{"loopback", loopback},
                                     Need{"ports", ports},
                                     Need{"child subreaper", subreaper},
                                     Need{"pidfd", pidfd}};
  return kNeeds;
}

Result<std::uint64_t> room_in(const std::string& folder) {
  struct statvfs disk {};
  if (::statvfs(folder.c_str(), &disk) != 0) return Error{"look at the disk of", folder, errno, ""};
  // What is reserved for root is left to root.
  const bool is_root = ::geteuid() == 0;
  const std::uint64_t left = (is_root ? disk.f_bfree : disk.f_bavail) * disk.f_frsize;
  // A ramfs has no size, and a Btrfs no number of files.
  if (disk.f_files > 0 && (is_root ? disk.f_ffree : disk.f_favail) == 0) {
    return Error{"make a file in", folder, ENOSPC,
                 "the disk has no inode left: remove some files, or choose another disk with "
                 "--results"};
  }
  if (disk.f_blocks > 0 && left < kLeastRoom) {
    return Error{"write to the disk of", folder, ENOSPC,
                 mebibytes(left) + " are left, " + mebibytes(kLeastRoom) +
                     " are needed: free some space, or choose another disk with --results"};
  }
  return disk.f_blocks > 0 ? left : UINT64_MAX;
}

Result<void> prepare_environment(const std::string& results) {
  for (const auto& need : needs_of_every_trial()) {
    if (auto met = need.look(); !met) return met.error();
  }
  std::error_code ec;
  std::filesystem::create_directories(results, ec);
  if (ec) return Error{"create", results, ec.value(), ""};
  if (auto room = room_in(results); !room) return room.error();
  return {};
}

}  // namespace lastcall
