// A condition variable for the trial's one thread: whoever changes something says so, whoever waits
// looks again.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/clock.hpp"

namespace lastcall {

class Changes {
 public:
  explicit Changes(boost::asio::io_context& io) : timer_(io) {}

  void notify() { timer_.cancel(); }

  // Waits until `holds()` or `deadline`; says which. One waiter at a time.
  template <class Predicate>
  boost::asio::awaitable<bool> until(Predicate holds, TimePoint deadline) {
    while (!holds()) {
      if (now() >= deadline) co_return false;
      timer_.expires_at(deadline);
      co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    co_return true;
  }

 private:
  boost::asio::steady_timer timer_;
};

}  // namespace lastcall
