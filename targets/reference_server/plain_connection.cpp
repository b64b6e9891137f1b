#include "reference_server/connection.hpp"

namespace reference_server {

std::shared_ptr<Session> start_plain(asio::ip::tcp::socket socket, Surroundings& server) {
  return start(server, PlainStream(std::move(socket)));
}

}  // namespace reference_server
