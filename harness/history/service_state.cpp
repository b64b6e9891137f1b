#include "history/service_state.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace lastcall {
namespace {

// A day: what a service may ask for is bounded, so that no sum of times overflows.
constexpr std::uint64_t kMaxMicroseconds = 24ULL * 60 * 60 * 1'000'000;

std::optional<Nanoseconds> microseconds(std::string_view text) {
  const auto value = parse_number<std::uint64_t>(text);
  if (!value) return std::nullopt;
  return std::chrono::microseconds(std::min(*value, kMaxMicroseconds));
}

Assessed says(std::string_view assignment, Standing standing, std::string reason = "") {
  return {std::string(assignment), standing, std::move(reason)};
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// Names whose one value is 1. FDSTORE and FDSTOREREMOVE: lastcall keeps no descriptors. BARRIER:
// closing its descriptor, as happens to all, is the answer it asks for.
constexpr std::array<std::string_view, 6> kFlags{"READY",   "RELOADING",     "STOPPING",
                                                 "FDSTORE", "FDSTOREREMOVE", "BARRIER"};
constexpr std::array<std::string_view, 3> kStates{"READY=1", "RELOADING=1", "STOPPING=1"};
constexpr std::array<std::string_view, 3> kNumbers{"ERRNO", "EXIT_STATUS", "MAINPIDFDID"};

// Why all of a datagram is ignored; empty if it is read.
Assessed ignored_whole(const ServiceState::Notice& notice,
                       const std::vector<std::string_view>& lines) {
  if (notice.text.size() > ServiceState::kDatagramLimit) {
    return says("datagram", Standing::malformed,
                "longer than " + std::to_string(ServiceState::kDatagramLimit) + " bytes");
  }
  if (notice.text.find('\0') != std::string_view::npos)
    return says("datagram", Standing::malformed, "a NUL byte inside");
  if (lines.empty()) return says("datagram", Standing::malformed, "empty");
  if (std::ranges::find(lines, "BARRIER=1") == lines.end()) return {};
  if (lines.size() > 1) {
    return says("BARRIER=1", Standing::malformed,
                "together with other assignments, which are all ignored");
  }
  if (notice.descriptors != 1) {
    return says("BARRIER=1", Standing::malformed,
                "with " + std::to_string(notice.descriptors) + " descriptors instead of one");
  }
  return {};
}

}  // namespace

std::vector<Assessed> ServiceState::notified(TimePoint at, const Notice& notice) {
  Notice read = notice;
  if (read.text.ends_with('\0')) read.text.remove_suffix(1);  // one is permitted
  if (!settings_.access_all && notice.pid != main_pid_) {
    return {says(read.text.substr(0, read.text.find('\n')), Standing::refused,
                 "from process " + std::to_string(notice.pid) + ", not the main process " +
                     std::to_string(main_pid_))};
  }
  const auto lines = lines_of(read.text);
  if (auto whole = ignored_whole(read, lines); !whole.reason.empty()) return {whole};
  std::vector<Assessed> assessed;
  assessed.reserve(lines.size());
  for (const auto line : lines) assessed.push_back(assess(at, line));
  take_states(at, assessed);
  return assessed;
}

// STOPPING=1 wins over READY=1, and that over RELOADING=1, whatever their order in the datagram.
void ServiceState::take_states(TimePoint at, std::vector<Assessed>& assessed) {
  const auto with = [&](std::string_view name) {
    return std::ranges::find(assessed, name, &Assessed::assignment);
  };
  const auto reload = with("RELOADING=1");
  const auto ready = with("READY=1");
  if (with("STOPPING=1") != assessed.end()) {
    stopping_ = true;
    if (state_ == State::running) stop_begun(at);
  } else if (ready != assessed.end()) {
    if (ready_ && !reloading_ && reload == assessed.end()) {
      ready->standing = Standing::repeated;
      ready->reason = stopping_ ? "it had said STOPPING=1" : "it was ready, and not reloading";
    }
    ready_ = true;
    reloading_ = false;
    if (settings_.notifies && state_ == State::start) run(at);
  } else if (reload != assessed.end()) {
    reloading_ = true;
  }
}

Assessed ServiceState::assess(TimePoint at, std::string_view line) {
  const auto equals = line.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return says(line, Standing::malformed, "not an assignment");
  const auto name = line.substr(0, equals);
  const auto value = line.substr(equals + 1);
  if (std::ranges::find(kFlags, name) != kFlags.end()) {
    if (value != "1") return says(line, Standing::malformed, "the one value it may have is 1");
    const bool state = std::ranges::find(kStates, line) != kStates.end();
    return says(line, state ? Standing::counts : Standing::harmless,
                state ? "" : "its descriptors are closed at once");
  }
  auto assessed = assess_value(at, name, value);
  assessed.assignment = line;
  return assessed;
}

Assessed ServiceState::assess_value(TimePoint at, std::string_view name, std::string_view value) {
  const auto malformed = [&](std::string reason) {
    return says(name, Standing::malformed, std::move(reason));
  };
  if (name == "STATUS") {
    status_ = value;
  } else if (name == "MAINPID") {
    const auto pid = parse_number<std::uint64_t>(value);
    if (!pid || *pid == 0 || *pid > INT32_MAX) return malformed("not a process id");
    if (settings_.foreign_pids)
      return says(name, Standing::harmless, "a number of its own PID namespace");
    main_pid_ = static_cast<std::int32_t>(*pid);
  } else if (name == "EXTEND_TIMEOUT_USEC") {
    const auto more = microseconds(value);
    if (!more) return malformed("not a number of microseconds");
    extend(at + *more);
  } else if (name == "WATCHDOG") {
    if (value == "trigger") {
      triggered_ = at;
    } else if (value != "1") {
      return malformed("neither 1 nor trigger");
    } else if (heartbeat_) {
      heartbeat_ = at;
    }
  } else if (name == "WATCHDOG_USEC") {
    const auto interval = microseconds(value);
    if (!interval) return malformed("not a number of microseconds");
    watchdog_ = *interval > Nanoseconds(0) ? interval : std::nullopt;
    if (state_ == State::running && !heartbeat_) heartbeat_ = at;
  } else if (name == "MONOTONIC_USEC") {
    const auto since = parse_number<std::uint64_t>(value);
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch());
    if (!since) return malformed("not a number of microseconds");
    if (*since > static_cast<std::uint64_t>(now.count()))
      return malformed("a time of CLOCK_MONOTONIC that has not come yet");
  } else if (name == "NOTIFYACCESS") {
    if (value != "none" && value != "main" && value != "exec" && value != "all")
      return malformed("none of none, main, exec and all");
    return says(name, Standing::harmless, "lastcall keeps to the scenario's access");
  } else if (std::ranges::find(kNumbers, name) != kNumbers.end()) {
    if (!parse_number<std::uint64_t>(value)) return malformed("not a number");
  } else {
    return says(name, Standing::harmless, "a name that lastcall does nothing with");
  }
  return says(name, Standing::counts);
}

