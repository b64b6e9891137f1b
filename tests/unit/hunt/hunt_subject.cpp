// Programs that the tests of a hunt run: `hunt_subject NAME`. Built without sanitizers, which have
// threads and handlers of their own.
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

std::atomic<long> g_visits = 0;
std::atomic<bool> g_stored = false;

// Its first instruction is none that a tracer knows how to do itself.
extern "C" [[gnu::noinline, gnu::used]] void visit() {
  g_visits.fetch_add(1);
  asm volatile("" ::: "memory");
}

extern "C" [[gnu::noinline, gnu::used]] void store() {
  g_stored = true;
  asm volatile("" ::: "memory");
}

extern "C" [[gnu::noinline, gnu::used]] void tick() { asm volatile("nop" ::: "memory"); }

namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 20;

int visit_in_threads() {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([] {
      for (int n = 0; n < kRounds; ++n) visit();
    });
  }
  for (auto& thread : threads) thread.join();
  return g_visits == kThreads * kRounds ? 0 : 1;
}

int visit_in_children() {
  visit();
  const pid_t forked = ::fork();
  if (forked == 0) {
    for (int i = 0; i < 10; ++i) visit();
    ::_exit(g_visits == 11 ? 5 : 6);
  }
  int status = 0;
  if (::waitpid(forked, &status, 0) != forked || !WIFEXITED(status) || WEXITSTATUS(status) != 5)
    return 1;
  const pid_t executed = ::vfork();
  if (executed == 0) {
    ::execl("/bin/true", "true", nullptr);
    ::_exit(6);
  }
  if (::waitpid(executed, &status, 0) != executed || status != 0) return 2;
  visit();
  return g_visits == 2 ? 0 : 3;
}

int store_in_time() {
  std::thread late([] {
    pthread_setname_np(pthread_self(), "late");
    store();
  });
  for (int i = 0; i < 50 && !g_stored; ++i) ::usleep(2000);
  const bool in_time = g_stored;
  late.join();
  return in_time ? 0 : 3;
}

sigset_t block_sigterm() {
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, nullptr);
  return term;
}

void wait_for_sigterm(const sigset_t& term) {
  std::puts("ready");
  std::fflush(stdout);
  int number = 0;
  ::sigwait(&term, &number);
}

int tick_until_stopped() {
  const auto term = block_sigterm();
  std::atomic<bool> over = false;
  std::thread ticker([&] {
    while (!over) {
      tick();
      ::usleep(1000);
    }
  });
  wait_for_sigterm(term);
  over = true;
  ticker.join();
  return 0;
}

// Its signal would end it for as long as it has printed nothing.
int print_late() {
  ::usleep(900'000);
  return tick_until_stopped();
}

int say_nothing() {
  const auto term = block_sigterm();
  int number = 0;
  return ::sigwait(&term, &number);
}

int wait_forever() {
  const auto term = block_sigterm();
  wait_for_sigterm(term);
  std::mutex mutex;
  mutex.lock();
  std::thread([&] { mutex.lock(); }).join();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  if (name == "threads") return visit_in_threads();
  if (name == "children") return visit_in_children();
  if (name == "store") return store_in_time();
  if (name == "ticks") return tick_until_stopped();
  if (name == "late") return print_late();
  if (name == "silent") return say_nothing();
  if (name == "hangs") return wait_forever();
  return 64;
}
