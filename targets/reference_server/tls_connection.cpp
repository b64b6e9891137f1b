#include "reference_server/connection.hpp"

namespace reference_server {

std::shared_ptr<Session> start_tls(asio::ip::tcp::socket socket, asio::ssl::context& tls,
                                   Surroundings& server) {
  return start(server, TlsStream(std::move(socket), tls));
}

}  // namespace reference_server
