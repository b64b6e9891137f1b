#include "discover/dialogue.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace lastcall {
namespace {

constexpr std::array<unsigned char, 12> kBoth{2,   'h', '2', 8,   'h', 't',
                                              't', 'p', '/', '1', '.', '1'};

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

std::optional<Address> address_of(const std::string& text, std::uint16_t port) {
  Address address;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    address.size = sizeof v4;
    std::memcpy(&address.storage, &v4, sizeof v4);
  } else if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    address.size = sizeof v6;
    std::memcpy(&address.storage, &v6, sizeof v6);
  } else {
    return std::nullopt;
  }
  return address;
}

}  // namespace

struct Dialogue::Tls {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()),
                                                            &SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{SSL_new(context.get()), &SSL_free};
};

Dialogue::Dialogue(ScopedFd socket) : socket_(std::move(socket)) {}

bool Dialogue::await(short what, TimePoint until) const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now()).count();
  pollfd waiting{socket_.get(), what, 0};
  return left > 0 && ::poll(&waiting, 1, static_cast<int>(left)) > 0;
}

std::optional<Dialogue> Dialogue::open(const std::string& address, std::uint16_t port,
                                       Nanoseconds limit) {
  const auto to = address_of(address, port);
  if (!to) return std::nullopt;
  Dialogue dialogue(
      ScopedFd(::socket(to->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
  const int socket = dialogue.socket_.get();
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&to->storage), to->size) != 0 &&
      (errno != EINPROGRESS || !dialogue.await(POLLOUT, now() + limit)))
    return std::nullopt;
  int problem = 0;
  socklen_t size = sizeof problem;
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &problem, &size) != 0 || problem != 0)
    return std::nullopt;
  return dialogue;
}

TlsFound Dialogue::start_tls(Offer offer, Nanoseconds limit) {
  const auto until = now() + limit;
  tls_ = std::make_shared<Tls>();
  auto* const ssl = tls_->ssl.get();
  SSL_set_fd(ssl, socket_.get());
  SSL_set_tlsext_host_name(ssl, "localhost");
  const std::size_t skipped = offer == Offer::h2_and_http1 ? 0 : 3;
  if (offer != Offer::nothing)
    SSL_set_alpn_protos(ssl, kBoth.data() + skipped, static_cast<unsigned>(kBoth.size() - skipped));
  SSL_set_connect_state(ssl);
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl);
    if (result == 1) break;
    const int why = SSL_get_error(ssl, result);
    const bool more = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    if (more && await(why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until)) continue;
    // An alert is an answer in TLS.
    return {.refused =
                why == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_error()) >= SSL_AD_REASON_OFFSET};
  }
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &chosen, &size);
  return {.is_tls = true, .alpn = std::string(chosen, chosen + size)};
}

bool Dialogue::send(std::string_view bytes, Nanoseconds limit) {
  const auto until = now() + limit;
  while (!bytes.empty()) {
    ssize_t sent = 0;
    if (tls_) {
      ERR_clear_error();
      sent = SSL_write(tls_->ssl.get(), bytes.data(), static_cast<int>(bytes.size()));
    } else {
      sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (!await(POLLOUT, until)) {
      return false;
    } else if (!tls_ && errno != EAGAIN) {
      return false;
    }
  }
  return true;
}

std::string Dialogue::receive(Nanoseconds limit, Nanoseconds quiet, std::size_t most) {
  const auto until = now() + limit;
  std::string text;
  std::array<char, 16 << 10> block{};
  while (text.size() < most) {
    ssize_t count = 0;
    bool waits = false;
    if (tls_) {
      ERR_clear_error();
      count = SSL_read(tls_->ssl.get(), block.data(), static_cast<int>(block.size()));
      const int why = SSL_get_error(tls_->ssl.get(), static_cast<int>(count));
      waits = count <= 0 && (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE);
    } else {
      count = ::recv(socket_.get(), block.data(), block.size(), 0);
      waits = count < 0 && (errno == EAGAIN || errno == EINTR);
    }
    if (count > 0) {
      text.append(block.data(), static_cast<std::size_t>(count));
      last_byte_ = now();
    } else if (!waits) {
      closed_ = true;
      break;
    } else if (!await(POLLIN, text.empty() ? until : std::min(until, now() + quiet))) {
      break;
    }
  }
  return text;
}

}  // namespace lastcall
