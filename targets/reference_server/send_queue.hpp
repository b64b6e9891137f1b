// What one WebSocket connection still has to send. Its reader, the pipeline and the ping routine
// push, its writer takes. Used by the network thread alone.
//
// Closing is the same step as queueing the Close frame, and a closed queue refuses: there is no
// moment between "is it closed?" and the push in which somebody else could close it, so the ping
// routine and the answers need no care of their own, and nothing follows the Close frame (RFC 6455
// section 5.5.1).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>

#include "reference_server/bounded_queue.hpp"

namespace reference_server {

struct Frame {
  enum class Kind { text, ping, close };
  Kind kind = Kind::text;
  std::string text;
  boost::beast::websocket::close_code code{};
};

class SendQueue {
 public:
  SendQueue(const boost::asio::any_io_executor& executor, std::size_t capacity)
      : news_(executor), capacity_(capacity) {}

  // Full for a text when `capacity` of them wait, for a ping when one does: so pings never take the
  // room that an answer was promised.
  enum class Pushed { taken, full, closed };
  [[nodiscard]] Pushed push(Frame frame);

  // The Close frame comes after what is queued. Only the first close counts.
  void close(boost::beast::websocket::close_code code);
  // Nothing more is sent, not even what is queued: the connection is gone.
  void abandon();
  [[nodiscard]] bool closed() const { return closed_; }

  // The next to send; nothing once the queue is closed and empty.
  boost::asio::awaitable<std::optional<Frame>> next();

 private:
  Waiters news_;
  std::size_t capacity_;
  std::deque<Frame> frames_;
  std::size_t texts_ = 0;  // of them
  bool ping_waits_ = false;
  bool closed_ = false;
};

}  // namespace reference_server
