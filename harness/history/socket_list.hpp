// The text of SocketsAtStop::connections and of SocketsAtDeadline's: one word a connection,
// separated by spaces.
//   40001:812      the target's socket is accepted, and the program has read 812 bytes from it
//   40001:812+18   and 18 more bytes wait in its receive queue
//   40001:backlog  no program has accepted it yet
//   40001:?        accepted; the kernel does not say how much was read, and nothing waits (?+18: 18
//                  bytes wait)
//   40001:812/fin  the client has ended its sending side; its FIN counts as a byte
//   40001:812/shut the target has ended its sending side, and has not closed its socket
// Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lastcall {

// Who has ended their sending side.
enum class HalfClosed : std::uint8_t { nobody, client, target };

struct SocketSeen {
  std::uint16_t client = 0;  // the client's port
  bool accepted = false;
  std::optional<std::uint64_t> read{};  // bytes, since the connection was opened
  std::uint64_t waiting = 0;            // bytes that are received and not read
  HalfClosed half{};
  friend bool operator==(const SocketSeen&, const SocketSeen&) = default;
};

std::string to_text(const SocketSeen& socket);
// What is no such word is left out.
std::vector<SocketSeen> sockets_in(std::string_view list);

}  // namespace lastcall
