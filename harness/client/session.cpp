#include "client/session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <charconv>

#include "base/invariant.hpp"
#include "base/prng.hpp"
#include "base/text.hpp"
#include "client/transport.hpp"

namespace lastcall {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::awaitable;
using asio::steady_timer;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

// A server on the same machine that has not finished a handshake by then is stalled, even under a load that
// takes it seconds to accept everybody.
constexpr auto kHandshakeLimit = std::chrono::seconds(20);
// After the server's Close frame the client waits for the server to close TCP (RFC 6455, section 7.1.1) and
// then, as the RFC allows, closes itself.
constexpr auto kCloseLimit = std::chrono::seconds(2);
// Bounds on what one answer may take in memory.
constexpr std::uint64_t kMessageLimit = std::uint64_t{16} << 20;
constexpr std::uint32_t kHeaderLimit = 64 * 1024;

// "000012-000005": fixed width, so that no id is part of another.
std::string request_text(ClientId client, RequestId request) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%06u-%06u", client.value, request.value);
  return text.data();
}

// Closes the transport's socket when armed for too long.
class Deadline {
 public:
  explicit Deadline(Transport& transport)
      : timer_(transport.get_executor()), state_(std::make_shared<State>(State{&transport})) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { state_->transport = nullptr; }

  void arm(Nanoseconds limit) {
    timer_.expires_after(limit);
    timer_.async_wait([state = state_](error_code ec) {
      if (ec || state->transport == nullptr) return;
      state->passed = true;
      state->transport->socket().close(ec);
    });
  }
  void disarm() { timer_.cancel(); }
  [[nodiscard]] bool passed() const { return state_->passed; }

 private:
  // Shared with the handler, which may already be queued when the connection is destroyed.
  struct State {
    Transport* transport;
    bool passed = false;
  };
  steady_timer timer_;
  std::shared_ptr<State> state_;
};

struct Failure {
  Layer layer{};
  std::string reason;
};

std::string describe(const error_code& ec, const Deadline& deadline) {
  if (deadline.passed()) return "no answer within " + humane_duration(kHandshakeLimit);
  return ec.message();
}

awaitable<std::optional<Failure>> bring_up(Transport& transport, const Endpoint& endpoint, ConnectionLog& log,
                                           Deadline& deadline) {
  const asio::ip::tcp::endpoint address(asio::ip::make_address(endpoint.address), endpoint.port);
  auto [connect_error] = co_await transport.socket().async_connect(address, kTuple);
  if (connect_error) co_return Failure{Layer::tcp, describe(connect_error, deadline)};
  // Frames and records are small and answered one by one: Nagle's algorithm would add delayed-ACK pauses.
  error_code ignored;
  transport.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  log.up(Layer::tcp);
  if (auto& tls = transport.tls()) {
    SSL_set_tlsext_host_name(tls->native_handle(), endpoint.host.c_str());
    auto [tls_error] = co_await tls->async_handshake(asio::ssl::stream_base::client, kTuple);
    if (tls_error) co_return Failure{Layer::tls, describe(tls_error, deadline)};
    log.up(Layer::tls);
  }
  co_return std::nullopt;
}

// Reads to the end of the stream what the application no longer expects; says how it ended.
awaitable<error_code> read_rest(Transport& transport) {
  std::array<unsigned char, 4096> scrap{};
  error_code ec;
  std::size_t n = 0;
  while (!ec) std::tie(ec, n) = co_await transport.async_read_some(asio::buffer(scrap), kTuple);
  co_return ec;
}

