// The race: a handler looks whether the server is stopping and then counts itself among those at
// work. Between the two the stop sets the flag, finds nobody at work and closes the database,
// which the handler then uses: that aborts.
//
// The mend (FIXED): the handler counts itself first and looks then.
#include <pthread.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>

namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenRequests = 500us;

class Database {
 public:
  [[gnu::noinline]] void store() {
    if (!open_) {
      std::fputs("the database is used after its close\n", stderr);
      std::abort();
    }
    ++rows_;
  }
  [[gnu::noinline]] void close() { open_ = false; }

 private:
  std::atomic<bool> open_ = true;
  std::atomic<long> rows_ = 0;
};

class Tracker {
 public:
  bool enter() {
#ifdef FIXED
    ++at_work_;
    if (!stopping_) return true;
    leave();
    return false;
#else
    if (stopping_) return false;
    ++at_work_;
    return true;
#endif
  }

  void leave() {
    if (--at_work_ == 0) at_work_.notify_all();
  }

  [[gnu::noinline]] void drain() {
    stopping_ = true;
    for (int left = at_work_; left != 0; left = at_work_) at_work_.wait(left);
  }

 private:
  std::atomic<bool> stopping_ = false;
  std::atomic<int> at_work_ = 0;
};

void handle_requests(Tracker& tracker, Database& database) {
  pthread_setname_np(pthread_self(), "handler");
  while (tracker.enter()) {
    database.store();
    tracker.leave();
    std::this_thread::sleep_for(kBetweenRequests);
  }
}

}  // namespace

int main() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  Tracker tracker;
  Database database;
  std::array<std::thread, 2> handlers;
  for (auto& handler : handlers) {
    handler = std::thread(handle_requests, std::ref(tracker), std::ref(database));
  }
  std::puts("ready");
  std::fflush(stdout);

  int signal = 0;
  sigwait(&stop, &signal);
  tracker.drain();
  database.close();
  for (auto& handler : handlers) handler.join();
  return 0;
}
