// The ways of a connection to misbehave; scenario/behaviour.hpp says what each does.
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/write.hpp>
#include <tuple>

#include "client/connection.hpp"

namespace lastcall {
namespace {

constexpr std::uint64_t kMaxGarbage = 4096;

std::string name_of(Behaviour behaviour) { return std::string(name(behaviour)); }

// The bytes of a ClientHello as `context` would send it.
std::string client_hello(asio::ssl::context& context, const std::string& host) {
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.native_handle()), SSL_free);
  BIO* const in = BIO_new(BIO_s_mem());
  BIO* const out = BIO_new(BIO_s_mem());
  if (!ssl || in == nullptr || out == nullptr) return {};
  SSL_set_bio(ssl.get(), in, out);  // it owns them now
  SSL_set_tlsext_host_name(ssl.get(), host.c_str());
  SSL_set_connect_state(ssl.get());
  SSL_do_handshake(ssl.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);
  return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

std::string random_bytes(Prng& prng) {
  std::string bytes(prng.between(1, kMaxGarbage), '\0');
  for (auto& byte : bytes) byte = static_cast<char>(prng.between(0, 255));
  return bytes;
}

// Reads below TLS to the end of the stream.
awaitable<error_code> read_rest_below_tls(Transport& transport) {
  std::array<unsigned char, 4096> scrap{};
  error_code ec;
  std::size_t n = 0;
  while (!ec) {
    std::tie(ec, n) =
        co_await transport.recording_socket().async_read_some(asio::buffer(scrap), kTuple);
  }
  co_return ec;
}

}  // namespace

bool Connection::misbehaves_below_tls() {
  return !transport_.tls() || misdeeds_.between(0, 1) == 0;
}

awaitable<void> Connection::abort_handshake() {
  const bool by_reset = misdeeds_.between(0, 1) == 0;
  log_.misbehaved(name_of(client_.behaviour), true);
  left_ = name_of(client_.behaviour);
  const auto half = transport_.tls() ? client_hello(*context_.tls[client_.group], endpoint_.host)
                                     : half_opening();
  if (!half.empty()) co_await asio::async_write(transport_.socket(), asio::buffer(half), kTuple);
  moment_.expires_after(client_.misbehaves);
  if (!hung_up_) co_await moment_.async_wait(kTuple);
  leave(by_reset);
  if (!by_reset) co_await read_rest_below_tls(transport_);
}

awaitable<void> Connection::be_silent() {
  log_.misbehaved(name_of(client_.behaviour), false);
  deadline_.disarm();
  co_await end_in_order();
}

awaitable<void> Connection::send_garbage(bool below_tls) {
  log_.misbehaved(name_of(client_.behaviour), false);
  deadline_.disarm();
  const auto bytes = random_bytes(misdeeds_);
  if (!below_tls) {
    co_await asio::async_write(transport_, asio::buffer(bytes), kTuple);
    co_return co_await end_in_order();
  }
  co_await asio::async_write(transport_.socket(), asio::buffer(bytes), kTuple);
  auto end = co_await read_rest_below_tls(transport_);
  if (end != asio::error::eof) co_return;
  transport_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, end);
  if (!end) log_.fin_sent();
}

awaitable<void> Connection::misbehave_at_its_moment() {
  constexpr std::array kLater{Behaviour::slow_reader, Behaviour::half_open, Behaviour::reset,
                              Behaviour::abort_message};
  if (std::ranges::find(kLater, client_.behaviour) == kLater.end()) co_return;
  moment_.expires_after(client_.misbehaves);
  co_await moment_.async_wait(kTuple);
  if (is_over()) co_return;
  if (client_.behaviour == Behaviour::slow_reader) {
    log_.misbehaved(name_of(client_.behaviour), false);
    if (!target_ended_) transport_.read_slowly(group_.read_rate);
  } else if (client_.behaviour == Behaviour::half_open) {
    vanish();
  } else if (client_.behaviour == Behaviour::reset) {
    leave_by_reset(name_of(client_.behaviour));
  } else {
    co_await abort_message();
  }
}

awaitable<void> Connection::abort_message() {
  const bool by_reset = misdeeds_.between(0, 1) == 0;
  const auto which = misdeeds_.between(0, group_.message.size() - 1);
  const auto half = half_message(fill(group_.message[which], "half"));
  log_.misbehaved(name_of(client_.behaviour), true);
  left_ = name_of(client_.behaviour);
  wake_.cancel();
  if (!transport_.is_writing() && !half.empty()) {
    co_await asio::async_write(transport_, asio::buffer(half), kTuple);
  }
  leave(by_reset);
}

// As the end of the server's stream has come and nothing is answered to it.
awaitable<void> Connection::hold_on() {
  log_.request_ended(RequestEnd::unknown, 0, 0);
  log_.misbehaved(name_of(client_.behaviour), false);
  co_await read_rest_below_tls(transport_);
  while (!is_gone() && !target_ended_ && !log_.was_reset()) co_await wait();
  held_on_ = left_.empty() && !log_.was_reset();
}

void Connection::vanish() {
  auto& socket = transport_.socket();
  const int on = 1;
  const bool repairs =
      ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_REPAIR, &on, sizeof on) == 0;
  left_ = name_of(client_.behaviour) + (repairs ? "" : " (mute)");
  log_.misbehaved(left_, true);
  if (!repairs) {
    error_code ec;
    mute_ = ScopedFd(socket.release(ec));  // ends what is being read or written
  }
  close();
  wake_.cancel();
}

void Connection::leave_by_reset(const std::string& how) {
  left_ = how;
  log_.misbehaved(how, true);
  leave(true);
}

// Misbehaved has been recorded. After a FIN the caller, or the reader, reads to the end.
void Connection::leave(bool by_reset) {
  error_code ec;
  if (by_reset) {
    transport_.socket().set_option(asio::socket_base::linger(true, 0), ec);
    close();
    moment_.cancel();
    wake_.cancel();
    return;
  }
  transport_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ec);
  if (!ec) log_.fin_sent();
  deadline_.arm(kCloseLimit);
}

}  // namespace lastcall
