// The TCP sockets on which a tree of processes listens, from /proc (proc(5)): of which process a
// socket is shows in its descriptors, where it listens in /proc/net/tcp and tcp6. Any thread.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lastcall {

struct Listener {
  std::string address{};  // numeric: "127.0.0.1", "::"
  std::uint16_t port = 0;
  std::uint64_t inode = 0;
  // Whether somebody who connects to a loopback address of this family reaches it.
  [[nodiscard]] bool is_reachable() const;
  friend auto operator<=>(const Listener&, const Listener&) = default;
};

// Those of the text of /proc/net/tcp or tcp6.
std::vector<Listener> listening_in(std::string_view text);

// Of these processes, sorted, each address and port once. What cannot be read is left out.
std::vector<Listener> listeners_of(const std::vector<pid_t>& pids);

}  // namespace lastcall
