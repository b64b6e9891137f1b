// The life of one connection over either kind of stream. One coroutine reads, answers and
// acknowledges, so that at most one write is under way; only the Close frame of a stop is sent
// beside its pending read, which Beast allows. Included by plain_connection.cpp and
// tls_connection.cpp alone.
#pragma once

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <type_traits>
#include <utility>

#include "reference_server/linger.hpp"
#include "reference_server/session.hpp"

namespace reference_server {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;

// Streams of our own type, because Beast's teardown closes a socket that may have data unread,
// which sends a reset. Ours does nothing: Connection ends every connection itself, WebSocket or
// not.
struct PlainStream : tcp::socket {
  using tcp::socket::socket;
  explicit PlainStream(tcp::socket&& socket) : tcp::socket(std::move(socket)) {}
};
struct TlsStream : asio::ssl::stream<tcp::socket> {
  using asio::ssl::stream<tcp::socket>::stream;
};

template <class Stream, class Handler>
void no_teardown(Stream& stream, Handler&& handler) {
  asio::post(stream.get_executor(),
             beast::bind_front_handler(std::forward<Handler>(handler), error_code{}));
}
template <class Handler>
void async_teardown(beast::role_type, PlainStream& stream, Handler&& handler) {
  no_teardown(stream, std::forward<Handler>(handler));
}
template <class Handler>
void async_teardown(beast::role_type, TlsStream& stream, Handler&& handler) {
  no_teardown(stream, std::forward<Handler>(handler));
}

inline constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
inline constexpr std::size_t kLargestMessage = 1 << 20;
// A peer that says nothing for so long has gone without a word; a stop does not wait for this.
inline constexpr std::chrono::seconds kIdle{75};
inline constexpr std::chrono::seconds kTlsHandshake{10};
// How long a stop waits for the rest of a WebSocket message of which a part has arrived.
inline constexpr std::chrono::milliseconds kPartialMessage{100};
// Messages acknowledged after the stop because they had arrived before; a flooding peer cannot
// delay it further.
inline constexpr int kLateMessages = 64;

template <class Stream>
class Connection final : public Session {
 public:
  Connection(Surroundings& server, Stream stream)
      : Session(server),
        ws_(std::move(stream)),
        patience_(ws_.get_executor()),
        caught_up_(ws_.get_executor()) {}

  asio::awaitable<void> run() {
    const auto keeps_alive = this->shared_from_this();
    if (co_await shake_hands()) {
      co_await serve_http();
      co_await end_tls();
    }
    allow_peer(server_.close_timeout);
    co_await linger(socket());
  }

  void stop() override {
    if (doing_ != Doing::answering) allow_peer(server_.close_timeout);
    if (doing_ == Doing::awaiting_request && unread() == 0) socket().cancel();
    if (doing_ == Doing::awaiting_message) close_when_caught_up({});
  }

  void cut(bool reset) override {
    error_code ignored;
    if (reset) socket().set_option(asio::socket_base::linger(true, 0), ignored);
    socket().close(ignored);
  }

 private:
  static constexpr bool kTls = std::is_same_v<Stream, TlsStream>;

  enum class Doing { handshake, awaiting_request, reading, answering, awaiting_message, ending };

  Stream& stream() { return ws_.next_layer(); }
  tcp::socket& socket() { return beast::get_lowest_layer(ws_); }
  [[nodiscard]] bool stopping() const { return server_.endpoints.stopping(); }

  std::size_t unread() {
    error_code ignored;
    return socket().available(ignored);
  }

  // The peer has this long for its next step.
  void allow_peer(std::chrono::milliseconds time) {
    patience_.expires_after(time);
    patience_.async_wait([weak = this->weak_from_this()](error_code ec) {
      if (ec) return;
      if (auto self = std::static_pointer_cast<Connection>(weak.lock())) self->give_up();
    });
  }

  void give_up() {
    // An expiry can already be under way when the time is extended.
    if (patience_.expiry() > asio::steady_timer::clock_type::now()) return;
    if (stopping() && socket().is_open()) ++server_.forced;
    error_code ignored;
    socket().close(ignored);
  }

  asio::awaitable<bool> shake_hands() {
    if constexpr (kTls) {
      allow_peer(stopping() ? server_.close_timeout : kTlsHandshake);
      auto [ec] = co_await stream().async_handshake(asio::ssl::stream_base::server, kTuple);
      co_return !ec;
    }
    co_return true;
  }

  asio::awaitable<void> end_tls() {
    doing_ = Doing::ending;
    if constexpr (kTls) {
      allow_peer(server_.close_timeout);
      // Fails for peers that answer close_notify with FIN alone: their right, RFC 8446 section 6.1
      // notwithstanding.
      co_await stream().async_shutdown(kTuple);
    }
  }

