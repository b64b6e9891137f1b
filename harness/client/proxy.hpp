// The TCP proxy between a worker's clients and their target, for faults of the network. It relays
// bytes and never looks into them, so it works under TLS. A client's socket is connected to the
// target as any other, and only then the proxy puts itself in between: a refusal, a full backlog, a
// source address and a limit on connecting are exactly what they are without it. Used from the
// worker's one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "client/relay.hpp"

namespace lastcall {

class Proxy {
 public:
  // `plan_seed` decides which connections a fault hits.
  Proxy(asio::io_context& io, EventSink& events, std::uint64_t plan_seed);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  // Closes what is still open.
  ~Proxy();

  // `socket` is connected to the target and nobody waits on it. Afterwards it is connected to the
  // proxy, and the proxy to the target. An error is the environment's, and recorded.
  boost::system::error_code interpose(ConnectionId id, asio::ip::tcp::socket& socket);

  // Hits `what.percent` percent of the connections; a delay and a truncation hit that share of
  // those to come, too.
  void disturb(FaultId fault, const DisturbNetwork& what);

  // Connections whose clients hear nothing for so long, whatever the target does.
  [[nodiscard]] std::vector<ConnectionId> silent_for_client(Nanoseconds span) const;

 private:
  boost::system::error_code connect_pair(asio::ip::tcp::socket& outer,
                                         asio::ip::tcp::socket& inner);

  asio::io_context& io_;
  EventSink& events_;
  std::uint64_t plan_seed_;
  asio::ip::tcp::acceptor listener_;
  std::map<ConnectionId, std::shared_ptr<Relay>> relays_;
  std::vector<std::pair<FaultId, DisturbNetwork>> standing_;
};

}  // namespace lastcall
