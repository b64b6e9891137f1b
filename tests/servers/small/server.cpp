// A small HTTP server, one thread: `server MODE PORT`. What each MODE is, right or wrong, says
// ../strangers.py.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

struct Statistics {
  long answers = 0;
};
Statistics* statistics = nullptr;

// False when the connection is over. Requests have no body and come in one piece.
bool answer(int connection) {
  char buffer[4096];
  if (::recv(connection, buffer, sizeof buffer, 0) <= 0) return false;
  const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  ++statistics->answers;
  return ::send(connection, text.data(), text.size(), MSG_NOSIGNAL) > 0;
}

void say_goodbye(int connection) {
  char buffer[4096];
  ::shutdown(connection, SHUT_WR);
  while (::recv(connection, buffer, sizeof buffer, 0) > 0) {
  }
  ::close(connection);
}

int listen_at(int port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, 128) != 0)
    std::exit(2);
  return listener;
}

void write_statistics(const Statistics* of) {
  const auto text = std::to_string(of->answers) + " answers\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) std::exit(4);
}

}  // namespace

int main(int, char** arguments) {
  const std::string mode = arguments[1];
  statistics = new Statistics;
  sigset_t stop{};
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  if (mode != "no_handler") sigprocmask(SIG_BLOCK, &stop, nullptr);
  std::vector<pollfd> watched{{::signalfd(-1, &stop, 0), POLLIN, 0},
                              {listen_at(std::atoi(arguments[2])), POLLIN, 0}};
  while (watched[0].revents == 0) {
    for (std::size_t i = watched.size(); i-- > 2;) {
      if (watched[i].revents == 0 || answer(watched[i].fd)) continue;
      ::close(watched[i].fd);
      watched.erase(watched.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (watched[1].revents != 0)
      watched.push_back({::accept(watched[1].fd, nullptr, nullptr), POLLIN, 0});
    ::poll(watched.data(), watched.size(), -1);
  }
  ::close(watched[1].fd);
  const Statistics* kept = mode == "null_at_stop" ? nullptr : statistics;
  if (mode == "null_at_stop") write_statistics(kept);
  for (std::size_t i = 2; i < watched.size(); ++i) {
    if (watched[i].revents != 0) answer(watched[i].fd);
    say_goodbye(watched[i].fd);
  }
  write_statistics(kept);
  return 0;
}
