#include "trial/readiness.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "base/invariant.hpp"
#include "client/http_get.hpp"
#include "client/session.hpp"
#include "history/utf8.hpp"

namespace lastcall {
namespace {

// One readiness probe; a server that is up answers at once.
constexpr auto kAttemptLimit = std::chrono::seconds(1);

// What is asked for from outside, by a connection. The others come by themselves.
struct Probe {
  bool is_url = false;
  std::string where;   // as the scenario says it
  std::string last{};  // what came of it last, for people
  int error = 0;       // errno of the last connect
};

// `last answer: 503 "warming up"`, "Connection refused".
std::string outcome(const HttpAnswer& answer) {
  if (answer.status == 0) return answer.problem;
  const auto said = one_line(answer.body);
  return "last answer: " + std::to_string(answer.status) + (said.empty() ? "" : " \"" + said + '"');
}

using Endpoint = asio::ip::tcp::endpoint;

asio::awaitable<boost::system::error_code> connect_to(const ReadinessWait& wait, Endpoint where) {
  // Shared with the timer's handler, which may already be queued when the connect is through.
  const auto socket = std::make_shared<asio::ip::tcp::socket>(wait.io);
  asio::steady_timer limit(wait.io, kAttemptLimit);
  limit.async_wait([socket](auto expired) {
    if (!expired) socket->close(expired);
  });
  auto [ec] = co_await socket->async_connect(where, asio::as_tuple(asio::use_awaitable));
  co_return ec;
}

std::uint16_t port_of(const ReadinessWait& wait, const Probe& probe) {
  const auto port = expand_placeholders(probe.where, wait.placeholders);
  return static_cast<std::uint16_t>(std::strtoul(port.c_str(), nullptr, 10));
}

// "127.0.0.1:8080: Connection refused"
std::string outcome(const Endpoint& where, const boost::system::error_code& error) {
  return where.address().to_string() + ":" + std::to_string(where.port()) + ": " + error.message();
}

// The port was refused. A server may listen at the other loopback address only.
asio::awaitable<void> look_at_ipv6(const ReadinessWait& wait, Probe& probe) {
  const auto port = port_of(wait, probe);
  const auto error = co_await connect_to(wait, {asio::ip::address_v6::loopback(), port});
  if (error) co_return;
  probe.last += ", but somebody listens at [::1]:" + std::to_string(port) +
                ": let the target listen at 127.0.0.1, or say url = \"http://[::1]:" + probe.where +
                "/\" in ready";
}

// The probe outlives the call.
asio::awaitable<bool> holds(const ReadinessWait& wait, Probe& probe, asio::ssl::context& tls) {
  if (probe.is_url) {
    const auto where = expand_placeholders(probe.where, wait.placeholders);
    const auto answer = co_await http_get(where, tls, kAttemptLimit);
    probe.last = outcome(answer);
    probe.error = answer.connect_error;
    co_return answer.status / 100 == 2;
  }
  const Endpoint endpoint(asio::ip::address_v4::loopback(), port_of(wait, probe));
  const auto ec = co_await connect_to(wait, endpoint);
  if (ec) probe.last = outcome(endpoint, ec);
  probe.error = ec.value();
  co_return !ec;
}

bool came(const ReadinessWait& wait) {
  for (std::size_t i = 0; i < wait.ready.logs.size(); ++i) {
    if (!wait.process.logged_ready(i)) return false;
  }
  return !wait.ready.notify || wait.process.notified_ready();
}

std::string missing(const ReadinessWait& wait, const std::vector<Probe>& probes) {
  std::string text;
  const auto add = [&](const std::string& what) { text += (text.empty() ? "" : ", ") + what; };
  if (wait.ready.notify && !wait.process.notified_ready()) add("READY=1");
  for (const auto& probe : probes) {
    add((probe.is_url ? "url " : "port ") + probe.where +
        (probe.last.empty() ? "" : " (" + probe.last + ")"));
  }
  for (std::size_t i = 0; i < wait.ready.logs.size(); ++i) {
    if (!wait.process.logged_ready(i)) add("log \"" + wait.ready.logs[i] + '"');
  }
  return text;
}

}  // namespace

asio::awaitable<std::string> await_ready(ReadinessWait wait) {
  std::vector<Probe> probes;
  for (const auto& url : wait.ready.urls) probes.push_back({true, url});
  for (const auto& port : wait.ready.ports) probes.push_back({false, port});
  auto tls = client_tls("");
  LASTCALL_INVARIANT(tls.has_value());
  const auto deadline = now() + wait.ready.timeout;
  const auto until = [&] {
    return wait.ready.notify && wait.extended ? wait.extended(wait.ready.timeout) : deadline;
  };
  auto pause = Nanoseconds(std::chrono::milliseconds(1));
  while (!wait.over() && (!probes.empty() || !came(wait)) && now() < until()) {
    for (auto probe = probes.begin(); probe != probes.end() && !wait.over();) {
      const bool held = co_await holds(wait, *probe, **tls);
      probe = held ? probes.erase(probe) : probe + 1;
    }
    if (probes.empty()) {
      co_await wait.changes.until([&] { return wait.over() || came(wait); }, until());
    } else {
      co_await wait.changes.until(wait.over, std::min(until(), now() + pause));
      pause = std::min(pause * 2, Nanoseconds(std::chrono::milliseconds(20)));
    }
  }
  for (auto& probe : probes) {
    if (!probe.is_url && probe.error == ECONNREFUSED) co_await look_at_ipv6(wait, probe);
    if (is_shortage(probe.error) && wait.on_shortage)
      wait.on_shortage({"ask whether it is ready:", probe.where, probe.error, ""});
  }
  co_return missing(wait, probes);
}

}  // namespace lastcall