// Answers the server's end of the stream in order: our close_notify to its close_notify, our FIN to its FIN.
// Nobody may be writing any more.
awaitable<void> close_in_order(Transport& transport, ConnectionLog& log, error_code end) {
  if (auto& tls = transport.tls(); tls && end == asio::error::eof) {
    auto [shutdown_error] = co_await tls->async_shutdown(kTuple);
    if (!shutdown_error) log.close_notify(Direction::sent);
    std::array<unsigned char, 4096> scrap{};
    std::size_t late = 0;
    std::size_t n = 0;
    end = {};
    while (!end) {
      std::tie(end, n) = co_await transport.recording_socket().async_read_some(asio::buffer(scrap), kTuple);
      late += n;
    }
    log.after_close_notify(late);
  }
  if (end == asio::error::eof) {
    transport.socket().shutdown(asio::ip::tcp::socket::shutdown_send, end);
    if (!end) log.fin_sent();
  }
}

// One connection of a client: a reader that is always reading, and a sender that takes turns with it.
class Connection {
 public:
  Connection(SessionContext& context, const ClientGroup& group, const Endpoint& endpoint, ConnectionId id)
      : context_(context),
        group_(group),
        endpoint_(endpoint),
        id_(id),
        log_(id, &context.segment, &context.triggers),
        transport_(context.io.get_executor(), log_, is_tls(endpoint.protocol) ? &context.tls : nullptr),
        deadline_(transport_),
        wake_(context.io) {}
  virtual ~Connection() = default;

  // From connect to the end. Draws pauses from `pace`, numbers requests on from `next`.
  awaitable<void> run(std::uint32_t group_index, Prng& pace, std::uint32_t& next) {
    log_.record(ConnectInvoked{id_, group_index});
    deadline_.arm(kHandshakeLimit);
    auto failure = co_await bring_up(transport_, endpoint_, log_, deadline_);
    if (!failure) failure = co_await upgrade();
    deadline_.disarm();
    if (failure) {
      if (!hung_up_) log_.failed(failure->layer, failure->reason);
      co_return finish(failure->reason);
    }
    log_.happened(ClientEvent::handshake);
    co_await read_while_sending(pace, next);
  }

  void hang_up() {
    hung_up_ = true;
    close();
  }
  // The server answered something and then closed in order.
  [[nodiscard]] bool closed_between_requests() const {
    return answered_ > 0 && end_ == ConnectionEndReason::server_closed;
  }

 protected:
  virtual awaitable<std::optional<Failure>> upgrade() { co_return std::nullopt; }
  virtual awaitable<error_code> send(const std::string& id, const std::string& message) = 0;
  // Reads until the connection's last message; says why it ended, if the server broke the protocol.
  virtual awaitable<std::string> read() = 0;

  void answered(RequestEnd end, int status, std::size_t bytes) {
    log_.request_ended(end, status, bytes);
    ++answered_;
    wake_.cancel();
  }
  [[nodiscard]] std::string fill(const std::string& text, const std::string& id) const {
    auto values = context_.placeholders;
    values["id"] = id;
    values["client"] = std::to_string(client_of(id_).value);
    return expand_placeholders(text, values);
  }

  SessionContext& context_;
  const ClientGroup& group_;
  const Endpoint& endpoint_;
  ConnectionId id_;
  ConnectionLog log_;
  Transport transport_;
  Deadline deadline_;
  std::string awaited_;  // WebSocket: the text that acknowledges the request under way
  bool last_ = false;    // HTTP: the server announced that it closes after this answer

 private:
  awaitable<void> read_while_sending(Prng& pace, std::uint32_t& next) {
    bool sending = true;
    asio::co_spawn(context_.io, send_requests(pace, next), [&](std::exception_ptr) {
      sending = false;
      wake_.cancel();
    });
    const auto problem = co_await read();
    closing_ = true;
    wake_.cancel();
    deadline_.arm(kCloseLimit);
    if (problem.empty()) {
      const auto end = co_await read_rest(transport_);
      while (sending) co_await wait();  // a write that is stuck ends with the deadline
      co_await close_in_order(transport_, log_, end);
    }
    deadline_.disarm();
    close();
    while (sending) co_await wait();
    finish(problem);
  }

