// Programs whose threads wait for each other in known ways: `waits_subject NAME`. Each prints
// "ready" once every thread holds what it holds and is about to wait for the rest. Built without
// sanitizers and without frame pointers.
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

// Keeps a call from becoming a jump, which would leave no frame.
#define STAY asm volatile("" ::: "memory")

std::mutex accounts;  // a global, which symbols name

namespace {

volatile bool over = false;

void say_ready() { (void)!::write(1, "ready\n", 6); }
void wait_for_ever() {
  while (!over) ::pause();
}
void name_thread(const std::string& name) { ::pthread_setname_np(::pthread_self(), name.c_str()); }

}  // namespace

namespace subject {

// Who comes last says that all are there.
using Meeting = std::barrier<void (*)() noexcept>;
void ready() noexcept { say_ready(); }

template <class Lock>
[[gnu::noinline]] void take_second(Lock& lock) {
  lock.lock();
  STAY;
}

// As many threads as locks, each of which holds one and wants the next.
template <class Lock, std::size_t kCount>
int run_cycle(std::array<Lock, kCount>& locks) {
  Meeting meeting(kCount, ready);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kCount; ++i) {
    threads.emplace_back([&, i] {
      name_thread("worker-" + std::to_string(i + 1));
      const std::scoped_lock held(locks[i]);
      meeting.arrive_and_wait();
      take_second(locks[(i + 1) % kCount]);
    });
  }
  wait_for_ever();
  return 0;
}

int run_mutexes() {
  static std::array<std::mutex, 2> locks;
  return run_cycle(locks);
}
int run_three_mutexes() {
  static std::array<std::mutex, 3> locks;
  return run_cycle(locks);
}
int run_timed_mutexes() {
  struct Timed : std::timed_mutex {
    void lock() {
      if (!try_lock()) (void)try_lock_for(std::chrono::hours(1));
    }
  };
  static std::array<Timed, 2> locks;
  return run_cycle(locks);
}
int run_rwlocks() {
  static std::array<std::shared_mutex, 2> locks;
  return run_cycle(locks);
}

// Holds as a writer, wants as a reader.
int run_readers() {
  struct Reads : std::shared_mutex {
    void lock() {
      if (!try_lock()) lock_shared();
    }
  };
  static std::array<Reads, 2> locks;
  return run_cycle(locks);
}

[[gnu::noinline]] void read_and_write(std::shared_mutex& one, std::shared_mutex& other,
                                      Meeting& meeting) {
  const std::shared_lock held(one);
  meeting.arrive_and_wait();
  take_second(other);
}

// Each reads one and wants to write the other. Who starts them knows the locks by another address.
int run_shared() {
  struct Account {
    long balance = 0;
    std::shared_mutex mutex;
  };
  const auto one = std::make_unique<Account>();
  const auto two = std::make_unique<Account>();
  Meeting meeting(2, ready);
  std::thread first([&] { read_and_write(one->mutex, two->mutex, meeting); });
  std::thread second([&] { read_and_write(two->mutex, one->mutex, meeting); });
  wait_for_ever();
  return 0;
}

int run_priority_mutexes() {
  struct Inheriting {
    pthread_mutex_t mutex;
    Inheriting() {
      pthread_mutexattr_t attributes;
      ::pthread_mutexattr_init(&attributes);
      ::pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
      ::pthread_mutex_init(&mutex, &attributes);
    }
    void lock() { ::pthread_mutex_lock(&mutex); }
    void unlock() { ::pthread_mutex_unlock(&mutex); }
  };
  static std::array<Inheriting, 2> locks;
  return run_cycle(locks);
}

int run_join() {
  accounts.lock();
  std::thread other([] {
    name_thread("joined");
    say_ready();
    take_second(accounts);
  });
  other.join();
  STAY;
  return 0;
}

int run_self() {
  accounts.lock();
  say_ready();
  take_second(accounts);
  return 0;
}

int run_self_local() {
  std::mutex local;
  local.lock();
  say_ready();
  take_second(local);
  return 0;
}

// Notified, it wants the mutex again that who notified it keeps while waiting for its end.
int run_notified() {
  static std::mutex mutex;
  static std::condition_variable condition;
  static std::atomic<bool> locked = false;
  static bool done = false;
  std::thread other([] {
    name_thread("notified");
    std::unique_lock lock(mutex);
    locked = true;
    locked.notify_one();
    say_ready();
    condition.wait(lock, [] { return done; });
    STAY;
  });
  locked.wait(false);
  mutex.lock();  // given away only by waiting
  done = true;
  condition.notify_all();
  other.join();
  STAY;
  return 0;
}

// Ends with the mutex locked.
int run_ended() {
  std::thread([] { accounts.lock(); }).join();
  say_ready();
  take_second(accounts);
  return 0;
}

std::mutex queue_mutex;
std::condition_variable queue;

[[gnu::noinline]] void wait_in_queue() {
  std::unique_lock lock(queue_mutex);
  for (;;) queue.wait(lock);
}

int run_healthy() {
  std::vector<std::thread> threads;
  Meeting meeting(5, ready);
  threads.emplace_back([&] {
    meeting.arrive_and_wait();
    wait_in_queue();
  });
  threads.emplace_back([&] {
    meeting.arrive_and_wait();
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable timed;
    for (;;) timed.wait_for(lock, std::chrono::hours(1));
  });
  threads.emplace_back([&] {
    meeting.arrive_and_wait();
    static sem_t semaphore;
    ::sem_init(&semaphore, 0, 0);
    for (;;) ::sem_wait(&semaphore);
  });
  threads.emplace_back([&] {
    meeting.arrive_and_wait();
    const timespec hour{3600, 0};
    for (;;) ::nanosleep(&hour, nullptr);
  });
  meeting.arrive_and_wait();
  const int epoll = ::epoll_create1(0);
  epoll_event event{};
  while (!over) (void)::epoll_wait(epoll, &event, 1, -1);
  return 0;
}

// One waits for the mutex of another that is at work with it.
int run_contended() {
  accounts.lock();
  std::thread other([] {
    name_thread("waiting");
    say_ready();
    take_second(accounts);
  });
  wait_for_ever();
  return 0;
}

int run_unnotified() {
  Meeting meeting(2, ready);
  std::thread other([&] {
    name_thread("worker");
    meeting.arrive_and_wait();
    wait_in_queue();
  });
  meeting.arrive_and_wait();
  other.join();
  STAY;
  return 0;
}

}  // namespace subject

int main(int count, char** arguments) {
  const std::map<std::string, std::function<int()>> programs{
      {"mutexes", subject::run_mutexes},
      {"three-mutexes", subject::run_three_mutexes},
      {"timed-mutexes", subject::run_timed_mutexes},
      {"rwlocks", subject::run_rwlocks},
      {"readers", subject::run_readers},
      {"shared", subject::run_shared},
      {"priority-mutexes", subject::run_priority_mutexes},
      {"join", subject::run_join},
      {"self", subject::run_self},
      {"self-local", subject::run_self_local},
      {"notified", subject::run_notified},
      {"ended", subject::run_ended},
      {"healthy", subject::run_healthy},
      {"contended", subject::run_contended},
      {"unnotified", subject::run_unnotified},
  };
  const auto found = programs.find(count > 1 ? arguments[1] : "");
  if (found == programs.end()) return 2;
  const int result = found->second();
  STAY;
  return result;
}
