// What a service manager knows of a service by its notifications: the rules of systemd's
// sd_notify(3), systemd.service(5) and sd_watchdog_enabled(3), as a state machine over times and
// texts. A plain value: no I/O, no clock. The trial feeds it as notifications come, the checkers
// once more from the history.
//
// It takes the service for Type=notify where `settings.notifies`, else for Type=exec with
// NotifyAccess= set, whose start-up is over when somebody says so (activated()). There is no
// RuntimeMaxSec=, so that EXTEND_TIMEOUT_USEC= of a running service counts and changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace lastcall {

// What became of one assignment of a notification.
enum class Standing : std::uint8_t {
  counts,
  harmless,   // nothing a manager would object to, nothing lastcall acts on
  repeated,   // READY=1 of a service that is ready, and not reloading
  refused,    // not from the main process, NotifyAccess=main
  malformed,  // no assignment, or a value that is none of its name's
};

struct Assessed {
  std::string assignment;
  Standing standing{};
  std::string reason{};  // why it does not count; empty if it does
};

class ServiceState {
 public:
  // systemd reads so much of a datagram (NOTIFY_BUFFER_MAX); a longer one is ignored whole.
  static constexpr std::size_t kDatagramLimit = 4096;

  struct Settings {
    std::int32_t main_pid = 0;
    bool access_all = false;    // NotifyAccess=all
    bool notifies = false;      // its start-up is over with READY=1
    bool foreign_pids = false;  // it counts its processes in a PID namespace of its own
    std::optional<Nanoseconds> watchdog = std::nullopt;  // WatchdogSec=
    bool watchdog_while_stopping = false;
    // What its start and its stop can be extended to; nothing: a day. The stop's counts from
    // stop_begun().
    std::optional<TimePoint> start_limit = std::nullopt;
    std::optional<Nanoseconds> longest_stop = std::nullopt;
  };
  struct Notice {
    std::int32_t pid = 0;  // the sender, by SCM_CREDENTIALS
    std::string_view text;
    std::uint32_t descriptors = 0;
  };

  explicit ServiceState(Settings settings)
      : settings_(settings), main_pid_(settings.main_pid), watchdog_(settings.watchdog) {
    start_.limit = settings.start_limit;
  }

  // One datagram, in the order of their times. One answer an assignment, or one for the whole
  // datagram if all of it is ignored for the same reason.
  std::vector<Assessed> notified(TimePoint at, const Notice& notice);
  // Its start-up is over by other means than READY=1.
  void activated(TimePoint at);
  // The manager stops it. STOPPING=1 of a running service begins the same on its own account.
  void stop_begun(TimePoint at);

  [[nodiscard]] std::int32_t main_pid() const { return main_pid_; }
  [[nodiscard]] bool ready() const { return ready_; }          // READY=1 counted
  [[nodiscard]] bool reloading() const { return reloading_; }  // RELOADING=1, and no READY=1 since
  [[nodiscard]] bool stopping() const { return stopping_; }    // STOPPING=1 counted
  [[nodiscard]] const std::string& status() const { return status_; }

  // When the start or stop that began at `begin` with this time-out has taken too long, by what
  // EXTEND_TIMEOUT_USEC= of that state has said so far.
  [[nodiscard]] TimePoint start_deadline(TimePoint begin, Nanoseconds timeout) const;
  [[nodiscard]] TimePoint stop_deadline(TimePoint begin, Nanoseconds timeout) const;
  // How often it has asked for more than the settings let it have.
  [[nodiscard]] std::uint64_t start_asks_beyond() const { return start_.beyond; }
  [[nodiscard]] std::uint64_t stop_asks_beyond() const { return stop_.beyond; }

  // When the next heartbeat is due at the latest; nothing while none is: no watchdog, start-up not
  // over, or stopping. WATCHDOG=trigger makes it due when it came.
  [[nodiscard]] std::optional<TimePoint> watchdog_due() const;
  [[nodiscard]] std::optional<Nanoseconds> watchdog() const { return watchdog_; }
  // Since when heartbeats are waited for: the last one, or the start of the watchdog.
  [[nodiscard]] std::optional<TimePoint> last_heartbeat() const { return heartbeat_; }

 private:
  enum class State : std::uint8_t { start, running, stop };
  // What a state's time-out was extended to.
  struct Extension {
    std::optional<TimePoint> limit;
    std::optional<TimePoint> until;
    std::uint64_t beyond = 0;  // asked for, and not granted
    void ask(TimePoint wanted);
  };
  Assessed assess(TimePoint at, std::string_view line);
  Assessed assess_value(TimePoint at, std::string_view name, std::string_view value);
  // READY=1, RELOADING=1 and STOPPING=1 of one datagram.
  void take_states(TimePoint at, std::vector<Assessed>& assessed);
  void extend(TimePoint until);
  void run(TimePoint at);

  Settings settings_;
  std::int32_t main_pid_;
  std::optional<Nanoseconds> watchdog_;
  State state_ = State::start;
  bool ready_ = false;
  bool reloading_ = false;
  bool stopping_ = false;
  std::string status_;
  Extension start_;
  Extension stop_;
  std::optional<TimePoint> heartbeat_;  // nothing: the watchdog has not begun
  std::optional<TimePoint> watchdog_extended_;
  std::optional<TimePoint> triggered_;
};

}  // namespace lastcall
