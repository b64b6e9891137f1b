#include "reference_server/connection.hpp"

namespace reference_server {

void start_plain(asio::ip::tcp::socket socket, Surroundings& server) {
  start(server, PlainStream(std::move(socket)));
}

}  // namespace reference_server
