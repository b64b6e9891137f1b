#include "trial/readiness.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

#include "base/invariant.hpp"
#include "client/http_get.hpp"
#include "client/session.hpp"

namespace lastcall {
namespace {

// One readiness probe; a server that is up answers at once.
constexpr auto kProbeLimit = std::chrono::seconds(1);

asio::awaitable<bool> probe(const TrialParts& trial, asio::ssl::context& tls) {
  const auto& by = trial.plan.scenario.target.ready.by;
  if (const auto* url = std::get_if<ReadyUrl>(&by)) {
    const auto answer =
        co_await http_get(expand_placeholders(url->url, trial.placeholders), tls, kProbeLimit);
    co_return answer.status / 100 == 2;
  }
  const auto text = expand_placeholders(std::get<ReadyPort>(by).port, trial.placeholders);
  const auto port = static_cast<std::uint16_t>(std::strtoul(text.c_str(), nullptr, 10));
  // Shared with the timer's handler, which may already be queued when the connect is through.
  const auto socket = std::make_shared<asio::ip::tcp::socket>(trial.io);
  asio::steady_timer limit(trial.io, kProbeLimit);
  limit.async_wait([socket](auto expired) {
    if (!expired) socket->close(expired);
  });
  auto [ec] = co_await socket->async_connect({asio::ip::address_v4::loopback(), port},
                                             asio::as_tuple(asio::use_awaitable));
  co_return !ec;
}

}  // namespace

asio::awaitable<bool> await_ready(const TrialParts& trial, const TargetProcess& target,
                                  std::function<bool()> over,
                                  std::function<TimePoint(Nanoseconds)> extended) {
  const auto& ready = trial.plan.scenario.target.ready;
  const auto deadline = now() + ready.timeout;
  if (std::holds_alternative<ReadyNotify>(ready.by)) {
    const auto until = [&] { return extended ? extended(ready.timeout) : deadline; };
    while (!over() && !target.notified_ready() && now() < until()) {
      co_await trial.changes.until([&] { return over() || target.notified_ready(); }, until());
    }
    co_return target.notified_ready();
  }
  if (std::holds_alternative<ReadyLog>(ready.by)) {
    co_await trial.changes.until([&] { return over() || target.logged_ready(); }, deadline);
    co_return target.logged_ready();
  }
  auto tls = client_tls("");
  LASTCALL_INVARIANT(tls.has_value());
  auto pause = Nanoseconds(std::chrono::milliseconds(1));
  while (!over() && now() < deadline) {
    if (co_await probe(trial, **tls)) co_return true;
    co_await trial.changes.until(over, std::min(deadline, now() + pause));
    pause = std::min(pause * 2, Nanoseconds(std::chrono::milliseconds(20)));
  }
  co_return false;
}

}  // namespace lastcall
