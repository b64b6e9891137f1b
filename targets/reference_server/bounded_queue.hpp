// Queues between coroutines of one thread. What is full suspends who fills it, what is empty
// suspends who empties it; nothing is ever dropped. Used by the network thread alone; the queue
// must outlive those who wait, except when the execution context ends with them.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

namespace reference_server {

// Coroutines that wait for something to change, and look again when they are woken.
class Waiters {
 public:
  explicit Waiters(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  boost::asio::awaitable<void> wait() {
    boost::asio::steady_timer timer(executor_, boost::asio::steady_timer::time_point::max());
    waiting_.push_back(&timer);
    co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  }
  void wake_one() {
    if (waiting_.empty()) return;
    waiting_.front()->cancel();
    waiting_.pop_front();
  }
  void wake_all() {
    while (!waiting_.empty()) wake_one();
  }

 private:
  boost::asio::any_io_executor executor_;
  std::deque<boost::asio::steady_timer*> waiting_;
};

// A stated number of permits.
class Permits {
 public:
  Permits(const boost::asio::any_io_executor& executor, std::size_t count)
      : waiters_(executor), idle_(executor), count_(count) {}

  boost::asio::awaitable<void> take() {
    while (taken_ >= count_) co_await waiters_.wait();
    ++taken_;
  }
  void give_back() {
    --taken_;
    waiters_.wake_one();
    if (taken_ == 0) idle_.wake_all();
  }
  boost::asio::awaitable<void> all_given_back() {
    while (taken_ > 0) co_await idle_.wait();
  }
  [[nodiscard]] std::size_t taken() const { return taken_; }

 private:
  Waiters waiters_;
  Waiters idle_;
  std::size_t count_;
  std::size_t taken_ = 0;
};

// A value that is given once, later. Copies share it.
template <class T>
class Later {
 public:
  explicit Later(const boost::asio::any_io_executor& executor)
      : state_(std::make_shared<State>(executor)) {}
  void give(T value) const {
    state_->value = std::move(value);
    state_->waiters.wake_all();
  }
  boost::asio::awaitable<T> get() const {
    const auto state = state_;
    while (!state->value) co_await state->waiters.wait();
    co_return std::move(*state->value);
  }

 private:
  struct State {
    explicit State(const boost::asio::any_io_executor& executor) : waiters(executor) {}
    Waiters waiters;
    std::optional<T> value;
  };
  std::shared_ptr<State> state_;
};

template <class T>
class BoundedQueue {
 public:
  BoundedQueue(const boost::asio::any_io_executor& executor, std::size_t capacity)
      : room_(executor), news_(executor), capacity_(capacity) {}

  // False if the queue was closed meanwhile: then nobody takes the item.
  boost::asio::awaitable<bool> push(T item) {
    while (!closed_ && items_.size() >= capacity_) co_await room_.wait();
    if (closed_) co_return false;
    items_.push_back(std::move(item));
    news_.wake_one();
    co_return true;
  }
  // What was pushed before the close is still given; then nothing.
  boost::asio::awaitable<std::optional<T>> pop() {
    while (items_.empty() && !closed_) co_await news_.wait();
    if (items_.empty()) co_return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    room_.wake_one();
    co_return item;
  }
  void close() {
    closed_ = true;
    room_.wake_all();
    news_.wake_all();
  }
  [[nodiscard]] std::size_t size() const { return items_.size(); }

 private:
  Waiters room_;
  Waiters news_;
  std::size_t capacity_;
  std::deque<T> items_;
  bool closed_ = false;
};

}  // namespace reference_server
