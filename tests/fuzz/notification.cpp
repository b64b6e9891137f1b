// Whatever datagrams a service sends, each of their lines is assessed once with a reason where it
// does not count, and what the manager then knows of the service stays possible.
//
// The first byte holds the settings. Every datagram after it begins with a byte for what happens
// before it and who sends it, and ends with 0xff, so that texts stay readable.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/invariant.hpp"
#include "history/service_state.hpp"

namespace {

using namespace lastcall;
using std::chrono::milliseconds;

constexpr std::int32_t kMain = 100;
constexpr std::int32_t kOther = 101;

ServiceState::Settings settings(std::uint8_t bits) {
  return {
      .main_pid = kMain,
      .access_all = (bits & 1) != 0,
      .notifies = (bits & 2) != 0,
      .foreign_pids = (bits & 4) != 0,
      .watchdog = (bits & 8) != 0 ? std::optional<Nanoseconds>(milliseconds(100)) : std::nullopt,
      .watchdog_while_stopping = (bits & 16) != 0};
}

bool said(const std::vector<Assessed>& assessed, std::string_view assignment) {
  return std::ranges::any_of(assessed, [&](const Assessed& one) {
    return one.assignment == assignment && one.standing == Standing::counts;
  });
}

std::ptrdiff_t lines(std::string_view text) {
  if (text.ends_with('\0')) text.remove_suffix(1);  // permitted, and no part of a line
  std::ptrdiff_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++at)
    if (text[at] != '\n' && (at == 0 || text[at - 1] == '\n')) ++count;
  return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto given = settings(data[0]);
  ServiceState state(given);
  std::string_view left(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto now = TimePoint{} + std::chrono::hours(1);
  bool triggered = false;
  while (!left.empty()) {
    const auto end = std::min(left.find('\xff'), left.size());
    const auto what = static_cast<std::uint8_t>(left.front());
    const auto text =
        left.substr(std::min<std::size_t>(1, end), end - std::min<std::size_t>(1, end));
    left.remove_prefix(std::min(end + 1, left.size()));
    now += milliseconds(what >> 4);
    if ((what & 1) != 0) state.activated(now);
    if ((what & 2) != 0) state.stop_begun(now);

    const bool ready = state.ready();
    const auto assessed =
        state.notified(now, {.pid = (what & 4) != 0 ? kOther : kMain,
                             .text = text,
                             .descriptors = static_cast<std::uint32_t>(what) >> 7U});
    LASTCALL_INVARIANT(!assessed.empty());
    LASTCALL_INVARIANT(assessed.size() == 1 ||
                       static_cast<std::ptrdiff_t>(assessed.size()) == lines(text));
    for (const auto& one : assessed)
      LASTCALL_INVARIANT(one.standing == Standing::counts || !one.reason.empty());
    LASTCALL_INVARIANT(state.ready() == ready || said(assessed, "READY=1"));
    LASTCALL_INVARIANT(state.main_pid() > 0);
    LASTCALL_INVARIANT(!given.foreign_pids || state.main_pid() == kMain);
    LASTCALL_INVARIANT(state.start_deadline(now, milliseconds(1)) >= now + milliseconds(1));
    LASTCALL_INVARIANT(state.stop_deadline(now, milliseconds(1)) >= now + milliseconds(1));
    LASTCALL_INVARIANT(!state.last_heartbeat() || *state.last_heartbeat() <= now);
    triggered = triggered || said(assessed, "WATCHDOG=trigger");
    LASTCALL_INVARIANT(!state.watchdog_due() || state.watchdog() || triggered);
  }
  return 0;
}
