// What a process that ends by itself should have closed, waited for or written out before. A pure
// function of what a look at it found; from any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/names.hpp"

namespace lastcall {

struct LeftOpen {
  enum class Kind : std::uint8_t { listener, connection, socket, unsynced, file, child, threads };
  BOOST_DESCRIBE_NESTED_ENUM(Kind, listener, connection, socket, unsynced, file, child, threads)
  enum class Severity : std::uint8_t { warn, fail };
  Kind kind = Kind::file;
  Severity severity = Severity::warn;
  std::string text;  // "accepted at 127.0.0.1:80 from 127.0.0.1:4711, 12 bytes unread"
  int descriptor = -1;
  std::uint64_t unread = 0;  // bytes; closing makes a reset of them, and a reply is lost
};

// Whether what was written to a file is on the disk; `unknown`: not all was seen.
enum class Synced : std::uint8_t { yes, no, unknown };

// Of those that make connections; also of AF_UNIX.
struct SocketState {
  bool listening = false;
  bool connected = false;  // neither side has ended it
  std::string own{};       // "127.0.0.1:80", "/run/a.sock"; empty: no name
  std::string peer{};
  std::uint64_t unread = 0;  // bytes
};

struct OpenDescriptor {
  int number = -1;
  std::string target;              // of /proc/PID/fd
  unsigned flags = 0;              // of open(2)
  std::optional<Synced> synced{};  // of regular files that are open for writing
  std::optional<SocketState> socket{};
};

struct ChildProcess {
  pid_t pid = 0;
  std::string name;
  bool zombie = false;
};

struct AtExit {
  std::vector<OpenDescriptor> descriptors{};
  std::vector<ChildProcess> children{};
  std::vector<std::string> other_threads{};  // names
  bool runtime_has_threads = false;          // Go, Node, JVM: nobody can join those
};

// What else one has to know.
struct Background {
  std::string state_folder{};                            // empty: none
  std::set<std::pair<int, std::string>> at_readiness{};  // descriptors and their targets
  std::set<std::string> listening{};       // places of listeners that may be closed by now
  std::set<std::string> held_elsewhere{};  // targets that other living processes have open
};

// Fails: listeners; accepted connections that still are one, or have unread bytes; files below the
// state folder that were written and not synced; children. Warns: everything else but what was open
// at readiness; and what would fail, if another process holds it too: this exit does not end it.
// Ignores the standard streams, devices, what has no file, pipes to itself.
// A connection counts as accepted if its own address is that of a listener.
std::vector<LeftOpen> left_open(const AtExit& at_exit, const Background& background);

// Where sockets among the descriptors listen: ":80" whatever the address, or a name of AF_UNIX.
std::set<std::string> listening_places(const std::vector<OpenDescriptor>& descriptors);

}  // namespace lastcall
