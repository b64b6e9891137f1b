// Finds out what the server at a port speaks, as a few well-behaved clients would see it. Blocks
// for some milliseconds where it answers at once, and for a few seconds where it does not. One
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "discover/speech.hpp"

namespace lastcall {

struct PathAnswer {
  std::string path;
  int status = 0;
  Nanoseconds took{};
  friend bool operator==(const PathAnswer&, const PathAnswer&) = default;
};

struct FoundPort {
  std::uint16_t port = 0;
  std::string address{};  // numeric, on the loopback interface
  bool tls = false;
  bool wants_certificate = false;  // it speaks TLS, and not with us
  bool http2 = false;              // by ALPN
  Speech speech{};
  std::string server{};               // the Server header
  std::vector<PathAnswer> answers{};  // of those usual paths that it answered
  std::string websocket{};            // the path that was upgraded; empty: none
  std::string grpc_health{};          // what a gRPC server's health service answered: "0" is OK
  // Of http2 and grpc: the key `opening` of clients that ask once. Empty: it answers only clients
  // that offer h2 in the TLS handshake, which those of lastcall do not.
  std::string opening{};
  // The path that clients of HTTP/1 can ask for: the best status, of those the slowest.
  [[nodiscard]] const PathAnswer* best() const;
};

// It speaks HTTP/2, gRPC included, and no HTTP/1.
inline bool is_http2_only(const FoundPort& port) {
  return port.speech == Speech::http2 || port.speech == Speech::grpc;
}

// Nothing is said of a port that takes no connection: `speech` is unknown and `address` empty.
FoundPort probe(std::uint16_t port, const std::string& preferred_address);

}  // namespace lastcall
