// One client of a scenario, from its first connect to the end of the trial. A plain header: Beast and TLS are
// instantiated in session.cpp only. Everything here runs on the worker's one thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "scenario/placeholders.hpp"
#include "base/result.hpp"
#include "client/connection_log.hpp"
#include "plan/plan.hpp"

namespace lastcall {

namespace asio = boost::asio;

// A URL of the four schemes with a loopback address, taken apart.
struct Endpoint {
  Protocol protocol{};
  std::string host;    // as written, for the Host header and TLS
  std::string address; // numeric
  std::uint16_t port = 0;
  std::string path;    // with the query
};
Result<Endpoint> parse_endpoint(const std::string& url);

// What the sessions of one worker share.
struct SessionContext {
  asio::io_context& io;
  asio::ssl::context& tls;
  SegmentWriter& segment;
  TriggerCounter& triggers;
  Placeholders placeholders;
  bool stop_begun = false;  // no client connects anew after that
};

class Session {
 public:
  // `group` must outlive the session. `on_end` is called once, when the client has nothing left to do.
  static std::shared_ptr<Session> create(SessionContext& context, const PlannedClient& client,
                                         const ClientGroup& group);
  virtual ~Session() = default;
  // Starts after the client's planned delay.
  virtual void start(std::function<void()> on_end) = 0;
  // The trial is over: closes the socket; whatever the client waits for ends.
  virtual void hang_up() = 0;
};

// A TLS client context: trusts `certificate_file`, or, if that is empty, whoever answers.
Result<std::unique_ptr<asio::ssl::context>> client_tls(const std::string& certificate_file);

// GET url, nothing recorded: the status, or 0 when there was no valid answer within `limit`.
asio::awaitable<int> http_status(std::string url, asio::ssl::context& tls, Nanoseconds limit);

}  // namespace lastcall
