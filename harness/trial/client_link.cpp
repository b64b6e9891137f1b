#include "trial/client_link.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>

namespace lastcall {

ClientLink::ClientLink(boost::asio::io_context& io, Changes& changes, std::vector<ScopedFd> sockets,
                       std::string who, Listener listener)
    : changes_(changes), who_(std::move(who)), listener_(std::move(listener)) {
  for (auto& socket : sockets) {
    workers_.push_back(std::make_unique<Worker>(
        Worker{boost::asio::posix::stream_descriptor(io, socket.release())}));
  }
}

ClientLink::~ClientLink() = default;

Result<std::size_t> ClientLink::assign(Assignment assignment, const std::vector<int>& descriptors,
                                       const std::vector<std::string>& segments) {
  assignment.slices = static_cast<std::uint32_t>(workers_.size());
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    assignment.slice = static_cast<std::uint32_t>(i);
    assignment.segment = segments[i];
    auto sent = send_message(workers_[i]->socket.native_handle(), to_text(assignment), descriptors);
    if (!sent) return Error{"reach", who_, sent.error().error_number, "was it killed?"};
    listen(*workers_[i]);
  }
  return workers_.size();
}

void ClientLink::say(Control control) { say(std::string(1, static_cast<char>(control))); }
void ClientLink::say(Control control, FaultId fault) { say(with_id(control, fault)); }

void ClientLink::say(const std::string& message) {
  for (auto& worker : workers_) {
    // A worker that is gone shows as a problem where its messages are read.
    static_cast<void>(send_message(worker->socket.native_handle(), message));
  }
}

bool ClientLink::all_ready() const {
  return std::ranges::all_of(workers_, [](const auto& worker) { return worker->ready; });
}
bool ClientLink::all_done() const {
  return std::ranges::all_of(workers_, [](const auto& worker) { return worker->done; });
}

void ClientLink::listen(Worker& worker) {
  worker.socket.async_read_some(boost::asio::buffer(worker.buffer),
                                [this, &worker](auto ec, std::size_t n) {
                                  if (ec == boost::asio::error::operation_aborted) return;
                                  if (ec || n == 0) {
                                    if (!worker.done && problem_.empty())
                                      problem_ = who_ +
                                                 " ended during the trial; was it killed, perhaps "
                                                 "for want of memory?";
                                    worker.done = true;
                                  } else {
                                    hear(worker, {worker.buffer.data(), n});
                                    listen(worker);
                                  }
                                  changes_.notify();
                                });
}

void ClientLink::hear(Worker& worker, const std::string& message) {
  switch (static_cast<Control>(message.front())) {
    case Control::ready:
      worker.ready = true;
      break;
    case Control::done:
      worker.done = true;
      break;
    case Control::broken:
      problem_ = message.substr(1);
      break;
    case Control::fired:
    case Control::reached:
      if (const auto fault = id_in(message)) {
        listener_.on_fault(static_cast<Control>(message.front()), *fault);
      }
      break;
    case Control::heard:
      if (const auto first = heard_in(message); first && listener_.on_heard)
        listener_.on_heard(*first);
      break;
    default:
      problem_ = who_ + " sent an unknown message";
      break;
  }
}

}  // namespace lastcall
