// Calls something at an interval on a thread of its own. Owned by whoever started it; stop() and
// the destructor wait for a call under way, and stop() must not be called from within it. No call
// begins before the first interval has passed, none overlaps another; a slow one delays the next.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace graceful::shutdown {

class Periodic {
 public:
  // Throws std::system_error if there is no thread.
  Periodic(std::chrono::microseconds interval, std::function<void()> call);
  Periodic(const Periodic&) = delete;
  Periodic& operator=(const Periodic&) = delete;
  ~Periodic() { stop(); }
  void stop();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace graceful::shutdown
