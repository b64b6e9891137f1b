#include "checkers/taken_on.hpp"

namespace lastcall {
namespace {

// Longer than the kernel takes over the loopback interface, also if it defers that to a thread.
constexpr Nanoseconds kOnItsWay = std::chrono::milliseconds(5);

}  // namespace

SocketSnapshot::SocketSnapshot(const History& history) : history_(history) {
  for (const auto& [i, event] : history.all<SocketsAtStop>()) {
    if (!event->problem.empty()) continue;
    if (!begun_) begun_ = i;
    for (const auto& socket : sockets_in(event->connections)) {
      const auto end = event->address + ":" + std::to_string(socket.client);
      const auto [found, is_new] = sockets_.try_emplace(end, socket);
      if (!is_new) found->second.reset();
    }
  }
}

// One that came up later may have the port of another that was there.
std::optional<SocketSeen> SocketSnapshot::seen(const ConnectionView& connection) const {
  if (!begun_ || !connection.tcp_up || *connection.tcp_up > *begun_) return std::nullopt;
  const auto& local = std::get<LayerUp>(history_.at(*connection.tcp_up).body).local;
  const auto found = sockets_.find(local);
  return found == sockets_.end() ? std::nullopt : found->second;
}

std::optional<bool> SocketSnapshot::accepted(const ConnectionView& connection) const {
  const auto socket = seen(connection);
  return socket ? std::optional(socket->accepted) : std::nullopt;
}

Taking SocketSnapshot::taking(const ConnectionView& connection, const RequestView& request) const {
  const auto socket = seen(connection);
  if (!socket || request.sent > *begun_) return Taking::unknown;
  if (!socket->accepted) return Taking::not_accepted;
  if (!request.written) return Taking::unread;
  if (socket->read) {
    const auto total = std::get<RequestWritten>(history_.at(*request.written).body).total;
    return *socket->read >= total ? Taking::read : Taking::unread;
  }
  if (socket->waiting > 0) return Taking::unread;
  const bool has_arrived = history_.time(*request.written) + kOnItsWay <= history_.time(*begun_);
  return has_arrived ? Taking::read : Taking::unknown;
}

}  // namespace lastcall
