#include "history/socket_list.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace lastcall {
namespace {

constexpr std::string_view kHalf[] = {"", "/fin", "/shut"};

std::optional<SocketSeen> socket_in(std::string_view word) {
  SocketSeen socket;
  const auto colon = word.find(':');
  const auto client = parse_number<std::uint16_t>(word.substr(0, colon));
  if (colon == std::string_view::npos || !client) return std::nullopt;
  socket.client = *client;
  word.remove_prefix(colon + 1);
  if (const auto slash = word.find('/'); slash != std::string_view::npos) {
    const auto half = std::ranges::find(kHalf, word.substr(slash));
    if (half == std::end(kHalf)) return std::nullopt;
    socket.half = static_cast<HalfClosed>(half - kHalf);
    word = word.substr(0, slash);
  }
  if (word == "backlog") return socket;
  socket.accepted = true;
  if (const auto plus = word.find('+'); plus != std::string_view::npos) {
    const auto waiting = parse_number<std::uint64_t>(word.substr(plus + 1));
    if (!waiting) return std::nullopt;
    socket.waiting = *waiting;
    word = word.substr(0, plus);
  }
  if (word == "?") return socket;
  socket.read = parse_number<std::uint64_t>(word);
  return socket.read ? std::optional(socket) : std::nullopt;
}

}  // namespace

std::string to_text(const SocketSeen& socket) {
  auto text = std::to_string(socket.client) + ":";
  const auto half = std::string(kHalf[static_cast<std::size_t>(socket.half)]);
  if (!socket.accepted) return text + "backlog" + half;
  text += socket.read ? std::to_string(*socket.read) : "?";
  if (socket.waiting > 0) text += "+" + std::to_string(socket.waiting);
  return text + half;
}

std::vector<SocketSeen> sockets_in(std::string_view list) {
  std::vector<SocketSeen> sockets;
  while (!list.empty()) {
    const auto end = std::min(list.find(' '), list.size());
    if (auto socket = socket_in(list.substr(0, end))) sockets.push_back(*socket);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return sockets;
}

}  // namespace lastcall
