// One connection as the server sees it: something that can be stopped or cut. Plain and TLS
// connections are compiled in files of their own, since Beast over TLS is slow to compile. Used by
// one thread.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <unordered_set>

#include "reference_server/configuration.hpp"
#include "reference_server/endpoints.hpp"
#include "shutdown/connection_tracker.hpp"

namespace boost::asio::ssl {
class context;
}

namespace reference_server {

class Session;

// What connections share. Outlives all of them.
struct Surroundings {
  Endpoints& endpoints;
  Pipeline& pipeline;
  Log& log;
  Metrics& metrics;
  Configuration configuration;            // what is in effect
  std::unordered_set<Session*> sessions;  // those that live
  bool leaving = false;                   // the stop has come to its goodbyes
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(Surroundings& server) : server_(server) {
    server_.sessions.insert(this);
    ++server_.metrics.connections;
    ++server_.metrics.connections_open;
  }
  virtual ~Session() {
    server_.sessions.erase(this);
    --server_.metrics.connections_open;
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Ends the connection in order: what was received is answered, then the closing handshakes.
  virtual void stop() = 0;
  // Closes the socket without any of that; `reset` sends RST instead of FIN.
  virtual void cut(bool reset) = 0;

  // The stop waits for it.
  void hold(graceful::shutdown::ConnectionGuard guard) { guard_.emplace(std::move(guard)); }

 protected:
  Surroundings& server_;

 private:
  std::optional<graceful::shutdown::ConnectionGuard> guard_;
};

// Starts to serve the connection; the session keeps itself alive until it ends.
std::shared_ptr<Session> start_plain(boost::asio::ip::tcp::socket socket, Surroundings& server);
std::shared_ptr<Session> start_tls(boost::asio::ip::tcp::socket socket,
                                   boost::asio::ssl::context& tls, Surroundings& server);

}  // namespace reference_server
