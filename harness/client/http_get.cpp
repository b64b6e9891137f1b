#include "client/http_get.hpp"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <memory>

#include "base/as_tuple.hpp"
#include "base/durations.hpp"
#include "client/session.hpp"

namespace lastcall {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;
constexpr std::uint64_t kBodyLimit = std::uint64_t{16} << 20;

// How often it is asked whether the answer is still wanted.
constexpr auto kGlance = std::chrono::milliseconds(5);

// Closes the socket when the time is up, or nobody wants the answer any more. Shared with the
// timer's handler, which may already be queued when everything is done.
struct TimeLimit : std::enable_shared_from_this<TimeLimit> {
  TimeLimit(const asio::any_io_executor& executor, TimePoint until, std::function<bool()> is_over)
      : socket(executor), timer(executor), limit(until), over(std::move(is_over)) {}
  void watch() {
    timer.expires_at(over ? std::min(limit, now() + kGlance) : limit);
    timer.async_wait([self = shared_from_this()](error_code ec) {
      if (ec) return;
      const bool unwanted = self->over && self->over();
      self->passed = now() >= self->limit;
      if (!self->passed && !unwanted) return self->watch();
      self->socket.close(ec);
    });
  }
  tcp::socket socket;
  asio::steady_timer timer;
  TimePoint limit;
  std::function<bool()> over;
  bool passed = false;
};

template <class Stream>
asio::awaitable<error_code> exchange(Stream& stream, const Endpoint& endpoint, HttpAnswer& answer) {
  http::request<http::empty_body> request(http::verb::get, endpoint.path, 11);
  request.set(http::field::host, endpoint.host + ":" + std::to_string(endpoint.port));
  request.set(http::field::user_agent, "lastcall");
  request.set(http::field::connection, "close");
  auto [write_error, written] = co_await http::async_write(stream, request, kTuple);
  if (write_error) co_return write_error;
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kBodyLimit);
  auto [read_error, read] = co_await http::async_read(stream, buffer, parser, kTuple);
  if (read_error) co_return read_error;
  answer.status = static_cast<int>(parser.get().result_int());
  answer.body = std::move(parser.get().body());
  co_return error_code();
}

asio::awaitable<error_code> ask(tcp::socket& socket, asio::ssl::context& tls,
                                const Endpoint& endpoint, HttpAnswer& answer) {
  const tcp::endpoint address(asio::ip::make_address(endpoint.address), endpoint.port);
  auto [connect_error] = co_await socket.async_connect(address, kTuple);
  answer.connect_error = connect_error.value();
  if (connect_error) co_return connect_error;
  if (!is_tls(endpoint.protocol)) co_return co_await exchange(socket, endpoint, answer);
  asio::ssl::stream<tcp::socket&> secure(socket, tls);
  SSL_set_tlsext_host_name(secure.native_handle(), endpoint.host.c_str());
  auto [tls_error] = co_await secure.async_handshake(asio::ssl::stream_base::client, kTuple);
  if (tls_error) co_return tls_error;
  co_return co_await exchange(secure, endpoint, answer);
}

}  // namespace

asio::awaitable<HttpAnswer> http_get(std::string url, asio::ssl::context& tls, Nanoseconds limit,
                                     std::function<bool()> over) {
  HttpAnswer answer;
  const auto endpoint = parse_endpoint(url);
  if (!endpoint) {
    answer.problem = endpoint.error().message();
    co_return answer;
  }
  const auto executor = co_await asio::this_coro::executor;
  const auto bounded = std::make_shared<TimeLimit>(executor, now() + limit, std::move(over));
  bounded->watch();
  const auto failure = co_await ask(bounded->socket, tls, *endpoint, answer);
  bounded->timer.cancel();
  if (failure) {
    answer.problem =
        bounded->passed ? "no answer within " + human_duration(limit) : failure.message();
    if (answer.connect_error != 0 && bounded->passed) answer.connect_error = ETIMEDOUT;
    answer.status = 0;
  }
  error_code ignored;
  bounded->socket.close(ignored);
  co_return answer;
}

}  // namespace lastcall
