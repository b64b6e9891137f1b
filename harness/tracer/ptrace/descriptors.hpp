// What /proc says of another process and its open descriptors (proc(5), "/proc/pid/fd"). `tid`: any
// of its threads that has not ended; that of the leader alone would show nothing once it has.
// Everything may be gone or closed meanwhile: then the answer is empty. From any thread.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/scoped_fd.hpp"

namespace lastcall {

std::string thread_name(pid_t tid);
// Its words with spaces between them; the name of one that has none, such as a kernel thread.
std::string command_of(pid_t pid);

std::vector<int> descriptors_of(pid_t tid);
// "socket:[4711]", "pipe:[12]", "/var/log/a", "/var/log/a (deleted)".
std::string descriptor_target(pid_t tid, int descriptor);
// As given to open(2).
std::optional<unsigned> descriptor_flags(pid_t tid, int descriptor);

// The same open file (pidfd_getfd(2)). To be closed again before the process goes on, or what it
// closes stays open.
ScopedFd copy_of_descriptor(pid_t tid, int descriptor);

// The text of an address that bind(2) or connect(2) is given, as below.
std::string address_text(const sockaddr_storage& address, socklen_t size);
// The address of the socket itself and that of its peer: "127.0.0.1:80", "[::1]:80", "/run/a.sock",
// "@abstract"; empty if the family or the name is unknown.
std::string own_address(int socket);
std::string peer_address(int socket);

}  // namespace lastcall