  awaitable<void> send_requests(Prng& pace, std::uint32_t& next) {
    while (!closing_ && !last_ && (group_.messages == 0 || next < group_.messages)) {
      const RequestId request{next++};
      const auto id = request_text(client_of(id_), request);
      awaited_ = fill(group_.acknowledgement, id);
      const auto message = fill(group_.message, id);
      log_.request_sent(request, message.size());
      if (co_await send(id, message)) co_return;
      while (!closing_ && log_.awaiting_answer()) co_await wait();
      const auto low = static_cast<std::uint64_t>(group_.pace.low.count());
      const auto high = static_cast<std::uint64_t>(group_.pace.high.count());
      const auto until = now() + Nanoseconds(pace.between(low, high));
      while (!closing_ && now() < until) co_await wait(until);
    }
  }

  // Sleeps until woken (or until a time); spurious wake-ups are for the caller to check.
  awaitable<void> wait(TimePoint until = TimePoint::max()) {
    wake_.expires_at(until);
    co_await wake_.async_wait(kTuple);
  }

  void close() {
    error_code ignored;
    transport_.socket().close(ignored);
  }

  void finish(const std::string& problem) {
    end_ = hung_up_               ? ConnectionEndReason::harness
           : !log_.connected()    ? ConnectionEndReason::unconnected
           : log_.was_reset()     ? ConnectionEndReason::reset
           : deadline_.passed()   ? ConnectionEndReason::timeout
           : !problem.empty()     ? ConnectionEndReason::protocol
                                  : ConnectionEndReason::server_closed;
    log_.ended(end_, hung_up_ ? "" : problem);
  }

  steady_timer wake_;
  bool closing_ = false;
  bool hung_up_ = false;
  std::uint32_t answered_ = 0;
  ConnectionEndReason end_{};
};

class WebSocketConnection final : public Connection {
 public:
  using Connection::Connection;

 private:
  awaitable<std::optional<Failure>> upgrade() override {
    log_.expect_websocket();
    ws_.set_option(websocket::stream_base::timeout{
        websocket::stream_base::none(), websocket::stream_base::none(), false});  // limits are the session's
    ws_.read_message_max(kMessageLimit);
    websocket::response_type response;
    auto [ec] = co_await ws_.async_handshake(response, endpoint_.host + ":" + std::to_string(endpoint_.port),
                                             fill(endpoint_.path, ""), kTuple);
    if (ec) {
      auto reason = describe(ec, deadline_);
      if (ec == websocket::error::upgrade_declined) {
        reason += ": HTTP status " + std::to_string(response.result_int());
      }
      co_return Failure{Layer::websocket, reason};
    }
    log_.up(Layer::websocket);
    co_return std::nullopt;
  }

  awaitable<error_code> send(const std::string&, const std::string& message) override {
    auto [ec, n] = co_await ws_.async_write(asio::buffer(message), kTuple);
    co_return ec;
  }

  awaitable<std::string> read() override {
    beast::flat_buffer buffer;
    for (;;) {
      auto [ec, n] = co_await ws_.async_read(buffer, kTuple);
      if (ec) {
        const bool wire = ec == websocket::error::closed || ec == asio::error::eof ||
                          ec == asio::error::connection_reset || ec == asio::error::operation_aborted ||
                          ec == asio::ssl::error::stream_truncated || ec == asio::error::broken_pipe;
        co_return wire ? "" : ec.message();
      }
      const auto text = beast::buffers_to_string(buffer.data());
      buffer.consume(buffer.size());
      if (log_.awaiting_answer() && text.find(awaited_) != std::string::npos) {
        answered(RequestEnd::ok, 0, text.size());
      }
    }
  }

  websocket::stream<Transport&, false> ws_{transport_};
};

class HttpConnection final : public Connection {
 public:
  using Connection::Connection;