// Only ever later, and never beyond the limit.
void ServiceState::Extension::ask(TimePoint wanted) {
  if (limit && wanted > *limit) {
    ++beyond;
    wanted = *limit;
  }
  until = std::max(until.value_or(wanted), wanted);
}

// The watchdog waits too: a service that asks for time is at work.
void ServiceState::extend(TimePoint until) {
  if (state_ == State::start) start_.ask(until);
  if (state_ == State::stop) stop_.ask(until);
  watchdog_extended_ = std::max(watchdog_extended_.value_or(until), until);
}

void ServiceState::activated(TimePoint at) {
  if (state_ == State::start) run(at);
}

void ServiceState::run(TimePoint at) {
  state_ = State::running;
  heartbeat_ = at;  // "the watchdog is activated when the start-up is completed"
}

// Said more than once, the last time counts: a stop of its own account comes before the manager's.
void ServiceState::stop_begun(TimePoint at) {
  state_ = State::stop;
  if (!settings_.longest_stop) return;
  stop_.limit = at + *settings_.longest_stop;
  if (stop_.until) stop_.until = std::min(*stop_.until, *stop_.limit);
}

TimePoint ServiceState::start_deadline(TimePoint begin, Nanoseconds timeout) const {
  return std::max(begin + timeout, start_.until.value_or(begin));
}

TimePoint ServiceState::stop_deadline(TimePoint begin, Nanoseconds timeout) const {
  return std::max(begin + timeout, stop_.until.value_or(begin));
}

std::optional<TimePoint> ServiceState::watchdog_due() const {
  const bool watched = state_ == State::running ||
                       (state_ == State::stop && settings_.watchdog_while_stopping && heartbeat_);
  if (!watched) return std::nullopt;
  if (triggered_) return triggered_;  // also without WatchdogSec=, says sd_notify(3)
  if (!watchdog_) return std::nullopt;
  const auto due = *heartbeat_ + *watchdog_;
  return std::max(due, watchdog_extended_.value_or(due));
}

}  // namespace lastcall
