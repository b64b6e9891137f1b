// A connection tracker, as shutdown libraries have it: whoever wants to work acquires a place, and
// after stop() nobody is let in any more. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

class Tracker {
 public:
  // With `checks_first` the planted mistake: acquire() looks at the flag, and counts in a second
  // step.
  explicit Tracker(bool checks_first) : checks_first_(checks_first) {}

  bool acquire() {
    std::unique_lock lock(mutex_);
    if (stopping_) return false;
    if (checks_first_) between_the_steps(lock);
    ++count_;
    return true;
  }
  void release() {
    const std::scoped_lock lock(mutex_);
    --count_;
  }
  void stop() {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    stopped_.notify_all();
  }
  void wait_for_stop() {
    std::unique_lock lock(mutex_);
    stopped_.wait(lock, [this] { return stopping_; });
  }
  bool is_stopping() {
    const std::scoped_lock lock(mutex_);
    return stopping_;
  }
  std::size_t count() {
    const std::scoped_lock lock(mutex_);
    return count_;
  }

 private:
  // The window: others may have the lock for some milliseconds.
  void between_the_steps(std::unique_lock<std::mutex>& lock) {
    std::condition_variable never;
    never.wait_for(lock, std::chrono::milliseconds(5), [] { return false; });
  }

  const bool checks_first_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  std::size_t count_ = 0;
  bool stopping_ = false;
};
