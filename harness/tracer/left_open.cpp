#include "tracer/left_open.hpp"

#include <fcntl.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <sstream>
#include <string_view>

#include "tracer/descriptors.hpp"

namespace lastcall {
namespace {

using Kind = LeftOpen::Kind;
using Severity = LeftOpen::Severity;
constexpr std::size_t kNamedThreads = 8;  // as many as a line of text can bear

struct Socket {
  bool listening = false;
  bool connected = false;  // nobody ended it yet
  bool has_listeners_name = false;
  std::uint16_t port = 0;  // of TCP
  std::string own;
  std::string peer;
};
using Sockets = std::map<std::string, Socket>;  // by target

template <class Number>
Number hex(std::string_view text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

// "0100007F:1F90", or four such words and a port: words as they lie in memory (tcp4_seq_show of
// Linux).
std::string address_of(std::string_view text) {
  const auto port = htons(hex<std::uint16_t>(text.substr(text.find(':') + 1)));
  sockaddr_storage address{};
  if (text.find(':') == 8) {
    auto& in = reinterpret_cast<sockaddr_in&>(address);
    in.sin_family = AF_INET;
    in.sin_port = port;
    in.sin_addr.s_addr = hex<std::uint32_t>(text.substr(0, 8));
  } else {
    auto& in = reinterpret_cast<sockaddr_in6&>(address);
    in.sin6_family = AF_INET6;
    in.sin6_port = port;
    for (std::size_t i = 0; i < 4 && 8 * i < text.size(); ++i) {
      const auto word = hex<std::uint32_t>(text.substr(8 * i, 8));
      std::memcpy(in.sin6_addr.s6_addr + 4 * i, &word, sizeof word);
    }
  }
  return address_text(address, sizeof address);
}

std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> found;
  for (std::string word; in >> word;) found.push_back(word);
  return found;
}

void add_tcp(Sockets& sockets, const std::string& table) {
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    const auto field = words(line);
    if (field.size() < 10 || !field[0].ends_with(':')) continue;  // also the heading
    const auto port = hex<std::uint16_t>(std::string_view(field[1]).substr(field[1].find(':') + 1));
    sockets["socket:[" + field[9] + "]"] = {.listening = field[3] == "0A",
                                            .connected = field[3] == "01",
                                            .port = port,
                                            .own = address_of(field[1]),
                                            .peer = address_of(field[2])};
  }
}

// An accepted one has the name of its listener, the other end has none (unix(7)).
void add_unix(Sockets& sockets, const std::string& table) {
  constexpr std::uint32_t kListening = 1U << 16;  // __SO_ACCEPTCON
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    const auto field = words(line);
    if (field.size() < 7 || !field[0].ends_with(':')) continue;
    sockets["socket:[" + field[6] + "]"] = {
        .listening = (hex<std::uint32_t>(field[3]) & kListening) != 0,
        .connected = field[5] == "03",
        .has_listeners_name = field.size() > 7,
        .own = field.size() > 7 ? field[7] : "",
        .peer = ""};
  }
}

Sockets sockets_of(const AtExit& at) {
  Sockets sockets;
  add_tcp(sockets, at.tcp);
  add_tcp(sockets, at.tcp6);
  add_unix(sockets, at.unix_sockets);
  return sockets;
}

std::set<std::uint16_t> ports_of(const AtExit& at, const Sockets& sockets) {
  std::set<std::uint16_t> ports;
  for (const auto& descriptor : at.descriptors) {
    const auto found = sockets.find(descriptor.target);
    if (found != sockets.end() && found->second.listening) ports.insert(found->second.port);
  }
  ports.erase(0);  // a name in the file system
  return ports;
}

bool is_below(const std::string& path, const std::string& folder) {
  return !folder.empty() && path.size() > folder.size() && path.starts_with(folder) &&
         (folder.ends_with('/') || path[folder.size()] == '/') && !path.ends_with(" (deleted)");
}

