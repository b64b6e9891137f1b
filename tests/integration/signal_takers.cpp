// A server whose threads all work when it is told to stop, and which says which of them took
// SIGTERM. signal_takers all|workers PORT: every thread would take it, or not the first one. Its
// two workers write all the time, so that a tracer that stops at writes often meets them stopped.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

namespace {

thread_local const char* name = "the first thread";
int taken[2];

void take(int) { (void)!::write(taken[1], name, std::strlen(name)); }

void work(const char* as) {
  name = as;
  std::FILE* nowhere = std::fopen("/dev/null", "w");
  for (;;) {
    (void)!::write(::fileno(nowhere), "", 1);
    ::usleep(20);
  }
}

void answer(int listener) {
  constexpr std::string_view kAnswer =
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
  for (;;) {
    const int connection = ::accept(listener, nullptr, nullptr);
    if (connection < 0) return;
    char request[4096];
    (void)!::read(connection, request, sizeof request);
    (void)!::write(connection, kAnswer.data(), kAnswer.size());
    ::close(connection);
  }
}

int listen_at(int port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  (void)::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = ::htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 64) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  return listener;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3 || ::pipe(taken) != 0) return 2;
  const bool first_too = std::string_view(arguments[1]) == "all";
  const int listener = listen_at(std::atoi(arguments[2]));
  struct sigaction action {};
  action.sa_handler = take;
  action.sa_flags = SA_RESTART;
  (void)::sigaction(SIGTERM, &action, nullptr);

  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &term, nullptr);
  std::thread answering(answer, listener);
  ::pthread_sigmask(SIG_UNBLOCK, &term, nullptr);
  std::thread(work, "worker 1").detach();
  std::thread(work, "worker 2").detach();
  if (!first_too) ::pthread_sigmask(SIG_BLOCK, &term, nullptr);

  std::puts("ready");
  std::fflush(stdout);
  char taker[64]{};
  while (::read(taken[0], taker, sizeof taker - 1) < 0 && errno == EINTR) {
  }
  ::shutdown(listener, SHUT_RDWR);
  answering.join();
  std::printf("taken by %s\n", taker);
  std::fflush(stdout);
  ::_exit(0);
}
