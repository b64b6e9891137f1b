// The receiving end of NOTIFY_SOCKET, on an abstract name of the kernel's choice. One thread.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <optional>
#include <string>

namespace graceful::shutdown::testing {

class NotifyListener {
 public:
  explicit NotifyListener(const std::string& path = "")
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    socklen_t length = path.empty() ? sizeof(sa_family_t) : sizeof address;
    EXPECT_EQ(0, ::bind(fd_, reinterpret_cast<sockaddr*>(&address), length));  // empty: autobind
    length = sizeof address;
    EXPECT_EQ(0, ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length));
    address_ = path;
    if (path.empty()) {
      const auto size = length - offsetof(sockaddr_un, sun_path);
      address_ = "@" + std::string(address.sun_path + 1, size - 1);
    }
  }
  NotifyListener(const NotifyListener&) = delete;
  NotifyListener& operator=(const NotifyListener&) = delete;
  ~NotifyListener() { ::close(fd_); }

  [[nodiscard]] const std::string& address() const { return address_; }
  std::string next() { return *receive(0); }  // blocks
  std::optional<std::string> next_if_any() { return receive(MSG_DONTWAIT); }

 private:
  std::optional<std::string> receive(int flags) const {
    char text[4096];
    const auto got = ::recv(fd_, text, sizeof text, flags);
    if (got < 0) return std::nullopt;
    return std::string(text, static_cast<std::size_t>(got));
  }
  int fd_;
  std::string address_;
};

}  // namespace graceful::shutdown::testing
