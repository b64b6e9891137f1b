// ws and wss: Beast's WebSocket over the recording transport.
#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/split.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include "client/connection.hpp"
#include "history/utf8.hpp"

namespace lastcall {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;

// A server may choose none of those that were offered, or one of them (RFC 6455, section 4.2.2).
bool is_offered(std::string_view chosen, std::string_view offered) {
  std::vector<std::string_view> all;
  boost::algorithm::split(all, offered, boost::algorithm::is_any_of(", "));
  return chosen.empty() || std::ranges::find(all, chosen) != all.end();
}

// A client's frame with its header whole and half of its payload (RFC 6455, section 5.2).
std::string half_frame(std::string_view message, bool binary, std::uint32_t mask) {
  std::string frame(1, binary ? '\x82' : '\x81');
  const auto size = std::max<std::size_t>(message.size(), 2);  // of an empty one there is no half
  if (size < 126) {
    frame += static_cast<char>(0x80 | size);
  } else {
    const int bytes = size < 65536 ? 2 : 8;
    frame += static_cast<char>(0x80 | (bytes == 2 ? 126 : 127));
    for (int i = bytes - 1; i >= 0; --i) frame += static_cast<char>(size >> (8 * i) & 0xFF);
  }
  std::array<char, 4> key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<char>(mask >> (8 * i) & 0xFF);
  frame.append(key.data(), key.size());
  for (std::size_t i = 0; i < size / 2; ++i) {
    const char byte = i < message.size() ? message[i] : ' ';
    frame += static_cast<char>(byte ^ key[i % key.size()]);
  }
  return frame;
}

class WebSocketConnection final : public Connection {
 public:
  explicit WebSocketConnection(const ConnectionSetup& setup)
      : Connection(setup), ping_timer_(setup.context.io) {}

 private:
  awaitable<std::optional<Failure>> upgrade() override {
    log_.expect_websocket();
    ws_.set_option(websocket::stream_base::timeout{websocket::stream_base::none(),
                                                   websocket::stream_base::none(),
                                                   false});  // limits are the session's
    ws_.read_message_max(kMessageLimit);
    ws_.auto_fragment(false);
    ws_.binary(group_.binary);
    const auto subprotocol = fill(group_.subprotocol);
    ws_.set_option(
        websocket::stream_base::decorator([this, subprotocol](websocket::request_type& request) {
          for (const auto& [name, value] : group_.headers) request.set(name, fill(value));
          if (!subprotocol.empty()) request.set(http::field::sec_websocket_protocol, subprotocol);
        }));
    websocket::response_type response;
    auto [ec] = co_await ws_.async_handshake(response, authority(), fill(endpoint_.path), kTuple);
    if (ec) {
      Failure failure{Layer::websocket, ec.message()};
      if (ec == websocket::error::upgrade_declined) {
        failure.reason += ": HTTP status " + std::to_string(response.result_int());
        failure.said = one_line(response.body());
      }
      co_return failure;
    }
    const std::string chosen(response[http::field::sec_websocket_protocol]);
    if (!subprotocol.empty() && !is_offered(chosen, subprotocol)) {
      co_return Failure{Layer::websocket,
                        "the server chose the subprotocol '" + chosen + "', which was not offered"};
    }
    // Which Beast does not look at (RFC 6455, section 4.1): nothing of the kind was asked for.
    if (response.count(http::field::sec_websocket_extensions) > 0)
      co_return Failure{Layer::websocket, "an extension that was not asked for"};
    log_.up(Layer::websocket);
    co_return std::nullopt;
  }

  awaitable<error_code> send_text(const std::string& text) override {
    auto [ec, n] = co_await ws_.async_write(asio::buffer(text), kTuple);
    co_return ec;
  }

  awaitable<error_code> expect_text(const std::string& text) override {
    beast::flat_buffer buffer;
    for (;;) {
      auto [ec, n] = co_await ws_.async_read(buffer, kTuple);
      if (ec) co_return ec;
      const auto message = beast::buffers_to_string(buffer.data());
      if (message.find(text) != std::string::npos) co_return error_code{};
      heard(message);
      buffer.consume(buffer.size());
    }
  }

  awaitable<error_code> send(const std::string&, const std::string& message) override {
    if (group_.fragments <= 1) co_return co_await send_text(message);
    const auto frames = pieces(message);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const bool last = i + 1 == frames.size();
      const asio::const_buffer frame(frames[i].data(), frames[i].size());
      auto [ec, n] = co_await ws_.async_write_some(last, frame, kTuple);
      if (ec || is_gone()) co_return ec;
    }
    co_return error_code{};
  }

  awaitable<std::string> read() override {
    beast::flat_buffer buffer;
    for (;;) {
      auto [ec, n] = co_await ws_.async_read(buffer, kTuple);
      if (ec) {
        const bool in_order = ec == websocket::error::closed || is_end_of_stream(ec);
        co_return in_order ? "" : ec.message();
      }
      const auto text = beast::buffers_to_string(buffer.data());
      buffer.consume(buffer.size());
      if (!log_.awaiting_answer()) continue;
      if (text.find(awaited_) != std::string::npos) {
        answered(RequestEnd::ok, 0, text);
      } else {
        heard(text);
      }
    }
  }

  // RFC 6455, section 7.1.2. The server closes TCP first, section 7.1.1.
  awaitable<void> close_first() override {
    said_goodbye_ = true;
    co_await ws_.async_close(websocket::close_code::normal, kTuple);
  }

  void begin_beside() override {
    if (group_.ping) beside(ping());
  }
  void end_beside() override { ping_timer_.cancel(); }

  awaitable<void> ping() {
    while (!is_over()) {
      ping_timer_.expires_after(*group_.ping);
      co_await ping_timer_.async_wait(kTuple);
      if (is_over()) co_return;
      auto [ec] = co_await ws_.async_ping("lastcall", kTuple);
      if (ec) co_return;
    }
  }

  [[nodiscard]] std::string half_opening() const override {
    return "GET " + fill(endpoint_.path) + " HTTP/1.1\r\nHost: " + authority() +
           "\r\nUpgrade: websocket\r\nConn";
  }
  [[nodiscard]] std::string half_message(const std::string& message) const override {
    return half_frame(message, group_.binary, static_cast<std::uint32_t>(id_.value * 2654435761U));
  }

  websocket::stream<Transport&, false> ws_{transport_};
  asio::steady_timer ping_timer_;
};

}  // namespace

std::unique_ptr<Connection> websocket_connection(const ConnectionSetup& setup) {
  return std::make_unique<WebSocketConnection>(setup);
}

}  // namespace lastcall
