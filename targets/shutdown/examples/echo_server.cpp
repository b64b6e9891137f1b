// A TCP echo server that stops gracefully: it hears SIGTERM, closes its listener, lets each client
// finish until the drain limit, then closes what is left, and says goodbye.
#include <boost/asio.hpp>
#include <cstdio>

#include "shutdown/asio.hpp"
#include "shutdown/shutdown.hpp"

namespace asio = boost::asio;
namespace stop = graceful::shutdown;
using asio::ip::tcp;

asio::awaitable<void> echo(std::shared_ptr<tcp::socket> socket, stop::ConnectionGuard) {
  char data[1024];
  while (true) {
    const auto size = co_await socket->async_read_some(asio::buffer(data), asio::use_awaitable);
    co_await asio::async_write(*socket, asio::buffer(data, size), asio::use_awaitable);
  }
}

asio::awaitable<void> accept(tcp::acceptor& acceptor, stop::ConnectionTracker& connections) {
  while (true) {
    auto socket =
        std::make_shared<tcp::socket>(co_await acceptor.async_accept(asio::use_awaitable));
    const auto close = [socket] {
      asio::post(socket->get_executor(), [socket] { socket->close(); });
    };
    auto guard = connections.acquire({.name = "client", .force = close});
    if (!guard) continue;  // the stop has begun
    asio::co_spawn(acceptor.get_executor(), echo(socket, std::move(*guard)), asio::detached);
  }
}

int main() {
  if (!stop::catch_signals_early()) return 2;  // a SIGTERM from here on is not lost
  asio::io_context context;
  const auto work = asio::make_work_guard(context);
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  stop::ShutdownCoordinator::Builder builder;
  auto built =
      builder.limits({.drain = std::chrono::seconds(2)})
          .notifier(stop::ServiceNotifier::from_environment())
          .watchdog({.executors = {stop::on_executor(context.get_executor())}})
          .stop_accepting("listener", [&] { asio::post(context, [&] { acceptor.close(); }); })
          .end_loop([&] { context.stop(); })
          .build();
  if (!built) return std::fprintf(stderr, "%s\n", built.error().message().c_str()), 2;
  asio::co_spawn(context, accept(acceptor, (*built)->connections()), asio::detached);
  std::printf("port %d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  (*built)->ready();
  const auto report = (*built)->run([&] { context.run(); });
  std::printf("goodbye: %s", report.text().c_str());
  return stop::leave(report);
}
