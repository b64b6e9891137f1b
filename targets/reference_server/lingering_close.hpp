// The end of a TCP connection that never sends a reset.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>

namespace reference_server {

// Sends FIN and reads until the peer's. Closing while data is unread would send a reset, which can
// also take away what the peer has not read yet (RFC 9112 section 9.6). Ends early when the socket
// is closed meanwhile: the caller's time limit does that.
boost::asio::awaitable<void> linger(boost::asio::ip::tcp::socket& socket);

// The same for a connection that nobody serves.
boost::asio::awaitable<void> turn_away(boost::asio::ip::tcp::socket socket,
                                       std::chrono::milliseconds limit);

}  // namespace reference_server
