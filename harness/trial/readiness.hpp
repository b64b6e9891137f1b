// Waiting for a target, or a process next to it, to become ready in the way its scenario says. One
// thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>

#include "scenario/placeholders.hpp"
#include "scenario/scenario.hpp"
#include "trial/changes.hpp"
#include "trial/service_process.hpp"

namespace lastcall {

struct ReadinessWait {
  boost::asio::io_context& io;
  Changes& changes;
  const Readiness& ready;
  const Placeholders& placeholders;
  const ServiceProcess& process;
  std::function<bool()> over;
  // Until when a process that notifies may take, EXTEND_TIMEOUT_USEC and all; without it the
  // scenario's time it is.
  std::function<TimePoint(Nanoseconds)> extended = {};
  // Whether it is ready could not be asked, because this machine ran out of something.
  std::function<void(const Error&)> on_shortage = {};
};

// Returns once each condition has been seen to hold, with nothing; else when it is over or the time
// is up, with the conditions that have not held, for people: `port {port.tls}, log "^ready"`; a URL
// with what came of it last. A process that has ended since may have been ready; the caller looks.
boost::asio::awaitable<std::string> await_ready(ReadinessWait wait);

}  // namespace lastcall
