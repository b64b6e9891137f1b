#include "caught_signals.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>

#include "shutdown/signal_handler.hpp"

namespace graceful::shutdown {
namespace {

constexpr int kCaught[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};

// A signal handler may only touch lock-free atomics (C++20 [support.signal]).
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);
std::atomic<int> reading_end{-1};
std::atomic<int> writing_end{-1};
std::atomic<int> owner{0};  // the process that installed the handlers, 0 if none
std::atomic<bool> quit_at_once{true};
std::atomic<bool> being_read{false};
std::mutex installing;

void default_action(int number) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  ::sigaction(number, &action, nullptr);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  ::raise(number);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);  // it is blocked while its handler runs
}

extern "C" void on_caught_signal(int number) {
  const int saved = errno;
  if (owner.load() != ::getpid()) {
    default_action(number);  // a forked child: the pipe is its parent's
  } else if (number == SIGQUIT && quit_at_once.exchange(true)) {
    end_by_sigquit();
  } else {
    const auto byte = static_cast<unsigned char>(number);
    // A full pipe holds 65536 signals that nobody has read: one more would change nothing.
    while (::write(writing_end.load(), &byte, 1) == -1 && errno == EINTR) {
    }
  }
  errno = saved;
}

}  // namespace

void end_by_sigquit() {
  constexpr char kText[] = "shutdown: SIGQUIT: ending at once with a core dump\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kText, sizeof kText - 1);
  default_action(SIGQUIT);
  // Only PID 1 of its name space gets here: the kernel spares it default actions
  // (pid_namespaces(7)).
  ::_exit(128 + SIGQUIT);
}

void end_at_once_by_sigquit(bool at_once) { quit_at_once = at_once; }

int caught_signals_fd() { return reading_end; }
bool begin_reading_signals() { return !being_read.exchange(true); }
void stop_reading_signals() { being_read = false; }

Result<void> catch_signals_early() {
  const std::lock_guard lock(installing);
  if (owner.load() != ::getpid()) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return Error("open", "a pipe", errno);
    reading_end = ends[0];
    writing_end = ends[1];
    being_read = false;
    quit_at_once = true;
    owner = ::getpid();
  }
  struct sigaction action {};
  action.sa_handler = on_caught_signal;
  action.sa_flags = SA_RESTART;  // the program's own system calls must not notice
  sigfillset(&action.sa_mask);
  sigset_t caught;
  sigemptyset(&caught);
  for (const int number : kCaught) {
    if (::sigaction(number, &action, nullptr) != 0) {
      return Error("catch", ::strsignal(number), errno);
    }
    sigaddset(&caught, number);
  }
  if (const int failed = ::pthread_sigmask(SIG_UNBLOCK, &caught, nullptr)) {
    return Error("unblock", "signals", failed);
  }
  return {};
}

}  // namespace graceful::shutdown