bool is_ignored(const OpenDescriptor& descriptor, const AtExit& at) {
  const auto& target = descriptor.target;
  if (descriptor.number <= 2 || target.starts_with("anon_inode:") ||
      target.starts_with("/memfd:") ||
      (target.starts_with("/dev/") && !target.starts_with("/dev/shm/")))
    return true;
  return target.starts_with("pipe:") &&
         std::ranges::any_of(at.descriptors, [&](const OpenDescriptor& other) {
           return other.target == target &&
                  (other.flags & O_ACCMODE) != (descriptor.flags & O_ACCMODE);
         });
}

LeftOpen of_socket(const OpenDescriptor& descriptor, const Socket& socket,
                   const std::set<std::uint16_t>& ports) {
  LeftOpen left{.kind = Kind::socket, .text = descriptor.target, .unread = descriptor.unread};
  const bool accepted = socket.has_listeners_name || ports.contains(socket.port);
  if (socket.listening) {
    left.kind = Kind::listener;
    left.severity = Severity::fail;
    left.text = "listens on " + socket.own;
  } else if (accepted) {
    left.kind = Kind::connection;
    const bool lives = socket.connected && !descriptor.peer_left;
    if (lives || descriptor.unread > 0) left.severity = Severity::fail;
    left.text = "accepted at " + socket.own;
    if (!socket.peer.empty()) left.text += " from " + socket.peer;
    if (!lives) left.text += ", half closed";
    if (descriptor.unread > 0) left.text += ", " + std::to_string(descriptor.unread) + " bytes unread";
  } else if (!socket.peer.empty()) {
    left.text = "connected to " + socket.peer;
  }
  return left;
}

LeftOpen of_file(const OpenDescriptor& descriptor, const Background& background) {
  LeftOpen left{.kind = Kind::file, .text = descriptor.target};
  if (!descriptor.synced || *descriptor.synced == Synced::yes ||
      !is_below(descriptor.target, background.state_folder))
    return left;
  left.kind = Kind::unsynced;
  const bool known = *descriptor.synced == Synced::no;
  if (known) left.severity = Severity::fail;
  left.text += known ? ": written and not synced" : ": open for writing, whether synced is not known";
  return left;
}

}  // namespace

std::set<std::uint16_t> listening_ports(const AtExit& looked_at) {
  return ports_of(looked_at, sockets_of(looked_at));
}

std::vector<LeftOpen> left_open(const AtExit& at_exit, const Background& background) {
  std::vector<LeftOpen> all;
  const auto sockets = sockets_of(at_exit);
  auto ports = ports_of(at_exit, sockets);
  ports.insert(background.listening.begin(), background.listening.end());
  for (const auto& descriptor : at_exit.descriptors) {
    if (is_ignored(descriptor, at_exit)) continue;
    const auto socket = sockets.find(descriptor.target);
    auto left = socket != sockets.end() ? of_socket(descriptor, socket->second, ports)
                                        : of_file(descriptor, background);
    if (left.kind == Kind::file && descriptor.target.starts_with("socket:")) left.kind = Kind::socket;
    if ((left.kind == Kind::file || left.kind == Kind::socket) &&
        background.at_readiness.contains({descriptor.number, descriptor.target}))
      continue;
    left.descriptor = descriptor.number;
    if (background.held_elsewhere.contains(descriptor.target)) {
      left.severity = Severity::warn;
      left.text += ", which another process holds too";
    }
    all.push_back(std::move(left));
  }
  for (const auto& child : at_exit.children) {
    all.push_back({.kind = Kind::child,
                   .severity = Severity::fail,
                   .text = "child " + std::to_string(child.pid) + " (" + child.name +
                           (child.zombie ? ") is a zombie" : ") is alive")});
  }
  if (!at_exit.other_threads.empty() && !at_exit.runtime_has_threads) {
    const auto& names = at_exit.other_threads;
    LeftOpen left{.kind = Kind::threads, .text = std::to_string(names.size()) + " other threads: "};
    for (std::size_t i = 0; i < std::min(names.size(), kNamedThreads); ++i)
      left.text += (i == 0 ? "" : ", ") + names[i];
    if (names.size() > kNamedThreads) left.text += ", …";
    all.push_back(std::move(left));
  }
  return all;
}

}  // namespace lastcall
