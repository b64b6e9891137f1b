#include "shutdown/service_notifier.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace graceful::shutdown {
namespace {

constexpr const char* kVariable = "NOTIFY_SOCKET";

// Sends one datagram; 0 or errno. Waits for room until `deadline`.
int send_datagram(int fd, const sockaddr_un& address, socklen_t length, std::string_view text,
                  std::chrono::steady_clock::time_point deadline) {
  using std::chrono::milliseconds;
  const auto* const to = reinterpret_cast<const sockaddr*>(&address);
  while (::sendto(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT, to, length) < 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return errno;
    const auto left =
        std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return EAGAIN;
    // Only a connected datagram socket is told when its peer has room again, unix(7).
    if (::connect(fd, to, length) != 0) return errno;
    pollfd room{fd, POLLOUT, 0};
    if (::poll(&room, 1, static_cast<int>(left.count())) == 0) return EAGAIN;
  }
  return 0;
}

}  // namespace

ServiceNotifier ServiceNotifier::from_environment(Environment after) {
  const char* const address = std::getenv(kVariable);
  ServiceNotifier notifier(address == nullptr ? "" : address);
  if (after == Environment::unset) ::unsetenv(kVariable);
  return notifier;
}

Result<ServiceNotifier::Delivery> ServiceNotifier::send_within(
    std::string_view assignments, std::chrono::milliseconds patience) const {
  if (address_.empty()) return Delivery::no_socket;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (address_.front() != '/' && address_.front() != '@') {
    return Error("notify", address_, EAFNOSUPPORT, "neither a path nor an abstract name");
  }
  if (address_.size() >= sizeof address.sun_path) return Error("notify", address_, ENAMETOOLONG);
  std::memcpy(address.sun_path, address_.data(), address_.size());
  if (address_.front() == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());

  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Error("open", "a socket", errno);
  const int failed =
      send_datagram(fd, address, length, assignments, std::chrono::steady_clock::now() + patience);
  ::close(fd);
  if (failed != 0) return Error("notify", address_, failed);
  return Delivery::sent;
}

Result<ServiceNotifier::Delivery> ServiceNotifier::send(std::string_view assignments) const {
  return send_within(assignments, kPatience);
}

namespace {

std::string status_line(std::string_view text) {
  std::string line = "STATUS=" + std::string(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace

Result<ServiceNotifier::Delivery> ServiceNotifier::ready(std::string_view status) const {
  return send(status.empty() ? "READY=1" : "READY=1\n" + status_line(status));
}

Result<ServiceNotifier::Delivery> ServiceNotifier::status(std::string_view text) const {
  return send(status_line(text));
}

Result<ServiceNotifier::Delivery> ServiceNotifier::stopping() const { return send("STOPPING=1"); }

Result<ServiceNotifier::Delivery> ServiceNotifier::reloading() const {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);  // the clock that sd_notify(3) asks for, in microseconds
  const auto micros = static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
  return send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(micros));
}

Result<ServiceNotifier::Delivery> ServiceNotifier::watchdog() const {
  return send_within("WATCHDOG=1", {});
}

Result<ServiceNotifier::Delivery> ServiceNotifier::extend_timeout(
    std::chrono::microseconds by) const {
  return send("EXTEND_TIMEOUT_USEC=" + std::to_string(by.count()));
}

Result<ServiceNotifier::Delivery> ServiceNotifier::main_pid(pid_t pid) const {
  return send("MAINPID=" + std::to_string(pid));
}

}  // namespace graceful::shutdown
