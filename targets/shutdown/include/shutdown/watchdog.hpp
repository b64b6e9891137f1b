// The heartbeat that a service manager expects from a program with WatchdogSec=
// (sd_watchdog_enabled(3)), tied to the progress of the event loops: at each interval a probe is
// posted to every executor, and the one that answers last sends the beat from there. A stuck loop
// answers no probe, so there is no beat, and none piles up: an executor has at most one probe
// waiting.
//
// Owned by main or a ShutdownCoordinator, and to be gone before the executors are. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "shutdown/periodic.hpp"
#include "shutdown/result.hpp"
#include "shutdown/service_notifier.hpp"

namespace graceful::shutdown {

// Runs a piece of work on an event loop: on_executor() in shutdown/asio.hpp makes one for Asio.
using Post = std::function<void(std::function<void()>)>;

// One heart, without a clock of its own.
class Heart {
 public:
  // `beat` is called from the executor that answered last.
  Heart(std::vector<Post> executors, std::function<void()> beat);
  void tick();   // asks every executor that owes no answer
  void pause();  // no beat after this, except one that is being sent
  void resume();
  [[nodiscard]] std::uint64_t beats() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with probes that are still in a queue
};

struct WatchdogSettings {
  std::vector<Post> executors = {};  // at least one; all must have made progress for a beat
  // From the environment if not given: WATCHDOG_USEC, if WATCHDOG_PID is unset or this process.
  std::optional<std::chrono::microseconds> timeout = {};
  // Must be under half the time-out. Not given: a third of it.
  std::optional<std::chrono::microseconds> interval = {};
  // systemd ends its watchdog with STOPPING=1, other supervisors do not.
  bool beat_while_draining = false;
  ServiceNotifier notifier = {};
};

// What the service manager wants; nothing if it wants no beats of this process. An error if the
// variables are there but make no sense.
Result<std::optional<std::chrono::microseconds>> watchdog_timeout_from_environment();

class Watchdog {
 public:
  // Refuses settings without executor, with an interval that is not under half the time-out, or
  // with none of either. A null pointer: neither settings nor environment ask for beats.
  static Result<std::unique_ptr<Watchdog>> start(WatchdogSettings settings);
  ~Watchdog();

  void draining_begins();  // pauses, unless beat_while_draining
  void stop();             // no beat after this; waits for none
  [[nodiscard]] std::chrono::microseconds interval() const { return interval_; }
  [[nodiscard]] std::uint64_t beats() const { return heart_.beats(); }

 private:
  Watchdog(WatchdogSettings settings, std::chrono::microseconds interval);
  std::chrono::microseconds interval_;
  bool beat_while_draining_;
  Heart heart_;
  std::unique_ptr<Periodic> ticks_;
};

}  // namespace graceful::shutdown
