// The receiving end of NOTIFY_SOCKET (sd_notify(3)): datagrams with the sender's credentials.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/scoped_fd.hpp"

namespace lastcall {

class NotifySocket {
 public:
  // What a service manager reads of a datagram; of a longer one there is one byte more here.
  static constexpr std::size_t kDatagramLimit = 4096;

  // Binds `path`, or an abstract name if the path is too long for a UNIX socket (unix(7): 107
  // bytes).
  static Result<NotifySocket> bind(const std::string& path);
  [[nodiscard]] int fd() const { return fd_.get(); }
  // The value for NOTIFY_SOCKET; '@' stands for the leading NUL of an abstract name.
  [[nodiscard]] const std::string& address() const { return address_; }

  struct Datagram {
    pid_t pid = 0;
    std::string text;
    std::uint32_t descriptors = 0;  // that came with it
  };
  // The next datagram, if there is one; never blocks. Descriptors that came with it (BARRIER=1) are
  // closed.
  std::optional<Datagram> receive();

 private:
  NotifySocket(ScopedFd fd, std::string address)
      : fd_(std::move(fd)), address_(std::move(address)) {}
  ScopedFd fd_;
  std::string address_;
};

}  // namespace lastcall
