// How long each part of a stop may take. Plain values; any thread.
//
// The total covers every phase and starts when the reason to stop is taken up; past it the process
// is ended. Inside it:
//
//   | prepare | drain | force_delay | statistics | cleaning … | persist | force_delay |
//   0                                                                              total
//
// No phase eats into what those behind it were promised: connections are forced at the latest when
// only the rest of this row is left, cleaning ends when only persisting and the last force_delay
// are left, and that one is for ending threads before the process would be ended.
#pragma once

#include <chrono>
#include <optional>

#include "shutdown/result.hpp"

namespace graceful::shutdown {

// What is not given takes its default, all of them made smaller alike where they would not fit into
// what the total and the given ones leave.
struct LimitSettings {
  using Milliseconds = std::chrono::milliseconds;
  std::optional<Milliseconds> prepare =
      {};                                  // each callback of Preparing; 3 s: they close listeners
  std::optional<Milliseconds> drain = {};  // the connections; 30 s: one slow request of a client
  std::optional<Milliseconds> statistics = {};  // each queue to drain; 10 s: some hundred batches
  std::optional<Milliseconds> cleanup = {};     // each resource; 10 s: a database that writes back
  std::optional<Milliseconds> persist =
      {};  // each persisting step; 8 s: megabytes and three fsyncs
  std::optional<Milliseconds> force_delay =
      {};  // what was forced has this long to go; 3 s: a round trip
  // 60 s: under the 90 s after which systemd kills (systemd-system.conf(5), DefaultTimeoutStopSec).
  Milliseconds total = std::chrono::seconds(60);
};

struct Limits {
  using Milliseconds = std::chrono::milliseconds;
  Milliseconds prepare, drain, statistics, cleanup, persist, force_delay, total;
};

// Refuses what cannot be kept: a total that is not positive or over a day, a given limit that is
// not positive (force_delay may be zero) or longer than the total, and given ones that together
// leave nothing for the others.
Result<Limits> settle(const LimitSettings& settings);

// The total in whole seconds from the environment, 1 to 86400. Nothing if the variable is not set,
// an error if it says anything else.
inline constexpr const char* kTotalVariable = "APP_SHUTDOWN_TIMEOUT_SECS";
Result<std::optional<std::chrono::milliseconds>> total_from_environment();

}  // namespace graceful::shutdown
