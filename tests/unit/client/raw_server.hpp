// A tiny server on a thread that does exactly what its script says, byte by byte, with blocking
// calls: what no well-behaved library would send.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/scoped_fd.hpp"

namespace lastcall::testing {

// One accepted connection, with TLS over it or not. Reads give up after some seconds, so that no
// test hangs.
class Peer {
 public:
  Peer(int fd, SSL_CTX* tls) : fd_(fd) {
    const timeval limit{10, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (tls == nullptr) return;
    ssl_.reset(SSL_new(tls));
    SSL_set_fd(ssl_.get(), fd);
    handshake_done = SSL_accept(ssl_.get()) == 1;
  }
  bool handshake_done = true;

  void write(const std::string& bytes) {
    if (ssl_) {
      SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    } else {
      write_below_tls(bytes);
    }
  }
  void write_below_tls(const std::string& bytes) {
    (void)!::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // At most one read's worth; empty at the end.
  std::string read() {
    char block[4096];
    const auto n = ssl_ ? SSL_read(ssl_.get(), block, sizeof block)
                        : ::recv(fd_.get(), block, sizeof block, 0);
    error = n < 0 ? errno : 0;
    return n > 0 ? std::string(block, static_cast<std::size_t>(n)) : std::string();
  }
  int error = 0;  // of the last read without TLS: 0 at a FIN, ECONNRESET at a RST
  std::string read_until(const std::string& end) {
    std::string text;
    while (text.find(end) == std::string::npos) {
      const auto more = read();
      if (more.empty()) break;
      text += more;
    }
    return text;
  }
  std::string read_all() {
    std::string text;
    for (auto more = read(); !more.empty(); more = read()) text += more;
    return text;
  }
  // Whether something (data, FIN or RST) comes within that time.
  [[nodiscard]] bool hears_something(int milliseconds) const {
    pollfd wanted{fd_.get(), POLLIN, 0};
    return ::poll(&wanted, 1, milliseconds) > 0;
  }
  // Writes blocks until the other end has taken none for a while, or `most` bytes are through.
  std::size_t fill_buffers(const std::string& block, std::size_t most) {
    const int small = 4096;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    std::size_t written = 0;
    pollfd wanted{fd_.get(), POLLOUT, 0};
    while (written<most&& ::poll(&wanted, 1, 300)> 0) {
      const auto n = ::send(fd_.get(), block.data(), block.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) written += static_cast<std::size_t>(n);
    }
    return written;
  }
  [[nodiscard]] std::pair<std::string, int> address() const {
    sockaddr_in other{};
    socklen_t size = sizeof other;
    ::getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&other), &size);
    char text[INET_ADDRSTRLEN] = "";
    ::inet_ntop(AF_INET, &other.sin_addr, text, sizeof text);
    return {text, ntohs(other.sin_port)};
  }
  [[nodiscard]] unsigned data_segments() const {
    // tcpi_data_segs_in of Linux; the structure of the C library ends before it.
    constexpr std::size_t kAt = 152;
    unsigned char info[kAt + 4] = {};
    socklen_t size = sizeof info;
    ::getsockopt(fd_.get(), IPPROTO_TCP, TCP_INFO, info, &size);
    unsigned segments = 0;
    std::memcpy(&segments, info + kAt, sizeof segments);
    return segments;
  }
  // The subject of the client's certificate.
  [[nodiscard]] std::string subject() const {
    const std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(ssl_.get()),
                                                            X509_free);
    char name[256] = "";
    if (shown) X509_NAME_oneline(X509_get_subject_name(shown.get()), name, sizeof name);
    return name;
  }
  std::string read_request() { return read_until("\r\n\r\n"); }
  void read_to_end() {
    while (!read().empty()) {
    }
  }
  // RFC 6455, section 4.2.2.
  std::string accept_websocket(const std::string& fields = "") {
    const auto request = read_request();
    const std::string field = "Sec-WebSocket-Key: ";
    const auto begin = request.find(field) + field.size();
    const auto key = request.substr(begin, request.find("\r\n", begin) - begin) +
                     "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char hash[SHA_DIGEST_LENGTH];
    SHA1(reinterpret_cast<const unsigned char*>(key.data()), key.size(), hash);
    unsigned char text[32];
    EVP_EncodeBlock(text, hash, sizeof hash);
    write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
        "Upgrade\r\nSec-WebSocket-Accept: " +
        std::string(reinterpret_cast<char*>(text)) + "\r\n" + fields + "\r\n");
    return request;
  }
  void answer(const std::string& status, const std::string& body, const std::string& fields = "") {
    write("HTTP/1.1 " + status + "\r\n" + fields +
          "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  void close_notify() { SSL_shutdown(ssl_.get()); }
  void fin() { ::shutdown(fd_.get(), SHUT_WR); }
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    fd_.reset();
  }

 private:
  ScopedFd fd_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
};

class RawServer {
 public:
  using Script = std::function<void(RawServer&)>;

  // With a certificate the connections are TLS.
  explicit RawServer(Script script, const std::string& certificate = "",
                     const std::string& key = "", const char* host = "127.0.0.1")
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, host, &address.sin_addr);
    socklen_t size = sizeof address;
    ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
    ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size);
    ::listen(listener_.get(), 16);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (!certificate.empty()) {
      tls_.reset(SSL_CTX_new(TLS_server_method()));
      SSL_CTX_use_certificate_file(tls_.get(), certificate.c_str(), SSL_FILETYPE_PEM);
      SSL_CTX_use_PrivateKey_file(tls_.get(), key.c_str(), SSL_FILETYPE_PEM);
    }
    thread_ = std::thread([this, script = std::move(script)] { script(*this); });
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  ~RawServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);  // whoever still waits in accept gets an error
    if (thread_.joinable()) thread_.join();
  }
  // Waits for the end of the script: what it wrote down may be read then.
  void finish() { thread_.join(); }

  // From the next connection on: clients show a certificate that this file vouches for.
  void ask_for_certificate(const std::string& authority) {
    SSL_CTX_load_verify_locations(tls_.get(), authority.c_str(), nullptr);
    SSL_CTX_set_verify(tls_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  [[nodiscard]] std::string port() const { return std::to_string(port_); }
  Peer accept() {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    return {fd, fd < 0 ? nullptr : tls_.get()};
  }

 private:
  ScopedFd listener_;
  std::uint16_t port_ = 0;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> tls_{nullptr, SSL_CTX_free};
  std::thread thread_;
};

}  // namespace lastcall::testing
