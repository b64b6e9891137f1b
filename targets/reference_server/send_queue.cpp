#include "reference_server/send_queue.hpp"

namespace reference_server {

SendQueue::Pushed SendQueue::push(Frame frame) {
  if (closed_) return Pushed::closed;
  if (frame.kind == Frame::Kind::ping) {
    if (ping_waits_) return Pushed::full;
    ping_waits_ = true;
  } else {
    if (texts_ >= capacity_) return Pushed::full;
    ++texts_;
  }
  frames_.push_back(std::move(frame));
  news_.wake_one();
  return Pushed::taken;
}

void SendQueue::close(boost::beast::websocket::close_code code) {
  if (closed_) return;
  closed_ = true;
  // Beyond the capacity, so that a full queue can be closed in order too.
  frames_.push_back({Frame::Kind::close, "", code});
  news_.wake_all();
}

void SendQueue::abandon() {
  closed_ = true;
  frames_.clear();
  news_.wake_all();
}

boost::asio::awaitable<std::optional<Frame>> SendQueue::next() {
  while (frames_.empty() && !closed_) co_await news_.wait();
  if (frames_.empty()) co_return std::nullopt;
  std::optional<Frame> frame(std::move(frames_.front()));
  frames_.pop_front();
  if (frame->kind == Frame::Kind::text) --texts_;
  if (frame->kind == Frame::Kind::ping) ping_waits_ = false;
  co_return frame;
}

}  // namespace reference_server
