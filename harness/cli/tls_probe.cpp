#include "cli/tls_probe.hpp"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string_view>

#include "base/clock.hpp"
#include "base/scoped_fd.hpp"

namespace lastcall::cli {
namespace {

// A server on this machine that has not answered by then will not answer.
constexpr auto kLimit = std::chrono::milliseconds(500);

bool await(int socket, short what, TimePoint until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now()).count();
  pollfd waiting{socket, what, 0};
  return left > 0 && ::poll(&waiting, 1, static_cast<int>(left)) > 0;
}

using Address = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

// Null if there is none in the text.
Address parse(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return {nullptr, &::freeaddrinfo};
  auto host = text.substr(0, colon);
  addrinfo wanted{};
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  wanted.ai_family = host.starts_with('[') ? AF_INET6 : AF_INET;
  wanted.ai_socktype = SOCK_STREAM;
  if (wanted.ai_family == AF_INET6) host = host.substr(1, host.size() - 2);
  const bool is_any = host == "0.0.0.0" || host == "::";  // then the loopback address
  addrinfo* found = nullptr;
  (void)::getaddrinfo(is_any ? nullptr : host.c_str(), text.c_str() + colon + 1, &wanted, &found);
  return {found, &::freeaddrinfo};
}

ScopedFd connect_to(const addrinfo& address, TimePoint until) {
  ScopedFd socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int result = ::connect(socket.get(), address.ai_addr, address.ai_addrlen);
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
std::string handshake(const addrinfo& address) {
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

bool speaks_http(const addrinfo& address) {
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
