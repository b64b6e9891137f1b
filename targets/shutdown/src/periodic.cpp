#include "shutdown/periodic.hpp"

namespace graceful::shutdown {

Periodic::Periodic(std::chrono::microseconds interval, std::function<void()> call)
    : thread_([this, interval, call = std::move(call)] {
        std::unique_lock lock(mutex_);
        auto next = std::chrono::steady_clock::now() + interval;
        while (!changed_.wait_until(lock, next, [this] { return stopped_; })) {
          lock.unlock();
          call();
          lock.lock();
          // From now: after a slow call, or a machine asleep, nothing is made up for in a burst.
          next = std::chrono::steady_clock::now() + interval;
        }
      }) {}

void Periodic::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace graceful::shutdown
