// What lastcall does as the target's service manager, by what the target's ServiceState says: ends
// it when a heartbeat does not come, records that the stop may take longer, and tries the ports
// when the target says READY=1. The rules are in history/service_state.hpp, the table of them in
// target/service_manager.md. One thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <optional>
#include <string>

#include "client/trigger_board.hpp"
#include "history/event_sink.hpp"
#include "trial/service_process.hpp"

namespace lastcall {

class ServiceWatch {
 public:
  ServiceWatch(boost::asio::io_context& io, EventSink& events, const TriggerBoard& board,
               ServiceProcess& target);

  // The ports that the target may promise, by the names of their events: "" is {port}.
  void promise(std::map<std::string, std::uint16_t> ports) { ports_ = std::move(ports); }
  // Before a notification counts: the stop may have begun where nobody here has heard of it.
  void before_notification();
  // A notification counted.
  void changed();
  // The target is ready, by whatever way.
  void activated();
  // The first signal of the stop was sent at `at`; the target has `deadline` from then on.
  void stop_begun(TimePoint at, Nanoseconds deadline);
  // Until when the target may take, as it has asked so far.
  [[nodiscard]] TimePoint start_deadline(TimePoint begin, Nanoseconds timeout) const;
  // What became of that, for people: ` + 90 s by EXTEND_TIMEOUT_USEC`; empty if it asked for none.
  [[nodiscard]] std::string extension_of_start(TimePoint begin, Nanoseconds timeout) const;
  [[nodiscard]] TimePoint stop_deadline() const;

 private:
  void arm();
  void expire();
  [[nodiscard]] bool is_starved(TimePoint due);
  boost::asio::awaitable<void> try_port(std::string name, std::uint16_t port);

  boost::asio::io_context& io_;
  EventSink& events_;
  const TriggerBoard& board_;
  ServiceProcess& target_;
  boost::asio::steady_timer watchdog_;
  std::map<std::string, std::uint16_t> ports_;
  bool probed_ = false;
  bool expired_ = false;
  std::optional<TimePoint> heartbeat_;  // the last
  TimePoint looked_{};                  // how long the target waited for a processor
  Nanoseconds starved_{};               // since that heartbeat; at most the watchdog's interval
  bool stopping_ = false;
  TimePoint stop_{};
  Nanoseconds stop_timeout_{};
  TimePoint recorded_deadline_{};
};

}  // namespace lastcall
