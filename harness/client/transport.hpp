// One client's connection as a stream for Beast: TCP, optionally TLS over it, each layer recorded.
// Included by the few files that instantiate Beast over it; everybody else sees client/session.hpp.
// Not thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/role.hpp>
#include <optional>

#include "base/clock.hpp"
#include "client/connection_log.hpp"

namespace lastcall {

namespace asio = boost::asio;
using boost::system::error_code;

// The layer below TLS. It hands TLS one record at a time (RFC 8446, section 5.1: five header bytes,
// the last two the length), because OpenSSL discards what follows close_notify in the same read:
// what this layer still holds after close_notify is what the server sent too late.
class RecordingSocket {
 public:
  using executor_type = asio::any_io_executor;
  using lowest_layer_type = asio::ip::tcp::socket::lowest_layer_type;

  RecordingSocket(const asio::any_io_executor& executor, ConnectionLog& log, bool records)
      : socket_(executor), log_(log), records_(records), next_read_(executor) {}

  executor_type get_executor() { return socket_.get_executor(); }
  lowest_layer_type& lowest_layer() { return socket_.lowest_layer(); }
  asio::ip::tcp::socket& socket() { return socket_; }
  [[nodiscard]] const asio::ip::tcp::socket& socket() const { return socket_; }
  // Bytes that the kernel has taken, since the connection was opened.
  [[nodiscard]] std::uint64_t written() const { return written_; }
  [[nodiscard]] std::size_t held() const { return held_end_ - held_begin_; }

  // Takes this many bytes a second from now on; 0: as many as there are, at once.
  void read_slowly(std::uint64_t bytes_per_second) {
    rate_ = bytes_per_second;
    if (rate_ == 0) next_read_.cancel();
  }
  void close() {
    read_slowly(0);
    error_code ignored;
    socket_.close(ignored);
  }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    enum class Stage { begin, filled, ready };
    return asio::async_compose<Token, void(error_code, std::size_t)>(
        [this, buffers, step = Stage::begin](auto& self, error_code ec = {},
                                             std::size_t n = 0) mutable {
          if (step == Stage::begin && (held() > 0 || end_)) {
            step = Stage::ready;
            return asio::post(get_executor(), std::move(self));
          }
          if (step == Stage::begin && rate_ > 0 && now() < next_read_.expiry()) {
            return next_read_.async_wait(std::move(self));  // and begins once more
          }
          if (step == Stage::begin) {
            step = Stage::filled;
            if (records_) {
              return socket_.async_read_some(asio::buffer(held_, portion()), std::move(self));
            }
            if (rate_ > 0) return socket_.async_read_some(first_part(buffers), std::move(self));
            return socket_.async_read_some(buffers, std::move(self));
          }
          if (step == Stage::filled) {
            if (ec != asio::error::operation_aborted) end_ = ec;
            if (rate_ > 0) next_read_.expires_after(time_for(n));
            log_.socket_error(ec);
            if (ec || !records_) return self.complete(ec, n);
            held_begin_ = 0;
            held_end_ = n;
          }
          if (held() == 0) return self.complete(end_, 0);
          self.complete({}, hand_out(buffers));
        },
        token, socket_);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_compose<Token, void(error_code, std::size_t)>(
        [this, buffers, begun = false](auto& self, error_code ec = {}, std::size_t n = 0) mutable {
          if (!std::exchange(begun, true))
            return socket_.async_write_some(buffers, std::move(self));
          log_.socket_error(ec);
          written_ += n;
          self.complete(ec, n);
        },
        token, socket_);
  }

 private:
  // What a slow reader takes at once: a tenth of a second's worth.
  [[nodiscard]] std::size_t portion() const {
    constexpr std::size_t kMax = sizeof held_;
    if (rate_ == 0) return kMax;
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(rate_ / 10, 1, kMax));
  }
  [[nodiscard]] Nanoseconds time_for(std::size_t bytes) const {
    return Nanoseconds(static_cast<std::int64_t>(bytes * std::uint64_t{1'000'000'000} / rate_));
  }
  template <class Buffers>
  asio::mutable_buffer first_part(const Buffers& buffers) const {
    for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers);
         ++it) {
      const asio::mutable_buffer part(*it);
      if (part.size() > 0) return asio::buffer(part, portion());
    }
    return {};
  }

  // Copies at most to the end of the current record.
  template <class Buffers>
  std::size_t hand_out(const Buffers& buffers) {
    const auto room = std::min(asio::buffer_size(buffers), held());
    std::size_t n = 0;
    while (n < room) {
      if (header_size_ < header_.size()) {
        header_[header_size_++] = held_[held_begin_ + n++];
        if (header_size_ == header_.size()) body_left_ = std::size_t{header_[3]} << 8 | header_[4];
      } else {
        const auto take = std::min(room - n, body_left_);
        n += take;
        body_left_ -= take;
      }
      if (header_size_ == header_.size() && body_left_ == 0) {
        header_size_ = 0;
        break;
      }
    }
    asio::buffer_copy(buffers, asio::buffer(held_.data() + held_begin_, n));
    held_begin_ += n;
    return n;
  }

  asio::ip::tcp::socket socket_;
  ConnectionLog& log_;
  bool records_;
  std::uint64_t written_ = 0;
  std::uint64_t rate_ = 0;
  asio::steady_timer next_read_;  // a slow reader's; its expiry counts also when nobody waits
  // How reading ended. It is remembered, because Asio waits for an edge that never comes when a
  // socket is read again after its end.
  error_code end_;
  std::array<unsigned char, 4096> held_{};
  std::size_t held_begin_ = 0;
  std::size_t held_end_ = 0;
  std::array<unsigned char, 5> header_{};
  std::size_t header_size_ = 0;
  std::size_t body_left_ = 0;
};

