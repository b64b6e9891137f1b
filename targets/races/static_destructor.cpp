// The race: main returns, which destroys the static statistics, and then the process ends. Between
// the two the sampler, which was never joined, uses the statistics: that aborts.
//
// The mend (FIXED): main waits for the sampler before it returns.
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenSamples = 3ms;

class Statistics {
 public:
  Statistics() = default;
  Statistics(const Statistics&) = delete;
  Statistics& operator=(const Statistics&) = delete;
  [[gnu::noinline]] ~Statistics() { destroyed_ = true; }

  [[gnu::noinline]] void add(const std::string& name) {
    if (destroyed_) {
      std::fputs("the statistics are used after their destruction\n", stderr);
      std::abort();
    }
    const std::scoped_lock lock(mutex_);
    ++counts_[name];
  }

 private:
  std::atomic<bool> destroyed_ = false;
  std::mutex mutex_;
  std::map<std::string, long> counts_;
};

Statistics statistics;
std::atomic<bool> stopping = false;

void keep_sampling() {
  pthread_setname_np(pthread_self(), "sampler");
  while (!stopping) {
    statistics.add("samples");
    std::this_thread::sleep_for(kBetweenSamples);
  }
}

}  // namespace

int main() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  std::thread sampler(keep_sampling);
  std::puts("ready");
  std::fflush(stdout);

  int signal = 0;
  sigwait(&stop, &signal);
#ifdef FIXED
  stopping = true;
  sampler.join();
#else
  sampler.detach();
#endif
  return 0;
}
