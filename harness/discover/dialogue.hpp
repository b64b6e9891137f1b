// One connection to a server on this machine, over TCP or TLS, with a limit for everything. The
// server's certificate is not verified: discovery asks what is spoken, and not who speaks. One
// thread; every call blocks until its limit at most.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/scoped_fd.hpp"

namespace lastcall {

struct TlsFound {
  bool is_tls = false;
  std::string alpn{};    // what the server chose, of h2 and http/1.1
  bool refused = false;  // it speaks TLS, and wants a client's certificate or another version
};

// The protocols that a client offers in its TLS handshake (ALPN, RFC 7301).
enum class Offer {
  h2_and_http1,
  http1,
  nothing,  // as clients of tcp and tls do
};

class Dialogue {
 public:
  // `address`: numeric. Nothing if nobody takes the connection within `limit`.
  static std::optional<Dialogue> open(const std::string& address, std::uint16_t port,
                                      Nanoseconds limit);

  // Speaks TLS from here on. What the server chose shows in the answer; the connection is of no
  // more use if it does not speak TLS with us.
  TlsFound start_tls(Offer offer, Nanoseconds limit);

  // False: it cannot be sent.
  bool send(std::string_view bytes, Nanoseconds limit);
  // What comes until the server closes, is silent for `quiet` after something came, has said
  // `most` bytes, or the limit is over.
  std::string receive(Nanoseconds limit, Nanoseconds quiet, std::size_t most = 64 << 10);
  // Whether the server has closed its side, as far as receive() saw.
  [[nodiscard]] bool is_closed() const { return closed_; }
  // When the last byte came that receive() returned.
  [[nodiscard]] TimePoint last_byte() const { return last_byte_; }

 private:
  explicit Dialogue(ScopedFd socket);
  bool await(short what, TimePoint until) const;

  struct Tls;
  ScopedFd socket_;
  std::shared_ptr<Tls> tls_;
  bool closed_ = false;
  TimePoint last_byte_{};
};

}  // namespace lastcall
