// A callback that is called at most once, and never again once its Subscription is gone. Owned by
// whoever asked to be told. Any thread may destroy it: that waits for a call under way on another
// thread, and does not wait when the call itself destroys it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace graceful::shutdown {

// The side that calls.
template <class... Arguments>
class Subscriber {
 public:
  explicit Subscriber(std::function<void(Arguments...)> call) : call_(std::move(call)) {}

  // Does nothing the second time, or after cancel().
  void notify(Arguments... arguments) {
    const std::lock_guard lock(mutex_);
    if (auto call = std::exchange(call_, nullptr)) call(arguments...);
  }
  void cancel() {
    const std::lock_guard lock(mutex_);
    call_ = nullptr;
  }

 private:
  std::recursive_mutex mutex_;  // recursive: a call may drop its own subscription
  std::function<void(Arguments...)> call_;
};

class [[nodiscard]] Subscription {
 public:
  Subscription() = default;
  template <class... Arguments>
  explicit Subscription(std::shared_ptr<Subscriber<Arguments...>> subscriber)
      : cancel_([subscriber = std::move(subscriber)] { subscriber->cancel(); }) {}
  Subscription(Subscription&& other) noexcept : cancel_(std::exchange(other.cancel_, nullptr)) {}
  Subscription& operator=(Subscription&& other) noexcept {
    if (this != &other) {
      reset();
      cancel_ = std::exchange(other.cancel_, nullptr);
    }
    return *this;
  }
  ~Subscription() { reset(); }
  void reset() {
    if (auto cancel = std::exchange(cancel_, nullptr)) cancel();
  }

 private:
  std::function<void()> cancel_;
};

}  // namespace graceful::shutdown
