// The two lower layers of a connection: TCP and TLS.
#include <netinet/in.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <cerrno>

#include "client/connect_error.hpp"
#include "client/connection.hpp"

namespace lastcall {
namespace {

using asio::ip::tcp;

// A slow reader's: the kernel doubles it and has a minimum of its own (tcp(7)), so that little fits
// between a server and a client that does not read.
constexpr int kSmallReceiveBuffer = 1024;

std::string text_of(int error) {
  return error_code(error, boost::system::system_category()).message();
}

std::optional<Failure> prepare(tcp::socket& socket, const ConnectOptions& way) {
  error_code ec;
  socket.open(way.to.protocol(), ec);
  if (!ec) socket.non_blocking(true, ec);
  if (ec) return Failure{Layer::tcp, "make a socket: " + ec.message(), ec.value()};
  if (way.small_receive_buffer) {
    // Before the connect, or the window has been announced already.
    socket.set_option(asio::socket_base::receive_buffer_size(kSmallReceiveBuffer), ec);
  }
  if (way.source == 0) return std::nullopt;
  // The port is chosen at the connect, when the other end is known: ports are not used up by
  // address.
  const int on = 1;
  (void)::setsockopt(socket.native_handle(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  const tcp::endpoint source(asio::ip::address_v4(way.source), 0);
  socket.bind(source, ec);
  if (!ec) return std::nullopt;
  return Failure{Layer::tcp, "bind to " + source.address().to_string() + ": " + ec.message(),
                 ec.value()};
}

}  // namespace

// With connect(2) itself, so that the local address is known before anything else can happen.
awaitable<std::optional<Failure>> connect_tcp(Transport& transport, const ConnectOptions& way) {
  auto& socket = transport.socket();
  if (auto failure = prepare(socket, way)) co_return failure;
  int error =
      ::connect(socket.native_handle(), way.to.data(), static_cast<socklen_t>(way.to.size())) == 0
          ? 0
          : errno;
  error_code ec;
  if (error == EINPROGRESS) {
    auto [wait_error] = co_await socket.async_wait(tcp::socket::wait_write, kTuple);
    if (wait_error) co_return Failure{Layer::tcp, wait_error.message()};
    socklen_t size = sizeof error;
    (void)::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != 0)
    co_return Failure{Layer::tcp, text_of(error), is_local_shortage(error) ? error : 0};
  // Frames and records are small and answered one by one: Nagle's algorithm would add delayed-ACK
  // pauses.
  socket.set_option(tcp::no_delay(true), ec);
  co_return std::nullopt;
}

awaitable<std::optional<Failure>> handshake_tls(Transport& transport, const Endpoint& endpoint) {
  auto& tls = *transport.tls();
  auto* const ssl = tls.native_handle();
  SSL_set_tlsext_host_name(ssl, endpoint.host.c_str());
  if (SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE) {
    auto* const wanted = SSL_get0_param(ssl);
    if (endpoint.host == "localhost") {
      X509_VERIFY_PARAM_set1_host(wanted, endpoint.host.c_str(), 0);
    } else {
      X509_VERIFY_PARAM_set1_ip_asc(wanted, endpoint.address.c_str());
    }
  }
  auto [ec] = co_await tls.async_handshake(asio::ssl::stream_base::client, kTuple);
  if (!ec) co_return std::nullopt;
  auto reason = ec.message();
  if (const auto why = SSL_get_verify_result(ssl); why != X509_V_OK) {
    reason += std::string(": ") + X509_verify_cert_error_string(why);
  }
  co_return Failure{Layer::tls, reason};
}

}  // namespace lastcall
