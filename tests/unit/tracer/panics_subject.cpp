// Programs that make errors and go on: `panics_subject NAME`. Each exits with 0 unless it notices
// that it was disturbed. Built without sanitizers.
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csetjmp>

#include <atomic>
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace app {

struct BadPlan : std::logic_error {
  using std::logic_error::logic_error;
};
struct Tagged {
  virtual ~Tagged() = default;
  int tag = 0;
};
struct TaggedError : Tagged, BadPlan {
  TaggedError() : BadPlan("two bases") {}
};

std::vector<int> numbers(3);

[[gnu::noinline]] void index_beyond(std::size_t i) { numbers.at(i) = 1; }
[[gnu::noinline]] void peer_closes() {
  throw std::system_error(std::make_error_code(std::errc::broken_pipe));
}

[[gnu::noinline]] void swallow_all(const std::function<void()>& what) {
  try {
    what();
  } catch (...) {
    asm volatile("");
  }
}
[[gnu::noinline]] void expect_a_close(const std::function<void()>& what) {
  try {
    what();
  } catch (const std::system_error&) {
  }
}

int swallowed() {
  return swallow_all([] { index_beyond(7); }), 0;
}
int swallowed_close() { return swallow_all(peer_closes), 0; }
int expected_close() { return expect_a_close(peer_closes), 0; }

template <class Error>
int typed(const Error& error) {
  try {
    throw error;
  } catch (const std::exception&) {
  }
  return 0;
}

// The inner handlers of containers and the like.
int rethrown() {
  expect_a_close([] {
    try {
      peer_closes();
    } catch (...) {
      expect_a_close(peer_closes);  // meanwhile another one, that is expected
      throw;
    }
  });
  return 0;
}

int handed_on(void (*what)()) {
  auto result = std::async(std::launch::async, what);
  try {
    result.get();
  } catch (const std::exception&) {
  }
  return 0;
}

int nested() {
  try {
    peer_closes();
  } catch (...) {
    swallow_all([] { index_beyond(8); });
  }
  return 0;
}

int exit_in_handler() {
  try {
    index_beyond(9);
  } catch (...) {
    std::exit(0);
  }
  return 0;
}

int cancelled() {
  std::atomic<bool> ready = false;
  std::thread thread([&] {
    try {
      ready = true;
      for (;;) ::pause();
    } catch (...) {
      throw;
    }
  });
  while (!ready) std::this_thread::yield();
  ::pthread_cancel(thread.native_handle());
  thread.join();
  return 0;
}

void end_well() { ::_exit(0); }
[[gnu::noinline]] void must_not_throw() noexcept {
  peer_closes();
  asm volatile("");
}
int terminate_by_itself() {
  std::set_terminate(end_well);
  std::terminate();
}
int terminate_in_noexcept() {
  std::set_terminate(end_well);
  must_not_throw();
  return 1;
}
int terminate_without_handler() {
  std::set_terminate(end_well);
  peer_closes();
  return 1;
}

int terminate_by_default() { throw std::string("nobody catches it"); }

sigjmp_buf back;
volatile int* nowhere = nullptr;
[[gnu::noinline]] void write_nowhere() { *nowhere = 1; }
int catch_fault() {
  ::signal(SIGSEGV, [](int) { siglongjmp(back, 1); });
  if (sigsetjmp(back, 1) == 0) write_nowhere();
  return 0;
}
int catch_sent_signal() {
  ::signal(SIGSEGV, [](int) {});
  return ::raise(SIGSEGV);
}
int fault_unhandled() { return write_nowhere(), 1; }

int with_signals_blocked() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  swallow_all([] { index_beyond(15); });
  return 0;
}

bool child_ends_well(pid_t child) {
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

int fork_child() {
  const pid_t child = ::fork();
  if (child == 0) {
    swallow_all([] { index_beyond(10); });
    ::_exit(0);
  }
  if (!child_ends_well(child)) return 1;
  swallow_all([] { index_beyond(11); });
  return 0;
}

// In a handler, when more is watched than usual.
int fork_in_handler() {
  try {
    index_beyond(12);
  } catch (...) {
    const pid_t child = ::fork();
    if (child != 0) return child_ends_well(child) ? 0 : 1;
  }
  swallow_all([] { index_beyond(13); });
  ::_exit(0);
}

int spawn(const char* self) {
  swallow_all([] { index_beyond(14); });
  std::string program = self;
  std::string argument = "swallowed";
  char* arguments[] = {program.data(), argument.data(), nullptr};
  pid_t child = 0;
  if (::posix_spawn(&child, self, nullptr, nullptr, arguments, environ) != 0) return 1;
  return child_ends_well(child) ? 0 : 1;
}

// Everybody over the same breakpoints, with signals in between. Each error is a different one.
int storm() {
  constexpr std::size_t kThreads = 4;
  static std::atomic<int> ticks = 0;
  std::atomic<int> closes = 0;
  std::barrier all_here(kThreads + 1);
  ::signal(SIGUSR1, [](int) { ++ticks; });
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      all_here.arrive_and_wait();
      for (std::size_t i = 0; i < 200; ++i) {
        ::pthread_kill(threads[(t + i) % kThreads].native_handle(), SIGUSR1);
        swallow_all([&] { index_beyond(1000 * (t + 1) + i); });
        try {
          peer_closes();
        } catch (const std::system_error&) {
          ++closes;
        }
      }
      all_here.arrive_and_wait();
    });
  }
  all_here.arrive_and_wait();
  all_here.arrive_and_wait();  // nobody sends a signal to one that was joined
  for (auto& thread : threads) thread.join();
  return closes == 800 && ticks > 0 ? 0 : 1;
}

}  // namespace app

int main(int count, char** arguments) {
  using namespace app;
  const std::map<std::string, std::function<int()>> programs{
      {"swallowed", swallowed},
      {"swallowed-close", swallowed_close},
      {"expected-close", expected_close},
      {"typed-derived", [] { return typed(BadPlan("not a plan")); }},
      {"typed-two-bases", [] { return typed(TaggedError()); }},
      {"typed-cast", [] { return typed(std::bad_cast()); }},
      {"typed-ordinary", [] { return typed(std::runtime_error("late")); }},
      {"rethrown", rethrown},
      {"handed-on", [] { return handed_on(peer_closes); }},
      {"handed-on-error", [] { return handed_on([] { index_beyond(5); }); }},
      {"nested", nested},
      {"exit-in-handler", exit_in_handler},
      {"cancelled", cancelled},
      {"terminate", terminate_by_itself},
      {"terminate-noexcept", terminate_in_noexcept},
      {"terminate-uncaught", terminate_without_handler},
      {"terminate-default", terminate_by_default},
      {"fault", catch_fault},
      {"fault-sent", catch_sent_signal},
      {"fault-unhandled", fault_unhandled},
      {"signals-blocked", with_signals_blocked},
      {"fork", fork_child},
      {"fork-in-handler", fork_in_handler},
      {"spawn", [&] { return spawn(arguments[0]); }},
      {"storm", storm},
  };
  const auto found = programs.find(count > 1 ? arguments[1] : "");
  return found == programs.end() ? 2 : found->second();
}