 private:
  awaitable<error_code> send(const std::string& id, const std::string& message) override {
    http::request<http::string_body> request(http::string_to_verb(group_.method), fill(endpoint_.path, id), 11);
    request.set(http::field::host, endpoint_.host + ":" + std::to_string(endpoint_.port));
    request.set(http::field::user_agent, "lastcall");
    request.body() = message;
    request.prepare_payload();
    auto [ec, n] = co_await http::async_write(transport_, request, kTuple);
    co_return ec;
  }

  awaitable<std::string> read() override {
    beast::flat_buffer buffer;
    for (;;) {
      http::response_parser<http::string_body> parser;
      parser.header_limit(kHeaderLimit);
      parser.body_limit(kMessageLimit);
      auto [ec, n] = co_await http::async_read(transport_, buffer, parser, kTuple);
      if (ec) {
        const bool wire = ec == http::error::end_of_stream || ec == http::error::partial_message ||
                          ec == asio::error::connection_reset || ec == asio::error::operation_aborted ||
                          ec == asio::ssl::error::stream_truncated || ec == asio::error::broken_pipe;
        co_return wire ? "" : ec.message();
      }
      if (!log_.awaiting_answer()) co_return "an answer to a request that was not made";
      const auto status = static_cast<int>(parser.get().result_int());
      last_ = !parser.get().keep_alive();
      answered(wanted(status) ? RequestEnd::ok : RequestEnd::refused, status, parser.get().body().size());
      if (last_) co_return "";
    }
  }

  [[nodiscard]] bool wanted(int status) const {
    if (group_.status.empty()) return status / 100 == 2;
    return std::ranges::find(group_.status, status) != group_.status.end();
  }
};

class SessionOf final : public Session, public std::enable_shared_from_this<SessionOf> {
 public:
  SessionOf(SessionContext& context, const PlannedClient& client, const ClientGroup& group, Endpoint endpoint)
      : context_(context), client_(client), group_(group), endpoint_(std::move(endpoint)), delay_(context.io) {}

  void start(std::function<void()> on_end) override {
    asio::co_spawn(context_.io, run(), [self = shared_from_this(), on_end = std::move(on_end)](
                                           std::exception_ptr failure) {
      LASTCALL_INVARIANT(failure == nullptr);
      on_end();
    });
  }

  void hang_up() override {
    hung_up_ = true;
    delay_.cancel();
    if (connection_) connection_->hang_up();
  }

 private:
  awaitable<void> run() {
    delay_.expires_after(client_.start);
    if (!hung_up_) co_await delay_.async_wait(kTuple);  // nobody cancels it any more if that came first
    Prng pace(client_.pace_seed);
    std::uint32_t next = 0;
    // An HTTP server may close a connection between two requests whenever it likes (RFC 9112, section 9.5): the
    // client goes on with a new one, as long as each answers something.
    for (std::uint32_t attempt = 0; !hung_up_ && !context_.stop_begun; ++attempt) {
      const auto id = connection_id(client_.id, attempt);
      if (is_websocket(endpoint_.protocol)) {
        connection_ = std::make_unique<WebSocketConnection>(context_, group_, endpoint_, id);
      } else {
        connection_ = std::make_unique<HttpConnection>(context_, group_, endpoint_, id);
      }
      co_await connection_->run(client_.group, pace, next);
      const bool all_said = group_.messages != 0 && next >= group_.messages;
      if (is_websocket(endpoint_.protocol) || all_said || !connection_->closed_between_requests()) break;
    }
    connection_.reset();
  }

  SessionContext& context_;
  PlannedClient client_;
  const ClientGroup& group_;
  Endpoint endpoint_;
  steady_timer delay_;
  std::unique_ptr<Connection> connection_;
  bool hung_up_ = false;
};

}  // namespace

