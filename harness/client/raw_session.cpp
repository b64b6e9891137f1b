// tcp and tls: bytes as the scenario's script says, answers found by what they contain.
#include <boost/asio/write.hpp>

#include "client/connection.hpp"

namespace lastcall {
namespace {

class RawConnection final : public Connection {
 public:
  using Connection::Connection;

 private:
  awaitable<error_code> send_text(const std::string& text) override {
    auto [ec, n] = co_await asio::async_write(transport_, asio::buffer(text), kTuple);
    co_return ec;
  }

  awaitable<error_code> expect_text(const std::string& text) override {
    for (;;) {
      if (!take_to(text).empty()) co_return error_code{};
      if (const auto ec = co_await receive()) {
        heard(received_);
        co_return ec;
      }
    }
  }

  awaitable<error_code> send(const std::string&, const std::string& message) override {
    for (const auto piece : pieces(message)) {
      if (piece.empty()) continue;
      auto [ec, n] = co_await asio::async_write(
          transport_, asio::const_buffer(piece.data(), piece.size()), kTuple);
      if (ec || is_gone()) co_return ec;
    }
    co_return error_code{};
  }

  awaitable<std::string> read() override {
    drop();
    for (;;) {
      const auto ec = co_await receive();
      if (ec && log_.awaiting_answer()) heard(received_);
      if (ec == asio::error::no_buffer_space) {
        co_return "more than " + std::to_string(kMessageLimit) + " bytes and no acknowledgement";
      }
      if (ec) co_return is_end_of_stream(ec) ? "" : ec.message();
      if (log_.awaiting_answer()) {
        const auto answer = take_to(awaited_);
        if (!answer.empty()) answered(RequestEnd::ok, 0, answer);
      }
      // What came before a request was sent is no answer to it.
      if (!log_.awaiting_answer()) drop();
    }
  }

  awaitable<void> say_goodbye() override {
    const auto text = fill(group_.closing);
    if (text.empty()) co_return;
    said_goodbye_ = true;
    co_await asio::async_write(transport_, asio::buffer(text), kTuple);
  }

  [[nodiscard]] std::string half_opening() const override {
    const auto step =
        std::ranges::find_if(group_.opening, [](const Step& s) { return !s.send.empty(); });
    if (step == group_.opening.end()) return {};
    const auto text = fill(step->send);
    return text.substr(0, text.size() / 2);
  }
  [[nodiscard]] std::string half_message(const std::string& message) const override {
    return message.substr(0, message.size() / 2);
  }

  // Appends what comes next.
  awaitable<error_code> receive() {
    if (received_.size() >= kMessageLimit) co_return asio::error::no_buffer_space;
    std::array<char, 4096> block{};
    auto [ec, n] = co_await transport_.async_read_some(asio::buffer(block), kTuple);
    received_.append(block.data(), n);
    co_return ec;
  }

  // Takes everything up to the end of the first `text`, which is not empty; nothing if it has not
  // come.
  std::string take_to(const std::string& text) {
    const auto at = received_.find(text, searched_);
    if (at == std::string::npos) {
      searched_ = received_.size() - std::min(received_.size(), text.size() - 1);
      return {};
    }
    auto taken = received_.substr(0, at + text.size());
    received_.erase(0, taken.size());
    searched_ = 0;
    return taken;
  }
  void drop() {
    received_.clear();
    searched_ = 0;
  }

  std::string received_;
  std::size_t searched_ = 0;  // the text looked for does not begin before
};

}  // namespace

std::unique_ptr<Connection> raw_connection(const ConnectionSetup& setup) {
  return std::make_unique<RawConnection>(setup);
}

}  // namespace lastcall
