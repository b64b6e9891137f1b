// Counts what is under way (connections, requests, jobs) and waits for the last of it at the stop.
// Owned by the server, often through a ShutdownCoordinator. Every function may be called from any
// thread. Guards share the tracker's state, so one that outlives the tracker is harmless.
//
// The check "has the stop begun?" and the count are one step under one mutex: a guard is either
// counted before the stop begins, and then waited for, or not given at all.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shutdown/subscription.hpp"

namespace graceful::shutdown {

namespace detail {
struct TrackerState;
}

// One thing under way; it is over when the guard goes. Move-only: it can only end once.
class [[nodiscard]] ConnectionGuard {
 public:
  ConnectionGuard(ConnectionGuard&& other) noexcept
      : state_(std::move(other.state_)), id_(std::exchange(other.id_, 0)) {}
  ConnectionGuard& operator=(ConnectionGuard&& other) noexcept;
  ~ConnectionGuard() { release(); }

  void release();  // early; a second time does nothing
  [[nodiscard]] explicit operator bool() const { return state_ != nullptr; }

 private:
  friend class ConnectionTracker;
  ConnectionGuard(std::shared_ptr<detail::TrackerState> state, std::uint64_t id)
      : state_(std::move(state)), id_(id) {}
  std::shared_ptr<detail::TrackerState> state_;
  std::uint64_t id_ = 0;
};

struct GuardOptions {
  std::string name = {};  // for the report of what had to be forced; may be empty
  // Ends the connection: called at most once, on another thread, possibly while the guard is being
  // released. It therefore posts to the connection's executor, or holds it by weak_ptr.
  std::function<void()> force = {};
};

struct DrainOutcome {
  std::size_t under_way = 0;              // when the stop began
  std::size_t finished = 0;               // by themselves
  std::size_t forced = 0;                 // still there at the deadline
  std::size_t left = 0;                   // of the forced, still there after the force delay
  bool still_forcing = false;             // a force callback has not returned: its thread runs on
  std::vector<std::string> forced_names;  // the first kNamesLimit of the forced
  std::chrono::milliseconds duration{0};
};

class ConnectionTracker {
 public:
  using Clock = std::chrono::steady_clock;
  // So many names fit on a line of a log; the numbers are always whole.
  static constexpr std::size_t kNamesLimit = 10;

  ConnectionTracker();

  // A guard, or nothing once the stop has begun.
  [[nodiscard]] std::optional<ConnectionGuard> acquire(GuardOptions options = {});

  void begin_stop();  // from here on acquire() gives nothing; a second call changes nothing
  [[nodiscard]] bool stopping() const;
  [[nodiscard]] std::size_t active() const;
  [[nodiscard]] bool forcing() const;                    // a force callback is under way
  [[nodiscard]] std::size_t under_way() const;           // how many there were when the stop began
  [[nodiscard]] std::vector<std::string> names() const;  // of those active, at most kNamesLimit

  // Begins the stop and blocks until the last guard is gone, woken by its release. At the deadline,
  // or at hasten(), the rest are forced and get `force_delay` to go. Forcing runs on a thread of
  // its own, so that a callback that hangs cannot hold the stop.
  DrainOutcome drain(Clock::time_point deadline, std::chrono::milliseconds force_delay = {});
  void hasten();  // a drain stops waiting and forces now, or at once when it comes
  [[nodiscard]] bool hastened() const;

  // The parts of drain(), for waits of other kinds: see async_drain() in shutdown/asio.hpp.
  // `call` is called once, as soon as the stop has begun, no guard is left and no force callback is
  // under way; possibly before when_idle() returns, else on the thread that was the last.
  Subscription when_idle(std::function<void()> call);
  Subscription when_hastened(std::function<void()> call);
  struct Forced {
    std::size_t count = 0;
    std::vector<std::string> names;  // at most kNamesLimit
  };
  Forced force_remaining();  // starts forcing all that are left, does not wait

 private:
  std::shared_ptr<detail::TrackerState> state_;
};

}  // namespace graceful::shutdown
