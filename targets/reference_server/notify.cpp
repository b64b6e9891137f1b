#include "reference_server/notify.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace reference_server {

void notify(std::string_view state) {
  const char* address = std::getenv("NOTIFY_SOCKET");
  if (address == nullptr || *address == '\0') return;
  std::string path = address;
  if (path.front() == '@') path.front() = '\0';  // the abstract name space

  using Datagram = boost::asio::local::datagram_protocol;
  boost::asio::io_context context;
  Datagram::socket socket(context);
  boost::system::error_code ec;
  socket.open(Datagram(), ec);
  if (!ec) socket.send_to(boost::asio::buffer(state), Datagram::endpoint(path), 0, ec);
  if (ec) std::fprintf(stderr, "notify %s: %s\n", address, ec.message().c_str());
}

}  // namespace reference_server