  // True once a part of the next request is in the buffer, false if none will come.
  asio::awaitable<bool> request_began() {
    while (buffer_.size() == 0) {
      if (stopping() && unread() == 0) co_return false;
      doing_ = Doing::awaiting_request;
      auto [ec, size] = co_await stream().async_read_some(buffer_.prepare(4096), kTuple);
      doing_ = Doing::reading;
      buffer_.commit(size);
      const bool woken_by_stop = ec == asio::error::operation_aborted && socket().is_open();
      if (ec && !woken_by_stop) co_return false;
    }
    co_return true;
  }

  asio::awaitable<void> serve_http() {
    for (;;) {
      allow_peer(stopping() ? server_.close_timeout : kIdle);
      if (!co_await request_began()) co_return;
      http::request_parser<http::string_body> parser;
      parser.body_limit(kLargestMessage);
      auto [failed, read] = co_await http::async_read(stream(), buffer_, parser, kTuple);
      if (failed) co_return;
      const Request request = parser.release();
      if (websocket::is_upgrade(request) && request.target() == "/chat") {
        co_await serve_chat(request);
        co_return;
      }
      doing_ = Doing::answering;
      patience_.cancel();
      Response response = co_await server_.endpoints.answer(request);
      doing_ = Doing::reading;
      allow_peer(stopping() ? server_.close_timeout : kIdle);
      response.keep_alive(request.keep_alive() && !stopping());
      response.prepare_payload();
      auto [cut_off, written] = co_await http::async_write(stream(), response, kTuple);
      if (cut_off || !response.keep_alive()) co_return;
    }
  }

  asio::awaitable<void> serve_chat(const Request& request) {
    ws_.read_message_max(kLargestMessage);
    auto [refused] = co_await ws_.async_accept(request, kTuple);
    if (refused) co_return;
    if (!stopping()) patience_.cancel();  // a chat may be silent for as long as it likes
    buffer_.clear();
    for (;;) {
      if (stopping() && !closing_) next_late_message();
      doing_ = Doing::awaiting_message;
      auto [ended, read] = co_await ws_.async_read(buffer_, kTuple);
      doing_ = Doing::answering;
      if (ended) co_return;
      // No data may follow our Close frame, RFC 6455 section 5.5.1.
      if (!closing_ && !co_await acknowledge()) co_return;
      buffer_.clear();
    }
  }

  asio::awaitable<bool> acknowledge() {
    if (server_.work.count() > 0) {
      patience_.cancel();
      asio::steady_timer work(ws_.get_executor(), server_.work);
      co_await work.async_wait(asio::use_awaitable);
    }
    doing_ = Doing::reading;
    if (stopping()) allow_peer(server_.close_timeout);
    ws_.text(true);
    const std::array<asio::const_buffer, 2> answer{asio::buffer("ack ", 4), buffer_.cdata()};
    auto [ec, written] = co_await ws_.async_write(answer, kTuple);
    co_return !ec;
  }

  void next_late_message() {
    if (++late_messages_ > kLateMessages) {
      begin_close();
    } else {
      close_when_caught_up({});
    }
  }

  // Sends Close once the reader waits and nothing is left to be read. The timer, even with no time,
  // runs out after a read that can finish at once has done so.
  void close_when_caught_up(std::chrono::milliseconds wait) {
    caught_up_.expires_after(wait);
    caught_up_.async_wait([weak = this->weak_from_this(), wait](error_code ec) {
      if (ec) return;
      auto self = std::static_pointer_cast<Connection>(weak.lock());
      if (!self || self->closing_ || self->doing_ != Doing::awaiting_message) return;
      if (self->unread() == 0 || wait == kPartialMessage) {
        self->begin_close();
      } else {
        self->close_when_caught_up(kPartialMessage);
      }
    });
  }

  // The reader goes on until the peer's Close frame.
  void begin_close() {
    closing_ = true;
    allow_peer(server_.close_timeout);
    ws_.async_close(websocket::close_code::going_away,
                    [self = this->shared_from_this()](error_code) {});
  }

  websocket::stream<Stream, false> ws_;
  beast::flat_buffer buffer_;
  asio::steady_timer patience_;
  asio::steady_timer caught_up_;
  Doing doing_ = Doing::handshake;
  bool closing_ = false;
  int late_messages_ = 0;
};

template <class Stream>
void start(Surroundings& server, Stream stream) {
  auto executor = stream.get_executor();
  auto connection = std::make_shared<Connection<Stream>>(server, std::move(stream));
  // Not from within a lambda: GCC 12 lays out the frame of a member coroutine that is first named
  // there wrongly.
  asio::co_spawn(executor, connection->run(), asio::detached);
}

}  // namespace reference_server
