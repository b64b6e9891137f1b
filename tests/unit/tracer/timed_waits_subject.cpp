// Programs that wait for a time when they are stopped: `timed_waits_subject NAME`. Each prints
// "ready", is sent SIGTERM and ends. Built without sanitizers and without frame pointers.
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <ctime>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

// Keeps a call from becoming a jump, which would leave no frame.
#define STAY asm volatile("" ::: "memory")

namespace {

using namespace std::chrono_literals;

std::atomic<bool> stopping = false;

void say_ready() { (void)!::write(1, "ready\n", 6); }
void set_flag_at_stop() {
  ::signal(SIGTERM, [](int) { stopping = true; });
}
void block_stop() {
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &term, nullptr);
}
void await_stop() {
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  int number = 0;
  ::sigwait(&term, &number);
}

}  // namespace

namespace subject {

// Whatever signal comes.
[[gnu::noinline]] void sleep_a_while(int ms) {
  timespec rest{0, ms * 1'000'000L};
  while (::nanosleep(&rest, &rest) != 0) STAY;
}
[[gnu::noinline]] void poll_nothing(int limit) {
  ::poll(nullptr, 0, limit);
  STAY;
}

// The handler interrupts the sleep, which goes on after it.
int look_for_flag() {
  set_flag_at_stop();
  say_ready();
  while (!stopping) sleep_a_while(300);
  return 0;
}
// Another thread than the one that takes the signal looks for it.
int join_acceptor() {
  block_stop();
  int ends[2];
  (void)!::pipe(ends);
  std::thread acceptor([&] {
    ::pthread_setname_np(::pthread_self(), "acceptor");
    pollfd listener{ends[0], POLLIN, 0};
    while (!stopping) ::poll(&listener, 1, 300);
  });
  say_ready();
  await_stop();
  stopping = true;
  acceptor.join();
  return 0;
}
int sleep_once() {
  block_stop();
  say_ready();
  await_stop();
  sleep_a_while(200);
  return 3;
}
int poll_three_times() {
  block_stop();
  say_ready();
  await_stop();
  for (int i = 0; i < 3; ++i) poll_nothing(50);
  return 0;
}
int wait_for_nobody() {
  block_stop();
  say_ready();
  await_stop();
  std::mutex mutex;
  std::condition_variable changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, 100ms);
  return 0;
}
// In each of the other ways.
int wait_in_every_way() {
  block_stop();
  say_ready();
  await_stop();
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  ::epoll_wait(poll, &event, 1, 20);
  timespec limit{0, 21'000'000};
  ::epoll_pwait2(poll, &event, 1, &limit, nullptr);
  timeval time{0, 22'000};
  ::select(0, nullptr, nullptr, nullptr, &time);
  limit = {0, 23'000'000};
  ::pselect(0, nullptr, nullptr, nullptr, &limit, nullptr);
  pollfd descriptor{poll, POLLIN, 0};
  ::ppoll(&descriptor, 1, &limit, nullptr);
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigtimedwait(&term, nullptr, &limit);
  return 0;
}
// Nothing of this waits its time out, or for long.
int wait_for_somebody() {
  block_stop();
  say_ready();
  await_stop();
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  for (int i = 0; i < 100; ++i) ::epoll_wait(poll, &event, 1, 0);
  for (int i = 0; i < 20; ++i) ::epoll_wait(poll, &event, 1, 2);
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::thread worker([&] {
    ::usleep(5'000);
    const std::scoped_lock lock(mutex);
    done = true;
    changed.notify_one();
  });
  std::unique_lock lock(mutex);
  changed.wait_for(lock, 10s, [&] { return done; });
  lock.unlock();
  worker.join();
  return 0;
}

const std::map<std::string, std::function<int()>> kPrograms{
    {"flag", look_for_flag},         {"acceptor", join_acceptor},    {"sleep", sleep_once},
    {"polls", poll_three_times},     {"condition", wait_for_nobody}, {"ways", wait_in_every_way},
    {"somebody", wait_for_somebody},
};

}  // namespace subject

int main(int count, char** arguments) {
  const auto program = subject::kPrograms.find(count > 1 ? arguments[1] : "");
  return program == subject::kPrograms.end() ? 2 : program->second();
}
