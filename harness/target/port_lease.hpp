// A TCP port on the loopback address that no other trial on this machine uses: leased with a file
// lock, which the kernel drops with the process, from below the ephemeral range, so that no
// client's own port meets it.
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "base/scoped_fd.hpp"

namespace lastcall {

class PortLease {
 public:
  static Result<PortLease> acquire();
  // This one. An error with EADDRINUSE: another trial has it, or somebody listens there.
  static Result<PortLease> acquire(std::uint16_t port);
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  PortLease(std::uint16_t port, ScopedFd lock) : port_(port), lock_(std::move(lock)) {}
  std::uint16_t port_;
  ScopedFd lock_;
};

// Where leases may be: [first, last]. The upper end lies below ip_local_port_range (ip(7)).
struct PortRange {
  std::uint16_t first;
  std::uint16_t last;
};
PortRange leasable_ports();

// Tries to bind 127.0.0.1:port; 0 or errno. With `reuse_address` a connection in TIME_WAIT does not
// count if its server can listen there again: with SO_REUSEADDR, or with SO_REUSEPORT (socket(7)).
int probe_port(std::uint16_t port, bool reuse_address);

}  // namespace lastcall
