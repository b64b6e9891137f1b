#include "trial/service_watch.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <memory>
#include <utility>

#include "base/durations.hpp"
#include "base/rethrow.hpp"
#include "client/connect_error.hpp"
#include "scenario/properties/notify.hpp"

namespace lastcall {
namespace {

namespace asio = boost::asio;

// On the loopback address a listener's answer takes microseconds; a full backlog answers never.
constexpr auto kConnectLimit = std::chrono::seconds(1);

}  // namespace

ServiceWatch::ServiceWatch(asio::io_context& io, EventSink& events, const TriggerBoard& board,
                           ServiceProcess& target)
    : io_(io), events_(events), board_(board), target_(target), watchdog_(io) {}

void ServiceWatch::before_notification() {
  if (!stopping_ && board_.stop_has_begun()) target_.service().stop_begun(now());
}

void ServiceWatch::changed() {
  if (target_.service().ready() && !std::exchange(probed_, true)) {
    for (const auto& [name, port] : ports_) asio::co_spawn(io_, try_port(name, port), kRethrow);
  }
  if (stopping_ && stop_deadline() > recorded_deadline_) {
    recorded_deadline_ = stop_deadline();
    events_.record(DeadlineExtended{(recorded_deadline_ - stop_).count()});
  }
  arm();
}

void ServiceWatch::activated() {
  target_.service().activated(now());
  arm();
}

void ServiceWatch::stop_begun(TimePoint at, Nanoseconds deadline) {
  target_.service().stop_begun(at);
  stopping_ = true;
  stop_ = at;
  stop_timeout_ = deadline;
  recorded_deadline_ = at + deadline;
  changed();
}

TimePoint ServiceWatch::start_deadline(TimePoint begin, Nanoseconds timeout) const {
  return target_.service().start_deadline(begin, timeout);
}

std::string ServiceWatch::extension_of_start(TimePoint begin, Nanoseconds timeout) const {
  const auto more = start_deadline(begin, timeout) - (begin + timeout);
  if (more <= Nanoseconds(0)) return {};
  const auto beyond = target_.service().start_asks_beyond();
  return " + " + human_duration(more) + " by EXTEND_TIMEOUT_USEC" +
         (beyond == 0 ? ""
                      : " (it asked " + std::to_string(beyond) +
                            " times for more than max_extension allows)");
}

TimePoint ServiceWatch::stop_deadline() const {
  return target_.service().stop_deadline(stop_, stop_timeout_);
}

void ServiceWatch::arm() {
  const auto due = target_.service().watchdog_due();
  watchdog_.cancel();
  if (!due || expired_) return;
  if (std::exchange(heartbeat_, target_.service().last_heartbeat()) != heartbeat_) {
    starved_ = Nanoseconds(0);
    (void)target_.waited_for_processor();
    looked_ = heartbeat_.value_or(now());
  }
  watchdog_.expires_at(*due + starved_);
  watchdog_.async_wait([this](auto cancelled) {
    if (!cancelled) expire();
  });
}

void ServiceWatch::expire() {
  // A heartbeat may lie in the socket, and the stop may have begun elsewhere.
  target_.hear();
  before_notification();
  const auto due = target_.service().watchdog_due();
  if (!due || *due + starved_ > now()) return arm();
  if (expired_ || target_.ended()) return;
  if (is_starved(*due)) return arm();
  expired_ = true;
  events_.record(WatchdogExpired{});
  target_.force_main(SIGABRT, "its watchdog expired");
}

// A process that may not run cannot send a heartbeat: it gets the time that it waited for a
// processor, but at most as much again as it promised, as threads of a busy program wait for one
// another's processors all the time. How long it waits during the stop is recorded elsewhere
// (trial/processor_watch.hpp).
bool ServiceWatch::is_starved(TimePoint due) {
  const auto interval = target_.service().watchdog();
  if (!interval || !heartbeat_ || due < *heartbeat_ + *interval) return false;  // WATCHDOG=trigger
  const auto at = now();
  const auto waited = std::min(target_.waited_for_processor(), at - std::exchange(looked_, at));
  if (waited > Nanoseconds(0) && !stopping_) events_.record(Lag{"target", waited.count()});
  starved_ = std::min(starved_ + waited, *interval);
  return due + starved_ > at;
}

asio::awaitable<void> ServiceWatch::try_port(std::string name, std::uint16_t port) {
  // Shared with the timer's handler, which may already be queued when the connect is through.
  const auto socket = std::make_shared<asio::ip::tcp::socket>(io_);
  const auto late = std::make_shared<bool>(false);
  asio::steady_timer limit(io_, kConnectLimit);
  limit.async_wait([socket, late](auto cancelled) {
    if (cancelled) return;
    *late = true;
    socket->close(cancelled);
  });
  const auto [ec] = co_await socket->async_connect({asio::ip::address_v4::loopback(), port},
                                                   asio::as_tuple(asio::use_awaitable));
  if (is_local_shortage(ec.value())) {
    const auto placeholder = name.empty() ? "{port}" : "{port." + name + "}";
    events_.record(NotObserved{std::string(property::Notify::kName),
                               "connect to " + placeholder + ": " + ec.message()});
    co_return;
  }
  events_.record(ReadyProbed{std::move(name), *late ? ETIMEDOUT : ec.value()});
}

}  // namespace lastcall
