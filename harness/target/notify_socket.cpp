#include "target/notify_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace lastcall {

Result<NotifySocket> NotifySocket::bind(const std::string& path) {
  ScopedFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Error{"create a notification socket", "", errno, ""};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string name = path;
  if (path.size() >= sizeof address.sun_path)
    name = "@lastcall-notify-" + std::to_string(::getpid());
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name.starts_with('@')) address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return Error{"bind the notification socket", name, errno, ""};
  }
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) {
    return Error{"ask for credentials on", name, errno, ""};
  }
  return NotifySocket(std::move(fd), std::move(name));
}

std::optional<NotifySocket::Datagram> NotifySocket::receive() {
  std::array<char, kDatagramLimit + 1> text{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(16 * sizeof(int))>
      ancillary{};
  iovec part{text.data(), text.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = ancillary.data();
  header.msg_controllen = ancillary.size();
  const auto size = ::recvmsg(fd_.get(), &header, MSG_CMSG_CLOEXEC);
  if (size < 0) return std::nullopt;
  Datagram datagram{0, std::string(text.data(), static_cast<std::size_t>(size)), 0};
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET) continue;
    if (c->cmsg_type == SCM_CREDENTIALS) {
      ucred credentials{};
      std::memcpy(&credentials, CMSG_DATA(c), sizeof credentials);
      datagram.pid = credentials.pid;
    } else if (c->cmsg_type == SCM_RIGHTS) {
      for (std::size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
        int received = -1;
        std::memcpy(&received, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        ::close(received);
        ++datagram.descriptors;
      }
    }
  }
  return datagram;
}

}  // namespace lastcall
