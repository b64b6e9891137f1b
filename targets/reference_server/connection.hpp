// The life of one connection over either kind of stream. Over HTTP one coroutine reads and answers.
// As a WebSocket it has three routines that share nothing but the send queue: the reader hands
// messages to the pipeline, the writer sends what the queue holds, and the ping routine puts pings
// into it. The reader takes a message only if the queue will have room for its answer, so a client
// that reads no answers is not read either, and no answer is ever dropped. Included by
// plain_connection.cpp and tls_connection.cpp alone.
#pragma once

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <optional>
#include <type_traits>
#include <utility>

#include "reference_server/as_tuple.hpp"
#include "reference_server/lingering_close.hpp"
#include "reference_server/log.hpp"
#include "reference_server/send_queue.hpp"
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
        caught_up_(ws_.get_executor()),
        ping_timer_(ws_.get_executor()),
        capacity_(static_cast<std::size_t>(server.configuration.capacity)),
        out_(ws_.get_executor(), capacity_),
        room_(ws_.get_executor()),
        writer_over_(ws_.get_executor()) {}

  asio::awaitable<void> run() {
    const auto keeps_alive = this->shared_from_this();
    try {
      if (co_await shake_hands()) {
        co_await serve_http();
        co_await end_tls();
      }
    } catch (const std::exception& error) {
      ++server_.metrics.handler_failures;
      server_.log.error(std::string("a connection failed: ") + error.what());
    }
    allow_peer(settings().close_timeout);
    co_await linger(socket());
    patience_.cancel();
  }

  void stop() override {
    // Not while it is we who have to do something: answer, or write what the peer takes.
    const bool our_turn = doing_ == Doing::answering || (unanswered_ > 0 && !writing_);
    if (!our_turn) allow_peer(settings().close_timeout);
    if (doing_ == Doing::awaiting_request && unread() == 0) socket().cancel();
    consider_closing();
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
  // New requests are refused.
  [[nodiscard]] bool stopping() const { return server_.endpoints.stopping(); }
  // And, when the listeners are gone: everybody is told goodbye.
  [[nodiscard]] bool leaving() const { return server_.leaving; }
  [[nodiscard]] const Configuration& settings() const { return server_.configuration; }
  std::shared_ptr<Connection> self() {
    return std::static_pointer_cast<Connection>(this->shared_from_this());
  }

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
    if (leaving() && socket().is_open()) ++server_.metrics.peers_forced;
    cut(false);
  }

  asio::awaitable<bool> shake_hands() {
    if constexpr (kTls) {
      allow_peer(leaving() ? settings().close_timeout : kTlsHandshake);
      auto [ec] = co_await stream().async_handshake(asio::ssl::stream_base::server, kTuple);
      co_return !ec;
    }
    co_return true;
  }

  asio::awaitable<void> end_tls() {
    doing_ = Doing::ending;
    if constexpr (kTls) {
      allow_peer(settings().close_timeout);
      // Fails for peers that answer close_notify with FIN alone: their right, RFC 8446 section 6.1
      // notwithstanding.
      co_await stream().async_shutdown(kTuple);
    }
  }

  // --- HTTP ---

  // True once a part of the next request is in the buffer, false if none will come.
  asio::awaitable<bool> request_began() {
    while (buffer_.size() == 0) {
      if (leaving() && unread() == 0) co_return false;
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
      allow_peer(leaving() ? settings().close_timeout : settings().idle_timeout);
      if (!co_await request_began()) co_return;
      http::request_parser<http::string_body> parser;
      parser.body_limit(static_cast<std::uint64_t>(settings().max_message_bytes));
      auto [failed, read] = co_await http::async_read(stream(), buffer_, parser, kTuple);
      if (failed) co_return;
      const Request request = parser.release();
      if (websocket::is_upgrade(request) && !stopping()) {
        const auto route =
            route_of(std::string_view(request.target().data(), request.target().size()));
        if (route && route->protocol != Protocol::posted_events) {
          co_await serve_websocket(request, *route);
          co_return;
        }
      }
      doing_ = Doing::answering;
      patience_.cancel();
      Response response = co_await server_.endpoints.answer(request);
      doing_ = Doing::reading;
      allow_peer(leaving() ? settings().close_timeout : settings().idle_timeout);
      response.keep_alive(response.keep_alive() && request.keep_alive() && !stopping());
      response.prepare_payload();
      auto [cut_off, written] = co_await http::async_write(stream(), response, kTuple);
      if (cut_off || !response.keep_alive()) co_return;
    }
  }

  // --- WebSocket: the reader ---

  asio::awaitable<void> serve_websocket(const Request& request, const Route& route) {
    ws_.read_message_max(static_cast<std::size_t>(settings().max_message_bytes));
    if (route.protocol == Protocol::charge_points) choose_subprotocol(request);
    auto [refused] = co_await ws_.async_accept(request, kTuple);
    if (refused) co_return;
    if (!leaving()) patience_.cancel();  // a WebSocket may be silent, pings look after it
    buffer_.clear();
    asio::co_spawn(ws_.get_executor(), write_frames(), asio::detached);
    ping_later();
    co_await read_messages(route);
    out_.abandon();
    ping_timer_.cancel();
    caught_up_.cancel();
    // The writer may be in the middle of a frame to a peer that does not read.
    allow_peer(settings().close_timeout);
    while (!writer_is_over_) co_await writer_over_.wait();
  }

  void choose_subprotocol(const Request& request) {
    const auto offered = request[http::field::sec_websocket_protocol];
    if (!http::token_list(offered).exists("ocpp1.6")) return;
    ws_.set_option(websocket::stream_base::decorator([](websocket::response_type& response) {
      response.set(http::field::sec_websocket_protocol, "ocpp1.6");
    }));
  }

  asio::awaitable<void> read_messages(Route route) {
    for (;;) {
      while (unanswered_ >= capacity_ && !out_.closed()) co_await room_.wait();
      doing_ = Doing::awaiting_message;
      if (leaving()) next_late_message();
      auto [ended, read] = co_await ws_.async_read(buffer_, kTuple);
      doing_ = Doing::reading;
      if (ended) co_return;
      if (!out_.closed() && !deaf_) co_await take_on(route);
      buffer_.clear();
    }
  }

  asio::awaitable<void> take_on(const Route& route) {
    ++unanswered_;
    if (settings().work.count() > 0) {
      asio::steady_timer work(ws_.get_executor(), settings().work);
      co_await work.async_wait(asio::use_awaitable);
    }
    Message message;
    message.route = route;
    message.text = beast::buffers_to_string(buffer_.data());
    message.reply = [weak = this->weak_from_this()](Answer answer) {
      if (auto self = std::static_pointer_cast<Connection>(weak.lock())) {
        self->reply(std::move(answer));
      }
    };
    const bool taken = co_await server_.pipeline.submit(std::move(message));
    if (!taken) answered();  // the pipeline closes after the last connection, or by force
  }

  void reply(Answer answer) {
    if (answer.failed) {
      end_websocket(websocket::close_code::internal_error);
      answered();
      return;
    }
    Frame frame;
    frame.text = std::move(answer.text);
    // Only `closed` can refuse it: the reader saw to the room. Then the peer has been told goodbye.
    if (out_.push(std::move(frame)) != SendQueue::Pushed::taken) answered();
  }

  void answered() {
    --unanswered_;
    room_.wake_one();
    if (unanswered_ == 0) consider_closing();
  }

  // --- the writer ---

  asio::awaitable<void> write_frames() {
    const auto keeps_alive = this->shared_from_this();
    for (;;) {
      auto frame = co_await out_.next();
      if (!frame) break;
      writing_ = true;
      if (leaving()) allow_peer(settings().close_timeout);
      const error_code failed = co_await write(*frame);
      writing_ = false;
      if (frame->kind == Frame::Kind::text) answered();
      if (failed) break;
    }
    out_.abandon();
    room_.wake_all();
    writer_is_over_ = true;
    writer_over_.wake_all();
  }

  asio::awaitable<error_code> write(const Frame& frame) {
    error_code result;
    if (frame.kind == Frame::Kind::text) {
      ws_.text(true);
      auto [ec, size] = co_await ws_.async_write(asio::buffer(frame.text), kTuple);
      result = ec;
    } else if (frame.kind == Frame::Kind::ping) {
      auto [ec] = co_await ws_.async_ping({}, kTuple);
      result = ec;
    } else {
      // The reader goes on until the peer's Close frame.
      auto [ec] = co_await ws_.async_close(frame.code, kTuple);
      result = ec;
    }
    co_return result;
  }

  // --- the ping routine ---

  void ping_later() {
    ping_timer_.expires_after(settings().ping_interval);
    ping_timer_.async_wait([weak = this->weak_from_this()](error_code ec) {
      auto self = std::static_pointer_cast<Connection>(weak.lock());
      if (!ec && self) self->ping();
    });
  }

  // How long ago the peer sent anything, by the kernel (tcp(7)). Not by Beast's control callback:
  // with one, a read that finds a Close frame in its buffer goes round the event loop before it
  // says so, and an async_close whose write ends in that moment waits for the read forever, as the
  // read does for it (Boost 1.81).
  std::chrono::milliseconds silence() {
    tcp_info info{};
    socklen_t size = sizeof info;
    const bool known =
        ::getsockopt(socket().native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
    return std::chrono::milliseconds(known ? info.tcpi_last_data_recv : 0);
  }

  void ping() {
    // An answer to the last ping came about when it was sent; half an interval is for its way.
    const auto now = asio::steady_timer::clock_type::now();
    if (asked_at_ && silence() > now - *asked_at_ + settings().ping_interval / 2) {
      ++server_.metrics.peers_lost;
      server_.log.debug("a peer answered no ping and is given up");
      cut(false);
      return;
    }
    asked_at_ = now;
    Frame frame;
    frame.kind = Frame::Kind::ping;
    // A full queue needs no ping: that the peer reads will show by itself.
    if (out_.push(std::move(frame)) != SendQueue::Pushed::closed) ping_later();
  }

  // --- the end of a WebSocket ---

  void next_late_message() {
    if (out_.closed() || deaf_) return;
    if (++late_messages_ > kLateMessages) deaf_ = true;
    consider_closing();
  }

  // At the goodbye: once everything that arrived is answered.
  void consider_closing() {
    if (!leaving() || doing_ != Doing::awaiting_message || out_.closed() || unanswered_ > 0) return;
    if (deaf_) {
      end_websocket(websocket::close_code::going_away);
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
      if (!self || self->out_.closed() || self->unanswered_ > 0 ||
          self->doing_ != Doing::awaiting_message) {
        return;
      }
      if (self->unread() == 0 || wait == kPartialMessage) {
        self->end_websocket(websocket::close_code::going_away);
      } else {
        self->close_when_caught_up(kPartialMessage);
      }
    });
  }

  void end_websocket(websocket::close_code code) {
    allow_peer(settings().close_timeout);
    out_.close(code);
    room_.wake_all();
  }

  websocket::stream<Stream, false> ws_;
  beast::flat_buffer buffer_;
  asio::steady_timer patience_;
  asio::steady_timer caught_up_;
  asio::steady_timer ping_timer_;
  std::size_t capacity_;
  SendQueue out_;
  std::size_t unanswered_ = 0;  // messages taken on, their answers not written yet
  Waiters room_;                // for one answer more
  Waiters writer_over_;
  bool writing_ = false;
  bool writer_is_over_ = false;
  Doing doing_ = Doing::handshake;
  std::optional<asio::steady_timer::time_point> asked_at_;  // by the last ping
  bool deaf_ = false;  // messages are read to the Close frame, but not taken on any more
  int late_messages_ = 0;
};

template <class Stream>
std::shared_ptr<Session> start(Surroundings& server, Stream stream) {
  auto executor = stream.get_executor();
  auto connection = std::make_shared<Connection<Stream>>(server, std::move(stream));
  // Not from within a lambda: GCC 12 lays out the frame of a member coroutine that is first named
  // there wrongly.
  asio::co_spawn(executor, connection->run(), asio::detached);
  return connection;
}

}  // namespace reference_server
