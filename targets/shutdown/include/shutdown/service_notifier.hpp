// Tells a service manager how the program is, by the protocol of sd_notify(3): datagrams to the
// socket that $NOTIFY_SOCKET names. A cheap value to copy; every function may be called from any
// thread. Without a socket nothing is sent and nothing fails.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>

#include "shutdown/result.hpp"

namespace graceful::shutdown {

class ServiceNotifier {
 public:
  enum class Environment { keep, unset };
  // Reads $NOTIFY_SOCKET; `unset` removes it, so that children do not notify in our name. That
  // changes the environment, so it is for the start, before there are threads.
  static ServiceNotifier from_environment(Environment after = Environment::keep);

  ServiceNotifier() = default;  // no socket
  // A path, or an abstract name after '@' (unix(7)).
  explicit ServiceNotifier(std::string address) : address_(std::move(address)) {}
  [[nodiscard]] bool has_socket() const { return !address_.empty(); }

  enum class Delivery { sent, no_socket };
  // Any assignments, separated by newlines. Waits for room at most kPatience.
  Result<Delivery> send(std::string_view assignments) const;

  Result<Delivery> ready(std::string_view status = {}) const;  // READY=1
  // STATUS=; a newline in it becomes a space, for it would begin another assignment.
  Result<Delivery> status(std::string_view text) const;
  Result<Delivery> stopping() const;   // STOPPING=1
  Result<Delivery> reloading() const;  // RELOADING=1 with MONOTONIC_USEC; ready() ends it
  Result<Delivery> watchdog() const;   // WATCHDOG=1; never waits, for it is sent from event loops
  Result<Delivery> extend_timeout(std::chrono::microseconds by) const;  // EXTEND_TIMEOUT_USEC
  Result<Delivery> main_pid(pid_t pid) const;                           // MAINPID

  // A service manager that reads nothing for so long is stuck; the program's stop must not be.
  static constexpr std::chrono::milliseconds kPatience{500};

 private:
  Result<Delivery> send_within(std::string_view assignments,
                               std::chrono::milliseconds patience) const;
  std::string address_;
};

}  // namespace graceful::shutdown
