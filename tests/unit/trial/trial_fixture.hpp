// A trial without processes: its loop and its plan, and a sink whose events the test reads.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/rethrow.hpp"
#include "trial/trial_context.hpp"
#include "unit/client/event_words.hpp"
#include "unit/memory_sink.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall::testing {

namespace asio = boost::asio;

inline std::string http_answer(const std::string& status, const std::string& body = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

// Answers requests, each on a connection of its own; then nobody listens any more.
inline asio::awaitable<void> answer_each(asio::ip::tcp::acceptor listener,
                                         std::vector<std::string> answers,
                                         std::function<void()> then) {
  for (const auto& answer : answers) {
    auto peer = co_await listener.async_accept(asio::use_awaitable);
    std::string request;
    co_await asio::async_read_until(peer, asio::dynamic_buffer(request), "\r\n\r\n",
                                    asio::use_awaitable);
    co_await asio::async_write(peer, asio::buffer(answer), asio::use_awaitable);
  }
  then();
}

class TrialFixture : public ::testing::Test {
 protected:
  // A listener that nobody accepts from; the kernel chooses the port if there is none.
  asio::ip::tcp::acceptor listen(std::uint16_t port = 0) {
    return {io_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), port)};
  }
  // A server on the loop, which is gone once it has given these answers. Returns its port.
  std::string serve(
      std::vector<std::string> answers, std::function<void()> then = [] {}) {
    auto listener = listen();
    auto port = std::to_string(listener.local_endpoint().port());
    asio::co_spawn(io_, answer_each(std::move(listener), std::move(answers), std::move(then)),
                   kRethrow);
    return port;
  }
  // Until `what` is through.
  void run(asio::awaitable<void> what) {
    asio::co_spawn(io_, std::move(what), [this](std::exception_ptr problem) {
      io_.stop();
      if (problem) std::rethrow_exception(problem);
    });
    io_.restart();
    io_.run();
  }
  // Whatever can be done without waiting.
  void poll() {
    io_.restart();
    io_.poll();
  }
  [[nodiscard]] std::vector<std::string> recorded() const { return words_of(events_.events); }

  asio::io_context io_{1};
  ScratchFolder folder_;
  TrialOrder order_{.directory = folder_.path(), .tools = "/"};
  Plan plan_;
  Placeholders placeholders_{{"dir", folder_.path()}};
  MemorySink events_;
  Changes changes_{io_};
  ChildEnds ends_;
  bool given_up_ = false;
  std::optional<TargetLimits> limits_;
  OwnTrouble trouble_;
  TrialContext trial_{io_,     order_,   plan_, placeholders_,
                      events_, changes_, ends_, [this] { return given_up_; },
                      limits_, trouble_};
};

}  // namespace lastcall::testing
