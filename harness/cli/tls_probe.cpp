#include "cli/tls_probe.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <cstring>
#include <memory>

#include "base/clock.hpp"
#include "base/scoped_fd.hpp"

namespace lastcall::cli {
namespace {

// A server on this machine that has not answered by then is not about to.
constexpr auto kLimit = std::chrono::milliseconds(500);

bool await(int socket, short what, TimePoint until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now()).count();
  pollfd waiting{socket, what, 0};
  return left > 0 && ::poll(&waiting, 1, static_cast<int>(left)) > 0;
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

std::optional<Address> parse(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::uint16_t port = 0;
  if (std::from_chars(text.data() + colon + 1, text.data() + text.size(), port).ec != std::errc())
    return std::nullopt;
  Address parsed;
  auto host = text.substr(0, colon);
  if (host.starts_with('[')) {
    auto& in = reinterpret_cast<sockaddr_in6&>(parsed.storage);
    in = {.sin6_family = AF_INET6,
          .sin6_port = htons(port),
          .sin6_flowinfo = 0,
          .sin6_addr = {},
          .sin6_scope_id = 0};
    parsed.size = sizeof in;
    host = host == "[::]" ? "::1" : host.substr(1, host.size() - 2);
    return ::inet_pton(AF_INET6, host.c_str(), &in.sin6_addr) == 1 ? std::optional(parsed)
                                                                   : std::nullopt;
  }
  auto& in = reinterpret_cast<sockaddr_in&>(parsed.storage);
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  parsed.size = sizeof in;
  if (host == "0.0.0.0") host = "127.0.0.1";
  return ::inet_pton(AF_INET, host.c_str(), &in.sin_addr) == 1 ? std::optional(parsed)
                                                               : std::nullopt;
}

ScopedFd connect_to(const Address& address, TimePoint until) {
  ScopedFd socket(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int result =
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  if (result != 0 && (errno != EINPROGRESS || !await(socket.get(), POLLOUT, until))) return {};
  int problem = 0;
  socklen_t size = sizeof problem;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &problem, &size) != 0 || problem != 0)
    return {};
  return socket;
}

std::string certificate_of(const SSL* ssl) {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl),
                                                                &X509_free);
  if (!certificate) return "no certificate";
  const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new(BIO_s_mem()), &BIO_free);
  X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate.get()), 0, XN_FLAG_RFC2253);
  char* begin = nullptr;
  const auto size = BIO_get_mem_data(text.get(), &begin);
  std::string name(begin, size > 0 ? static_cast<std::size_t>(size) : 0);
  const bool is_over = X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0;
  return "certificate " + (name.empty() ? "without a name" : name) +
         (is_over ? ", which has expired" : "");
}

// "speaks TLSv1.3, …"; empty: the other side sent something else, or nothing.
std::string handshake(const Address& address) {
  const auto until = now() + kLimit;
  const auto socket = connect_to(address, until);
  if (!socket) return "cannot be connected to";
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
  SSL_set_fd(ssl.get(), socket.get());
  SSL_set_tlsext_host_name(ssl.get(), "localhost");
  SSL_set_connect_state(ssl.get());
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl.get());
    if (result == 1) break;
    const int why = SSL_get_error(ssl.get(), result);
    const bool more = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    if (more && await(socket.get(), why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until)) continue;
    const auto error = ERR_peek_error();
    // An alert is an answer in TLS.
    if (why == SSL_ERROR_SSL && ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET)
      return std::string("speaks TLS, and refuses ours: ") + ERR_reason_error_string(error);
    return "";
  }
  auto text =
      std::string("speaks ") + SSL_get_version(ssl.get()) + ", " + certificate_of(ssl.get());
  (void)SSL_shutdown(ssl.get());
  return text;
}

bool speaks_http(const Address& address) {
  constexpr std::string_view kRequest = "HEAD / HTTP/1.0\r\n\r\n";
  constexpr std::string_view kAnswer = "HTTP/";
  const auto until = now() + kLimit;
  const auto socket = connect_to(address, until);
  if (!socket || ::send(socket.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0)
    return false;
  std::array<char, kAnswer.size()> answer{};
  return await(socket.get(), POLLIN, until) &&
         ::recv(socket.get(), answer.data(), answer.size(), 0) ==
             static_cast<ssize_t>(answer.size()) &&
         std::string_view(answer.data(), answer.size()) == kAnswer;
}

}  // namespace

std::optional<std::string> probe_tls(const std::string& address) {
  const auto parsed = parse(address);
  if (!parsed) return std::nullopt;
  auto said = handshake(*parsed);
  if (!said.empty()) return said;
  return speaks_http(*parsed) ? "does not speak TLS: it answers plain HTTP" : "does not speak TLS";
}

}  // namespace lastcall::cli
