// What the servers of the benchmarks share: set up for TLS and for thousands of clients as the
// reference server is.
#pragma once

#include <openssl/ssl.h>
#include <sys/resource.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstdint>
#include <string>

namespace bench {

inline void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

inline boost::asio::ssl::context tls_server_context(const std::string& certificate,
                                                    const std::string& key) {
  namespace ssl = boost::asio::ssl;
  ssl::context context(ssl::context::tlsv13_server);
  context.use_certificate_chain_file(certificate);
  context.use_private_key_file(key, ssl::context::pem);
  SSL_CTX_set_num_tickets(context.native_handle(), 0);
  SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

inline boost::asio::ip::tcp::acceptor listen_locally(boost::asio::io_context& context,
                                                     std::uint16_t port) {
  using boost::asio::ip::tcp;
  constexpr int kBacklog = 4096;  // of the reference server
  tcp::acceptor listener(context, tcp::v4());
  listener.set_option(tcp::acceptor::reuse_address(true));
  listener.bind(tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
  listener.listen(kBacklog);
  return listener;
}

}  // namespace bench
