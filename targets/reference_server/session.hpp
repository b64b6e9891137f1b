// One connection as the server sees it: something that can be stopped or cut. Plain and TLS
// connections are compiled in files of their own, since Beast over TLS is slow to compile. Used by
// one thread.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <unordered_set>

#include "reference_server/endpoints.hpp"

namespace boost::asio::ssl {
class context;
}

namespace reference_server {

class Session;

// What connections share. Outlives all of them.
struct Surroundings {
  Endpoints endpoints;
  std::unordered_set<Session*> sessions;  // those that live
  std::chrono::milliseconds work{};
  std::chrono::milliseconds close_timeout{};
  std::size_t forced = 0;  // peers that did not finish within close_timeout of the stop
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(Surroundings& server) : server_(server) { server_.sessions.insert(this); }
  virtual ~Session() { server_.sessions.erase(this); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Ends the connection in order: what was received is answered, then the closing handshakes.
  virtual void stop() = 0;
  // Closes the socket without any of that; `reset` sends RST instead of FIN.
  virtual void cut(bool reset) = 0;

 protected:
  Surroundings& server_;
};

// Starts to serve the connection; the session keeps itself alive until it ends.
void start_plain(boost::asio::ip::tcp::socket socket, Surroundings& server);
void start_tls(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context& tls,
               Surroundings& server);

}  // namespace reference_server
