// One client of a scenario, from its first connect to the end of the trial. A plain header: Beast
// and TLS are instantiated in the .cpp files of the protocols only. Everything here runs on the
// worker's one thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "client/connection_log.hpp"
#include "client/proxy.hpp"
#include "plan/plan.hpp"
#include "scenario/placeholders.hpp"

namespace lastcall {

namespace asio = boost::asio;

// A URL of the six schemes with a loopback address, taken apart.
struct Endpoint {
  Protocol protocol{};
  std::string host;     // as written, for the Host header and TLS
  std::string address;  // numeric
  std::uint16_t port = 0;
  std::string path;  // with the query
};
// tcp and tls have no default port and no path.
Result<Endpoint> parse_endpoint(const std::string& url);

// One TLS client context a group, in their order; null for a group without TLS.
using TlsContexts = std::vector<std::unique_ptr<asio::ssl::context>>;
// `certificate` is the campaign's own, what a group that names no authority verifies against. An
// error names the file that cannot be loaded.
Result<TlsContexts> tls_contexts(const std::vector<ClientGroup>& groups,
                                 const Placeholders& placeholders, const std::string& certificate);

// A server on the same machine that has not finished a handshake (the scenario's opening included)
// by then is stalled, even under a load that takes it seconds to accept everybody.
constexpr Nanoseconds kHandshakeLimit = std::chrono::seconds(20);

// What the sessions of one worker share.
struct SessionContext {
  asio::io_context& io;
  TlsContexts tls;
  EventSink& events;
  TriggerCounter& triggers;
  Placeholders placeholders;
  bool stop_begun = false;  // after that only who comes late, or comes back until the end, connects
  Nanoseconds handshake_limit = kHandshakeLimit;
  Proxy* proxy = nullptr;  // for groups with `proxy`
  // This machine ran out of something that a client needs: not the target's fault.
  std::function<void(const Error&)> on_shortage = {};
};

class Session {
 public:
  // `group` must outlive the session. `on_end` is called once, when the client has nothing left to
  // do.
  static std::shared_ptr<Session> create(SessionContext& context, const PlannedClient& client,
                                         const ClientGroup& group);
  virtual ~Session() = default;
  // Starts after the client's planned delay.
  virtual void start(std::function<void()> on_end) = 0;
  // The target is gone: who only holds on, or comes back later, has no reason to any more.
  virtual void target_ended() = 0;
  // RST now, recorded as Misbehaved. False, and nothing done, if it is not connected.
  virtual bool abort(const std::string& how) = 0;
  // The trial is over: closes the socket; whatever the client waits for ends.
  virtual void hang_up() = 0;
  // It has a connection that was established and not ended.
  [[nodiscard]] virtual bool connected() const = 0;
};

// A TLS client context: trusts `certificate_file`, or, if that is empty, whoever answers.
Result<std::unique_ptr<asio::ssl::context>> client_tls(const std::string& certificate_file);

}  // namespace lastcall
