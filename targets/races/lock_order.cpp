// The race: the auditor locks the connections and then the journal. Between the two the stop, which
// locks them in the other order, locks the journal: each waits for the other, and the process never
// ends.
//
// The mend (FIXED): the stop locks them in the auditor's order.
#include <pthread.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <mutex>
#include <thread>

namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenAudits = 1ms;

class Connections {
 public:
  std::mutex mutex;

  [[gnu::noinline]] [[nodiscard]] int count() const {
    int open = 0;
    for (const bool connection : open_) open += connection ? 1 : 0;
    return open;
  }
  [[gnu::noinline]] void close_all() { open_.fill(false); }

 private:
  std::array<bool, 100> open_ = [] {
    std::array<bool, 100> all;
    all.fill(true);
    return all;
  }();
};

class Journal {
 public:
  std::mutex mutex;

  [[gnu::noinline]] void write(int connections) { last_ = connections; }

 private:
  int last_ = 0;
};

struct Server {
  Connections connections;
  Journal journal;
  std::atomic<bool> stopping = false;
};

[[gnu::noinline]] void audit(Server& server) {
  const std::scoped_lock nobody_comes(server.connections.mutex);
  const int count = server.connections.count();
  const std::scoped_lock writing(server.journal.mutex);
  server.journal.write(count);
}

void keep_auditing(Server& server) {
  pthread_setname_np(pthread_self(), "auditor");
  while (!server.stopping) {
    audit(server);
    std::this_thread::sleep_for(kBetweenAudits);
  }
}

[[gnu::noinline]] void close_connections(Server& server) {
#ifdef FIXED
  const std::scoped_lock nobody_comes(server.connections.mutex);
  const std::scoped_lock writing(server.journal.mutex);
#else
  const std::scoped_lock writing(server.journal.mutex);
  const std::scoped_lock nobody_comes(server.connections.mutex);
#endif
  server.connections.close_all();
  server.journal.write(0);
}

}  // namespace

int main() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  Server server;
  std::thread auditor(keep_auditing, std::ref(server));
  std::puts("ready");
  std::fflush(stdout);

  int signal = 0;
  sigwait(&stop, &signal);
  close_connections(server);
  server.stopping = true;
  auditor.join();
  return 0;
}
