// The least that Beast can be asked for: WebSocket over TLS on one thread, as the reference server
// has it, answering each message with itself. SIGTERM closes all connections:
//
//   handshakes  Close 1001 to all, their Close and close_notify waited for: what the protocols want
//   send        Close 1001, close_notify and FIN to all, and out: what it costs at the very least
//
//   minimal_server PORT CERTIFICATE KEY handshakes|send
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "bench/tls_server.hpp"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;
using WebSocket = websocket::stream<asio::ssl::stream<tcp::socket>, false>;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

std::unordered_set<std::shared_ptr<WebSocket>> open_now;

asio::awaitable<void> echo(std::shared_ptr<WebSocket> ws) {
  auto [refused] =
      co_await ws->next_layer().async_handshake(asio::ssl::stream_base::server, kTuple);
  if (refused) co_return;
  auto [not_upgraded] = co_await ws->async_accept(kTuple);
  if (not_upgraded) co_return;
  open_now.insert(ws);
  beast::flat_buffer buffer;
  ws->text(true);
  for (;;) {
    auto [ended, read] = co_await ws->async_read(buffer, kTuple);
    if (ended) break;
    auto [failed, written] = co_await ws->async_write(buffer.data(), kTuple);
    if (failed) break;
    buffer.clear();
  }
  open_now.erase(ws);
}

asio::awaitable<void> accept(tcp::acceptor& listener, asio::ssl::context& tls) {
  while (listener.is_open()) {
    auto [failed, socket] = co_await listener.async_accept(kTuple);
    if (failed) continue;
    socket.set_option(tcp::no_delay(true));
    const auto executor = socket.get_executor();
    asio::co_spawn(executor, echo(std::make_shared<WebSocket>(std::move(socket), tls)),
                   asio::detached);
  }
}

asio::awaitable<void> close(std::shared_ptr<WebSocket> ws) {
  co_await ws->async_close(websocket::close_code::going_away, kTuple);
}

void send_the_end(WebSocket& ws) {
  constexpr std::array<unsigned char, 4> kGoingAway{0x88, 2, 1001 >> 8, 1001 & 0xff};  // RFC 6455
  auto& socket = beast::get_lowest_layer(ws);
  error_code ec;
  socket.non_blocking(true, ec);
  asio::write(ws.next_layer(), asio::buffer(kGoingAway), ec);
  ws.next_layer().shutdown(ec);  // sends close_notify, and would wait for the peer's
  socket.close(ec);
}

asio::awaitable<void> stop_at(asio::signal_set& signals, asio::io_context& context,
                              tcp::acceptor& listener, bool handshakes) {
  co_await signals.async_wait(asio::use_awaitable);
  listener.close();
  const std::vector<std::shared_ptr<WebSocket>> all(open_now.begin(), open_now.end());
  for (const auto& ws : all) {
    if (handshakes) {
      asio::co_spawn(context, close(ws), asio::detached);
    } else {
      send_the_end(*ws);
    }
  }
  if (!handshakes) context.stop();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  try {
    bench::raise_descriptor_limit();
    asio::io_context context(1);
    auto tls = bench::tls_server_context(argv[2], argv[3]);
    asio::signal_set signals(context, SIGTERM);  // before anybody can see that it is there
    auto listener = bench::listen_locally(context, static_cast<std::uint16_t>(std::stoi(argv[1])));
    asio::co_spawn(context, accept(listener, tls), asio::detached);
    asio::co_spawn(context,
                   stop_at(signals, context, listener, std::string_view(argv[4]) == "handshakes"),
                   asio::detached);
    context.run();  // until the last connection is gone
    open_now.clear();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "minimal_server: %s\n", error.what());
    return 2;
  }
}
