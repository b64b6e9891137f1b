#include "reference_server/server.hpp"

#include <openssl/ssl.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <optional>
#include <vector>

#include "reference_server/linger.hpp"
#include "reference_server/notify.hpp"
#include "reference_server/session.hpp"

namespace reference_server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr int kBacklog = 4096;  // thousands of clients may come at once

// Every connection is a descriptor; the usual soft limit of 1,024 is no limit of ours.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

asio::ssl::context tls_context(const Options& options) {
  asio::ssl::context context(asio::ssl::context::tlsv13_server);
  context.use_certificate_chain_file(options.certificate);
  context.use_private_key_file(options.key, asio::ssl::context::pem);
  // No session tickets: a peer that closes without having read them answers with a reset.
  SSL_CTX_set_num_tickets(context.native_handle(), 0);
  SSL_CTX_set_mode(context.native_handle(),
                   SSL_MODE_RELEASE_BUFFERS);  // idle connections stay small
  return context;
}

class Server {
 public:
  Server(const Options& options, const StopPolicy& policy) : policy_(policy), signals_(context_) {
    surroundings_.work = options.work;
    surroundings_.close_timeout = options.close_timeout;
    if (options.tls) tls_.emplace(tls_context(options));
    plain_listener_ = listen(options.port);
    if (options.tls) tls_listener_ = listen(options.tls_port);
  }

  int run() {
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
    signals_.async_wait([this](error_code ec, int) {
      if (!ec) stop();
    });
    asio::co_spawn(context_, accept(*plain_listener_, nullptr), asio::detached);
    if (tls_) asio::co_spawn(context_, accept(*tls_listener_, &*tls_), asio::detached);
    announce();
    context_.run();
    block_signals();
    return surroundings_.forced > 0 ? 1 : policy_.exit_code;
  }

 private:
  std::optional<tcp::acceptor> listen(std::uint16_t port) {
    tcp::acceptor listener(context_, tcp::v4());
    listener.set_option(tcp::acceptor::reuse_address(true));
    listener.bind(tcp::endpoint(asio::ip::address_v4::loopback(), port));
    listener.listen(kBacklog);
    return listener;
  }

  void announce() {
    std::printf("listening on %u", plain_listener_->local_endpoint().port());
    if (tls_) std::printf(", TLS on %u", tls_listener_->local_endpoint().port());
    std::printf("\n");
    std::fflush(stdout);
    notify("READY=1");
  }

  asio::awaitable<void> accept(tcp::acceptor& listener, asio::ssl::context* tls) {
    while (listener.is_open()) {
      auto [ec, socket] = co_await listener.async_accept(kTuple);
      if (!ec) {
        serve(std::move(socket), tls);
      } else if (listener.is_open()) {
        // Out of descriptors, most likely: they come back as connections end.
        asio::steady_timer pause(context_, std::chrono::milliseconds(50));
        co_await pause.async_wait(asio::use_awaitable);
      }
    }
  }

  void serve(tcp::socket socket, asio::ssl::context* tls) {
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    if (tls == nullptr) {
      start_plain(std::move(socket), surroundings_);
    } else {
      start_tls(std::move(socket), *tls, surroundings_);
    }
  }

  void stop() {
    notify("STOPPING=1");
    std::printf("stopping with %zu connections\n", surroundings_.sessions.size());
    std::fflush(stdout);
    surroundings_.endpoints.begin_stop();
    close_listener(*plain_listener_);
    if (tls_listener_) close_listener(*tls_listener_);
    end_connections();
    if (!policy_.ends) endless_.emplace(context_.get_executor());
  }

  // Closing alone would reset the connections that wait in the backlog.
  void close_listener(tcp::acceptor& listener) {
    error_code ec;
    listener.non_blocking(true, ec);
    for (int i = 0; i < kBacklog && !ec; ++i) {
      tcp::socket waiting(context_);
      listener.accept(waiting, ec);
      if (ec) break;
      asio::co_spawn(context_, turn_away(std::move(waiting), surroundings_.close_timeout),
                     asio::detached);
    }
    listener.close(ec);
  }

  void end_connections() {
    std::vector<std::shared_ptr<Session>> sessions;  // a session may end while others are told
    for (Session* session : surroundings_.sessions) sessions.push_back(session->shared_from_this());
    if (policy_.connections == StopPolicy::Connections::close_in_order) {
      for (auto& session : sessions) session->stop();
      return;
    }
    for (std::size_t i = 0; i < sessions.size(); ++i) sessions[i]->cut(i % 2 == 0);
    context_.stop();
  }

  // From here on the signals have their default effect again, and a late one must not change the
  // exit.
  static void block_signals() {
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGTERM);
    sigaddset(&both, SIGINT);
    pthread_sigmask(SIG_BLOCK, &both, nullptr);
  }

  StopPolicy policy_;
  Surroundings surroundings_;  // before the context, whose end destroys the connections
  std::optional<asio::ssl::context> tls_;
  asio::io_context context_{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> endless_;
  asio::signal_set signals_;
  std::optional<tcp::acceptor> plain_listener_;
  std::optional<tcp::acceptor> tls_listener_;
};

}  // namespace

int run_server(const Options& options, const StopPolicy& policy) {
  raise_descriptor_limit();
  return Server(options, policy).run();
}

}  // namespace reference_server