class Transport {
 public:
  using executor_type = asio::any_io_executor;
  using lowest_layer_type = RecordingSocket::lowest_layer_type;

  // `tls` is null for plain TCP; it must outlive the transport, as must `log`.
  Transport(const asio::any_io_executor& executor, ConnectionLog& log, asio::ssl::context* tls)
      : log_(log), socket_(executor, log, tls != nullptr) {
    if (tls != nullptr) tls_.emplace(socket_, *tls);
  }

  executor_type get_executor() { return socket_.get_executor(); }
  lowest_layer_type& lowest_layer() { return socket_.lowest_layer(); }
  asio::ip::tcp::socket& socket() { return socket_.socket(); }
  [[nodiscard]] const asio::ip::tcp::socket& socket() const { return socket_.socket(); }
  RecordingSocket& recording_socket() { return socket_; }
  void read_slowly(std::uint64_t bytes_per_second) { socket_.read_slowly(bytes_per_second); }
  void close() { socket_.close(); }
  // Whether a write has begun and is not through.
  [[nodiscard]] bool is_writing() const { return writes_ > 0; }
  std::optional<asio::ssl::stream<RecordingSocket&>>& tls() { return tls_; }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_compose<Token, void(error_code, std::size_t)>(
        [this, buffers, begun = false](auto& self, error_code ec = {}, std::size_t n = 0) mutable {
          if (!std::exchange(begun, true)) {
            if (end_) return asio::post(get_executor(), std::move(self));
            if (tls_) return tls_->async_read_some(buffers, std::move(self));
            return socket_.async_read_some(buffers, std::move(self));
          }
          if (end_) return self.complete(end_, 0);
          if (ec != asio::error::operation_aborted) end_ = ec;
          if (tls_ && ec == asio::error::eof) log_.close_notify(Direction::received);
          for_each_part(buffers, n,
                        [&](auto* data, std::size_t size) { log_.received(data, size); });
          self.complete(ec, n);
        },
        token, socket_);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_compose<Token, void(error_code, std::size_t)>(
        [this, buffers, begun = false](auto& self, error_code ec = {}, std::size_t n = 0) mutable {
          if (!std::exchange(begun, true)) {
            ++writes_;
            if (tls_) return tls_->async_write_some(buffers, std::move(self));
            return socket_.async_write_some(buffers, std::move(self));
          }
          --writes_;
          for_each_part(buffers, n, [&](auto* data, std::size_t size) { log_.sent(data, size); });
          self.complete(ec, n);
        },
        token, socket_);
  }

 private:
  template <class Buffers, class Visitor>
  static void for_each_part(const Buffers& buffers, std::size_t left, Visitor&& visit) {
    for (auto it = asio::buffer_sequence_begin(buffers);
         left > 0 && it != asio::buffer_sequence_end(buffers); ++it) {
      const asio::const_buffer part(*it);
      const auto size = std::min(left, part.size());
      visit(static_cast<const unsigned char*>(part.data()), size);
      left -= size;
    }
  }

  ConnectionLog& log_;
  RecordingSocket socket_;
  error_code end_;  // how reading ended, for the same reason as above
  int writes_ = 0;
  std::optional<asio::ssl::stream<RecordingSocket&>> tls_;
};

// Beast tears a stream down after the Close frames; the session does that itself, so that it sees
// what comes after them.
template <class Handler>
void async_teardown(boost::beast::role_type, Transport& transport, Handler&& handler) {
  asio::post(transport.get_executor(),
             [handler = std::forward<Handler>(handler)]() mutable { handler(error_code{}); });
}
// For Beast's own timeouts, which the sessions do not use.
inline void beast_close_socket(Transport& transport) { transport.close(); }
inline void teardown(boost::beast::role_type, Transport&, error_code& ec) { ec = {}; }

}  // namespace lastcall
