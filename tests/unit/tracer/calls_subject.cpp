// Programs whose system calls the tests of the injector count: `calls_subject NAME …`. Each says on
// standard output what its calls returned.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

void say(const char* what, int number, int result) {
  if (result < 0) std::printf("%s %d: %s\n", what, number, strerrorname_np(errno));
}

// N.tmp is written, synced and renamed to N.ckpt, one after the other, in the working directory.
int save_files(const char* folder, int count) {
  if (::chdir(folder) != 0) return 1;
  for (int i = 1; i <= count; ++i) {
    const auto name = std::to_string(i);
    const int file = ::open((name + ".tmp").c_str(), O_WRONLY | O_CREAT, 0600);
    say("write", i, static_cast<int>(::write(file, "0123456789", 10)));
    say("fsync", i, ::fsync(file));
    ::close(file);
    say("rename", i, ::rename((name + ".tmp").c_str(), (name + ".ckpt").c_str()));
  }
  std::puts("done");
  return 0;
}

// Each file in a process of its own, one after the other.
int save_in_children(const char* folder, int count) {
  for (int i = 0; i < count; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (::chdir(folder) != 0) ::_exit(1);
      const auto name = "child-" + std::to_string(i);
      ::close(::open(name.c_str(), O_WRONLY | O_CREAT, 0600));
      ::_exit(::rename(name.c_str(), (name + ".ckpt").c_str()) == 0 ? 0 : errno);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    std::printf("child %d: %d\n", i, WEXITSTATUS(status));
  }
  return 0;
}

// A listener, and a client of it in this very process.
struct Served {
  int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  Served() {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listening, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listening, 5);
    ::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size);
  }
  [[nodiscard]] int client() const {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    return socket;
  }
};

int accept_two() {
  const Served served;
  (void)served.client();
  for (int i = 1; i <= 2; ++i) {
    const int connection = ::accept(served.listening, nullptr, nullptr);
    std::printf("accept %d: %s\n", i, connection < 0 ? strerrorname_np(errno) : "connected");
  }
  return 0;
}

// Sends three parts by one call, until all of it is sent, first by the client and then by the
// server; says how much each call sent.
int send_parts(bool by_message) {
  const Served served;
  const int client = served.client();
  const int connection = ::accept(served.listening, nullptr, nullptr);
  for (const int socket : {client, connection}) {
    char text[] = "abcdefghijkl";
    std::size_t sent = 0;
    while (sent < 12) {
      std::vector<iovec> parts;
      for (std::size_t at = sent; at < 12; at += 4)
        parts.push_back({text + at, std::min<std::size_t>(4, 12 - at)});
      const auto before = parts;
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = parts.size();
      const auto count = by_message
                             ? ::sendmsg(socket, &message, 0)
                             : ::writev(socket, parts.data(), static_cast<int>(parts.size()));
      if (count <= 0) return 1;
      const bool whole =
          message.msg_iovlen == parts.size() &&
          std::memcmp(before.data(), parts.data(), parts.size() * sizeof(iovec)) == 0;
      std::printf("%s %zd%s\n", socket == client ? "client" : "server", count,
                  whole ? "" : ", and its arguments were changed");
      sent += static_cast<std::size_t>(count);
    }
    char got[13] = {};
    const int peer = socket == client ? connection : client;
    if (::recv(peer, got, 12, MSG_WAITALL) != 12 || std::string_view(got) != text) return 1;
  }
  return 0;
}

// Sends once, and waits as epoll(7) says that one has to after a short write.
int send_by_edges() {
  const Served served;
  const int client = served.client();
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 1;
  for (const int socket : {client, pair[0]}) {
    const int poll = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{.events = EPOLLOUT | EPOLLET, .data = {}};
    ::epoll_ctl(poll, EPOLL_CTL_ADD, socket, &event);
    if (::epoll_wait(poll, &event, 1, 5000) != 1) return 1;
    const auto sent = ::send(socket, "0123456789ab", 12, 0);
    std::printf("%s: %zd, %s\n", socket == client ? "tcp" : "unix", sent,
                ::epoll_wait(poll, &event, 1, 2000) == 1 ? "then room" : "no room");
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::string_view program = count > 1 ? arguments[1] : "";
  if (program == "files") return save_files(arguments[2], std::atoi(arguments[3]));
  if (program == "children") return save_in_children(arguments[2], std::atoi(arguments[3]));
  if (program == "accept") return accept_two();
  if (program == "edges") return send_by_edges();
  if (program == "writev") return send_parts(false);
  if (program == "sendmsg") return send_parts(true);
  return 2;
}
