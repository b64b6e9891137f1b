// The library in an Asio program: waits for coroutines, and an executor for the watchdog.
// Header-only, so that the library itself needs neither Asio's header-only nor its compiled form.
//
// The coroutines run where they are awaited, honour cancellation (with the exception
// operation_aborted), and hold what they need: only the SignalHandler or ConnectionTracker must
// live until they are done.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "shutdown/connection_tracker.hpp"
#include "shutdown/signal_handler.hpp"
#include "shutdown/watchdog.hpp"

namespace graceful::shutdown {

// For WatchdogSettings::executors. The execution context must outlive the watchdog.
inline Post on_executor(boost::asio::any_io_executor executor) {
  return [executor = std::move(executor)](std::function<void()> work) {
    boost::asio::post(executor, std::move(work));
  };
}

namespace detail {

// Rung from any thread, waited for by one coroutine. Rings are not counted and not lost.
class Bell : public std::enable_shared_from_this<Bell> {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Bell(const boost::asio::any_io_executor& executor)
      : strand_(boost::asio::make_strand(executor)), timer_(strand_) {}

  void ring() {
    boost::asio::post(strand_, [self = shared_from_this()] {
      self->rung_ = true;
      self->timer_.cancel();
    });
  }

  // True if it was rung before the deadline.
  boost::asio::awaitable<bool> wait_until(Clock::time_point deadline) {
    return boost::asio::co_spawn(strand_, on_strand(shared_from_this(), deadline),
                                 boost::asio::use_awaitable);
  }

 private:
  static boost::asio::awaitable<bool> on_strand(std::shared_ptr<Bell> self,
                                                Clock::time_point deadline) {
    while (!self->rung_ && Clock::now() < deadline) {
      self->timer_.expires_at(deadline);
      co_await self->timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    co_return self->rung_;
  }

  boost::asio::strand<boost::asio::any_io_executor> strand_;
  boost::asio::steady_timer timer_;
  bool rung_ = false;
};

}  // namespace detail

// SignalHandler::wait() for a coroutine.
inline boost::asio::awaitable<Reason> async_wait(SignalHandler& signals) {
  const auto bell = std::make_shared<detail::Bell>(co_await boost::asio::this_coro::executor);
  const auto subscription = signals.subscribe([bell](const Reason&) { bell->ring(); });
  while (!signals.reason()) {
    co_await bell->wait_until(detail::Bell::Clock::time_point::max());
  }
  co_return *signals.reason();
}

// ConnectionTracker::drain() for a coroutine.
inline boost::asio::awaitable<DrainOutcome> async_drain(
    ConnectionTracker& connections, std::chrono::steady_clock::time_point deadline,
    std::chrono::milliseconds force_delay = {}) {
  using Clock = detail::Bell::Clock;
  const auto executor = co_await boost::asio::this_coro::executor;
  const auto began = Clock::now();
  const auto bell = std::make_shared<detail::Bell>(executor);
  connections.begin_stop();
  DrainOutcome outcome;
  outcome.under_way = connections.under_way();
  const auto idle = connections.when_idle([bell] { bell->ring(); });
  const auto hastened = connections.when_hastened([bell] { bell->ring(); });
  co_await bell->wait_until(deadline);
  auto forced = connections.force_remaining();
  outcome.forced = forced.count;
  outcome.forced_names = std::move(forced.names);
  outcome.finished = outcome.under_way - outcome.forced;
  if (outcome.forced > 0) {
    const auto gone = std::make_shared<detail::Bell>(executor);
    const auto idle_now = connections.when_idle([gone] { gone->ring(); });
    co_await gone->wait_until(Clock::now() + force_delay);
  }
  outcome.left = connections.active();
  outcome.still_forcing = connections.forcing();
  outcome.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
  co_return outcome;
}

}  // namespace graceful::shutdown
