#include "target/port_lease.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <optional>
#include <string>

#include "base/prng.hpp"

namespace lastcall {
namespace {

// Shared by all users of the machine, as the ports are.
constexpr const char* kLockFolder = "/tmp/lastcall-ports";
constexpr std::uint16_t kFirstPort = 12'000;

ScopedFd open_lock(std::uint16_t port) {
  if (::mkdir(kLockFolder, 0777) == 0) (void)::chmod(kLockFolder, 01777);
  const auto path = std::string(kLockFolder) + "/" + std::to_string(port);
  // Without O_CREAT first: fs.protected_regular refuses O_CREAT on another user's file in a sticky
  // folder.
  ScopedFd lock(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!lock) {
    lock = ScopedFd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (lock) (void)::fchmod(lock.get(), 0666);
  }
  return lock;
}

sockaddr_in on_loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Of bind(2), with this option of the socket; 0 if it can be bound.
int bind_error(std::uint16_t port, std::optional<int> option) {
  const ScopedFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return errno;
  const int on = 1;
  if (option) (void)::setsockopt(socket.get(), SOL_SOCKET, *option, &on, sizeof on);
  const auto address = on_loopback(port);
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0
             ? 0
             : errno;
}

// Whether a connection is not refused. Nobody answers for a full backlog.
bool has_listener(std::uint16_t port) {
  constexpr int kRefusedWithin = 200;  // ms
  const ScopedFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto address = on_loopback(port);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return true;
  int error = errno;
  pollfd waiting{.fd = socket.get(), .events = POLLOUT, .revents = 0};
  if (error == EINPROGRESS && ::poll(&waiting, 1, kRefusedWithin) > 0) {
    socklen_t size = sizeof error;
    (void)::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  return error != ECONNREFUSED;
}

}  // namespace

PortRange leasable_ports() {
  std::ifstream range("/proc/sys/net/ipv4/ip_local_port_range");
  unsigned low = 32'768;
  range >> low;
  const auto last = static_cast<std::uint16_t>(std::clamp(low, kFirstPort + 1000U, 60'000U) - 1);
  return {kFirstPort, last};
}

int probe_port(std::uint16_t port, bool reuse_address) {
  const int problem = bind_error(port, reuse_address ? std::optional(SO_REUSEADDR) : std::nullopt);
  if (problem != EADDRINUSE || !reuse_address) return problem;
  return bind_error(port, SO_REUSEPORT) == 0 && !has_listener(port) ? 0 : problem;
}

Result<PortLease> PortLease::acquire(std::uint16_t port) {
  const auto name = "port " + std::to_string(port);
  auto lock = open_lock(port);
  if (!lock) return Error{"lock a port in", kLockFolder, errno, "is the folder writable?"};
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
    return Error{"have", name, EADDRINUSE, "another trial of lastcall has it"};
  if (const int problem = probe_port(port, true); problem != 0) {
    return Error{"have", name, problem,
                 problem == EADDRINUSE
                     ? "a process that is not the target listens there: end it, or write {port}"
                     : ""};
  }
  return PortLease(port, std::move(lock));
}

Result<PortLease> PortLease::acquire() {
  const auto [first, last] = leasable_ports();
  const unsigned span = last - first + 1U;
  // Trials that start together look from different places.
  const auto begin = Prng::split(static_cast<std::uint64_t>(::getpid()), "port") % span;
  for (unsigned i = 0; i < span; ++i) {
    const auto port = static_cast<std::uint16_t>(first + (begin + i) % span);
    auto lock = open_lock(port);
    if (!lock) return Error{"lock a port in", kLockFolder, errno, "is the folder writable?"};
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) continue;
    const int problem = probe_port(port, false);
    if (problem == 0) return PortLease(port, std::move(lock));
    // No other port can be bound either.
    if (problem != EADDRINUSE && problem != EACCES) {
      return Error{"bind a port of", "127.0.0.1", problem,
                   problem == EADDRNOTAVAIL ? std::string(kLoopbackUp) : ""};
    }
  }
  return Error{"lease a port", std::to_string(first) + "–" + std::to_string(last), EADDRINUSE,
               "all are in use"};
}

}  // namespace lastcall