std::shared_ptr<Session> Session::create(SessionContext& context, const PlannedClient& client,
                                         const ClientGroup& group) {
  auto values = context.placeholders;
  values["client"] = std::to_string(client.id.value);
  auto endpoint = parse_endpoint(expand_placeholders(group.url, values));
  LASTCALL_INVARIANT(endpoint.has_value());  // the scenario's parser has checked it
  return std::make_shared<SessionOf>(context, client, group, std::move(*endpoint));
}

Result<Endpoint> parse_endpoint(const std::string& url) {
  const Error bad{"read the URL", url, 0, "ws, wss, http or https://127.0.0.1:PORT/path is expected"};
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string::npos) return bad;
  const auto scheme = url.substr(0, scheme_end);
  constexpr std::array<std::pair<std::string_view, Protocol>, 4> kSchemes{
      {{"ws", Protocol::ws}, {"wss", Protocol::wss}, {"http", Protocol::http}, {"https", Protocol::https}}};
  const auto* known = std::ranges::find(kSchemes, scheme, &std::pair<std::string_view, Protocol>::first);
  if (known == kSchemes.end()) return bad;
  Endpoint endpoint;
  endpoint.protocol = known->second;
  const auto authority_begin = scheme_end + 3;
  const auto path_begin = std::min(url.find_first_of("/?", authority_begin), url.size());
  const auto authority = url.substr(authority_begin, path_begin - authority_begin);
  endpoint.path = url.substr(path_begin);
  if (!endpoint.path.starts_with('/')) endpoint.path.insert(0, "/");  // RFC 9112, section 3.2.1
  const auto colon = authority.rfind(':');
  const bool has_port = colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  endpoint.host = authority.substr(0, has_port ? colon : authority.size());
  endpoint.port = is_tls(endpoint.protocol) ? 443 : 80;
  if (has_port) {
    const auto* end = authority.data() + authority.size();
    const auto [rest, problem] = std::from_chars(authority.data() + colon + 1, end, endpoint.port);
    if (problem != std::errc() || rest != end || endpoint.port == 0) return bad;
  }
  endpoint.address = endpoint.host == "localhost" ? "127.0.0.1" : endpoint.host;
  if (endpoint.address.starts_with('[')) endpoint.address = endpoint.address.substr(1, endpoint.address.size() - 2);
  error_code ec;
  const auto address = asio::ip::make_address(endpoint.address, ec);
  if (ec || !address.is_loopback()) return bad;
  return endpoint;
}

Result<std::unique_ptr<asio::ssl::context>> client_tls(const std::string& certificate_file) {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
  error_code ec;
  if (certificate_file.empty()) {
    context->set_verify_mode(asio::ssl::verify_none, ec);
  } else {
    context->set_verify_mode(asio::ssl::verify_peer, ec);
    context->load_verify_file(certificate_file, ec);
  }
  if (ec) return Error{"load the certificate", certificate_file, 0, ec.message()};
  return context;
}

asio::awaitable<int> http_status(std::string url, asio::ssl::context& tls, Nanoseconds limit) {
  const auto endpoint = parse_endpoint(url);
  LASTCALL_INVARIANT(endpoint.has_value());
  ConnectionLog log({}, nullptr, nullptr);
  Transport transport(co_await asio::this_coro::executor, log, is_tls(endpoint->protocol) ? &tls : nullptr);
  Deadline deadline(transport);
  deadline.arm(limit);
  if (co_await bring_up(transport, *endpoint, log, deadline)) co_return 0;
  http::request<http::empty_body> request(http::verb::get, endpoint->path, 11);
  request.set(http::field::host, endpoint->host + ":" + std::to_string(endpoint->port));
  request.set(http::field::connection, "close");
  auto [write_error, written] = co_await http::async_write(transport, request, kTuple);
  if (write_error) co_return 0;
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMessageLimit);
  auto [read_error, read] = co_await http::async_read(transport, buffer, parser, kTuple);
  if (read_error) co_return 0;
  deadline.disarm();
  co_return static_cast<int>(parser.get().result_int());
}

}  // namespace lastcall
