// The race: the worker looks whether it is over and then waits to be woken. Between the two the
// stop, which does not take the worker's mutex, says that it is over and notifies: nobody waits
// yet, nothing notifies again, and the process never ends.
//
// The mend (FIXED): the stop holds the mutex when it says that it is over.
#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <thread>

namespace {

constexpr timespec kBetweenJobs{.tv_sec = 0, .tv_nsec = 5'000'000};

class Worker {
 public:
  Worker() : thread_([this] { work(); }) {}

  [[gnu::noinline]] void give_job() {
    const std::scoped_lock lock(mutex_);
    ++jobs_;
    changed_.notify_one();
  }

  [[gnu::noinline]] void stop() {
    {
#ifdef FIXED
      const std::scoped_lock lock(mutex_);
#endif
      over_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

 private:
  void work() {
    pthread_setname_np(pthread_self(), "worker");
    std::unique_lock lock(mutex_);
    while (!over_) {
      if (jobs_ == 0) {
        changed_.wait(lock);
      } else {
        --jobs_;
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int jobs_ = 0;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace

int main() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  Worker worker;
  std::puts("ready");
  std::fflush(stdout);

  while (sigtimedwait(&stop, nullptr, &kBetweenJobs) != SIGTERM) worker.give_job();
  worker.stop();
  return 0;
}
