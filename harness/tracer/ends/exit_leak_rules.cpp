#include "tracer/ends/exit_leak_rules.hpp"

#include <fcntl.h>

#include <algorithm>

namespace lastcall {
namespace {

using Kind = LeftOpen::Kind;
using Severity = LeftOpen::Severity;
constexpr std::size_t kNamedThreads = 8;  // as many as a line of text can bear

// An accepted AF_UNIX socket has the name of its listener, the other end has none (unix(7)). A name
// may be a relative path; other addresses end with a port.
bool is_unix(const std::string& address) {
  const bool has_port =
      address.find(':') != std::string::npos && address.find('/') == std::string::npos;
  return address.starts_with('@') || (!address.empty() && !has_port);
}
std::string place_of(const std::string& address) {
  return is_unix(address) ? address : address.substr(std::min(address.rfind(':'), address.size()));
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

LeftOpen of_socket(const OpenDescriptor& descriptor, const std::set<std::string>& listening) {
  LeftOpen left{.kind = Kind::socket, .text = descriptor.target};
  if (!descriptor.socket) return left;
  const auto& socket = *descriptor.socket;
  left.unread = socket.unread;
  if (socket.listening) {
    left.kind = Kind::listener;
    left.severity = Severity::fail;
    left.text = "listens on " + socket.own;
  } else if (is_unix(socket.own) || listening.contains(place_of(socket.own))) {
    left.kind = Kind::connection;
    if (socket.connected || socket.unread > 0) left.severity = Severity::fail;
    left.text = "accepted at " + socket.own;
    if (!socket.peer.empty()) left.text += " from " + socket.peer;
    if (!socket.connected) left.text += ", ended by one side";
    if (socket.unread > 0) left.text += ", " + std::to_string(socket.unread) + " bytes unread";
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
  left.text +=
      known ? ": written and not synced" : ": open for writing, whether synced is not known";
  return left;
}

}  // namespace

std::set<std::string> listening_places(const std::vector<OpenDescriptor>& descriptors) {
  std::set<std::string> places;
  for (const auto& descriptor : descriptors) {
    if (descriptor.socket && descriptor.socket->listening)
      places.insert(place_of(descriptor.socket->own));
  }
  return places;
}

std::vector<LeftOpen> left_open(const AtExit& at_exit, const Background& background) {
  std::vector<LeftOpen> all;
  auto listening = listening_places(at_exit.descriptors);
  listening.insert(background.listening.begin(), background.listening.end());
  for (const auto& descriptor : at_exit.descriptors) {
    if (is_ignored(descriptor, at_exit)) continue;
    auto left = descriptor.target.starts_with("socket:") ? of_socket(descriptor, listening)
                                                         : of_file(descriptor, background);
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
