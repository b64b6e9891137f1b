#include "history/socket_list.hpp"

#include <algorithm>
#include <charconv>

namespace lastcall {
namespace {

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

constexpr std::string_view kHalf[] = {"", "/fin", "/shut"};

std::optional<SocketSeen> socket_in(std::string_view word) {
  SocketSeen socket;
  const auto colon = word.find(':');
  if (colon == std::string_view::npos || !read_number(word.substr(0, colon), socket.client))
    return std::nullopt;
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
    if (!read_number(word.substr(plus + 1), socket.waiting)) return std::nullopt;
    word = word.substr(0, plus);
  }
  if (word == "?") return socket;
  std::uint64_t read = 0;
  if (!read_number(word, read)) return std::nullopt;
  socket.read = read;
  return socket;
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
