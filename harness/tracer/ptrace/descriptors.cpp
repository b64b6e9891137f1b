#include "tracer/ptrace/descriptors.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/file.hpp"

namespace lastcall {
namespace {

constexpr unsigned kPidfdThread = O_EXCL;  // PIDFD_THREAD, Linux 6.9

std::string path_of(pid_t tid, const char* what) { return "/proc/" + std::to_string(tid) + what; }

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

std::string address(int socket, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (ask(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return address_text(address, size);
}

}  // namespace

std::string thread_name(pid_t tid) {
  auto name = read_file(path_of(tid, "/comm"));
  if (name && name->ends_with('\n')) name->pop_back();
  return name ? *name : "";
}

std::string command_of(pid_t pid) {
  auto text = read_file("/proc/" + std::to_string(pid) + "/cmdline");
  if (!text) return {};
  while (text->ends_with('\0')) text->pop_back();
  std::ranges::replace(*text, '\0', ' ');
  return text->empty() ? thread_name(pid) : *text;
}

std::vector<int> descriptors_of(pid_t tid) {
  std::vector<int> found;
  const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path_of(tid, "/fd").c_str()));
  if (!folder) return found;
  while (const auto* entry = ::readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    int number = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), number).ec == std::errc())
      found.push_back(number);
  }
  return found;
}

std::string descriptor_target(pid_t tid, int descriptor) {
  std::array<char, 4096> target{};
  const auto path = path_of(tid, "/fd/") + std::to_string(descriptor);
  const auto size = ::readlink(path.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

std::optional<unsigned> descriptor_flags(pid_t tid, int descriptor) {
  constexpr std::string_view kField = "flags:\t";
  const auto text = read_file(path_of(tid, "/fdinfo/") + std::to_string(descriptor));
  const auto at = text ? text->find(kField) : std::string::npos;
  if (at == std::string::npos) return std::nullopt;
  return static_cast<unsigned>(std::strtoul(text->c_str() + at + kField.size(), nullptr, 8));
}

ScopedFd copy_of_descriptor(pid_t tid, int descriptor) {
  ScopedFd process(static_cast<int>(::syscall(SYS_pidfd_open, tid, kPidfdThread)));
  if (!process) process = ScopedFd(static_cast<int>(::syscall(SYS_pidfd_open, tid, 0)));
  if (!process) return {};
  return ScopedFd(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), descriptor, 0)));
}

std::string address_text(const sockaddr_storage& address, socklen_t size) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
    return std::string(text.data()) + ":" + std::to_string(ntohs(in.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &in.sin6_addr, text.data(), text.size());
    return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(in.sin6_port));
  }
  constexpr auto kPath = offsetof(sockaddr_un, sun_path);
  if (address.ss_family != AF_UNIX || size <= kPath) return {};
  const auto& un = reinterpret_cast<const sockaddr_un&>(address);
  std::string path(un.sun_path, size - kPath);
  if (path.front() == '\0') return "@" + path.substr(1);
  return path.substr(0, path.find('\0'));
}

std::string own_address(int socket) { return address(socket, &::getsockname); }
std::string peer_address(int socket) { return address(socket, &::getpeername); }

}  // namespace lastcall
