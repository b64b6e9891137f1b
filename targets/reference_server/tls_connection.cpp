#include "reference_server/connection.hpp"

namespace reference_server {

void start_tls(asio::ip::tcp::socket socket, asio::ssl::context& tls, Surroundings& server) {
  start(server, TlsStream(std::move(socket), tls));
}

}  // namespace reference_server
