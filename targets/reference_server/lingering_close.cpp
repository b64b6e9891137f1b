#include "reference_server/lingering_close.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

namespace reference_server {

namespace asio = boost::asio;
using asio::ip::tcp;

asio::awaitable<void> linger(tcp::socket& socket) {
  boost::system::error_code ec;
  socket.shutdown(asio::socket_base::shutdown_send, ec);
  std::array<char, 2048> ignored;
  while (!ec) {
    auto [failed, size] =
        co_await socket.async_read_some(asio::buffer(ignored), asio::as_tuple(asio::use_awaitable));
    ec = failed;
  }
}

asio::awaitable<void> turn_away(tcp::socket socket, std::chrono::milliseconds limit) {
  // Shared with the timer, whose expiry can be under way when the coroutine ends.
  auto shared = std::make_shared<tcp::socket>(std::move(socket));
  asio::steady_timer timer(shared->get_executor(), limit);
  timer.async_wait([shared](boost::system::error_code ec) {
    if (!ec) shared->close(ec);
  });
  co_await linger(*shared);
}

}  // namespace reference_server
