// Which connections the target had accepted and which requests it had read when the stop began, by
// what the kernel said of its sockets just before the signal (SocketsAtStop). It knows how many
// bytes of a connection the program had taken out of its receive queue, and the client knows how
// many it had written when a request was whole: where the first is not less than the second, the
// program had the whole request, however young it was. That is a fact, not a matter of time.
//
// Cannot see what the program did with the bytes: they may lie in a buffer of its own, not looked
// at yet. What listens at the scenario's port counts as the target, a proxy before it too. A kernel
// that does not count (/proc/net/tcp instead of sock_diag) shows only whether anything waited: then
// an empty queue counts if the request had been written 5 ms before.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "history/history.hpp"
#include "history/socket_list.hpp"

namespace lastcall {

enum class Taking : std::uint8_t {
  unknown,       // nobody saw: no snapshot, no such connection in it, or sent after it
  read,          // the program had read all of it
  unread,        // a part of it, or all, had not been read
  not_accepted,  // the connection was in the listener's backlog
};

class SocketSnapshot {
 public:
  explicit SocketSnapshot(const History& history);

  // Whether the target had taken on `request`, which was sent before the stop.
  [[nodiscard]] Taking taking(const ConnectionView& connection, const RequestView& request) const;
  // Whether the target had accepted the connection; nothing if nobody saw.
  [[nodiscard]] std::optional<bool> accepted(const ConnectionView& connection) const;

 private:
  // Nothing if the kernel said nothing of it.
  [[nodiscard]] std::optional<SocketSeen> seen(const ConnectionView& connection) const;
  const History& history_;
  std::optional<EventIndex> begun_;
  // By the client's end; nothing where two connections to different ports have the same.
  std::map<std::string, std::optional<SocketSeen>> sockets_;
};

}  // namespace lastcall
