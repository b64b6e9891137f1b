// The race: main looks whether the handler of SIGTERM has set the flag and then waits for a signal.
// Between the two the handler sets it: no other signal comes, and the process never ends.
//
// The mend (FIXED): SIGTERM is blocked except while main waits. sigsuspend(2) unblocks it and waits
// in one step.
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenJobs = 1ms;
std::atomic<bool> stopping = false;
std::atomic<int> jobs = 0;

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
}

// Gives main a job now and then, and wakes it with SIGUSR1.
void keep_giving_jobs(pthread_t main_thread) {
  pthread_setname_np(pthread_self(), "receiver");
  while (!stopping) {
    ++jobs;
    pthread_kill(main_thread, SIGUSR1);
    std::this_thread::sleep_for(kBetweenJobs);
  }
}

[[gnu::noinline]] void wait_for_signal([[maybe_unused]] const sigset_t& unblocked) {
#ifdef FIXED
  sigsuspend(&unblocked);
#else
  pause();
#endif
}

}  // namespace

int main() {
  set_handler(SIGTERM, [](int) { stopping = true; });
  set_handler(SIGUSR1, [](int) {});
  sigset_t stop;
  sigset_t unblocked;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, &unblocked);
  std::thread receiver(keep_giving_jobs, pthread_self());
#ifndef FIXED
  pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);
#endif
  std::puts("ready");
  std::fflush(stdout);

  while (!stopping) {
    wait_for_signal(unblocked);
    jobs = 0;
  }
  receiver.join();
  return 0;
}
