#include "hunt/blocked_threads.hpp"

#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <sstream>

#include "base/file.hpp"

namespace lastcall {
namespace {

constexpr std::array<long, 6> kInside{SYS_futex,           SYS_pause, SYS_rt_sigsuspend,
                                      SYS_rt_sigtimedwait, SYS_wait4, SYS_waitid};

struct BlockedCall {
  long number = -1;
  std::array<std::uint64_t, 6> arguments{};
};

// "202 0x7f10 0x80 …", "running", "-1 0x7ffd…" of a blocked thread that is in no call (proc(5)).
std::optional<BlockedCall> call_in(const std::string& text) {
  std::istringstream words(text);
  BlockedCall call;
  words >> call.number;
  if (!words || call.number < 0) return std::nullopt;
  for (auto& argument : call.arguments) words >> std::hex >> argument;
  return words ? std::optional(call) : std::nullopt;
}

bool ends_by_itself(const BlockedCall& call) {
  const auto is_negative = [&](std::size_t i) {
    return static_cast<std::int32_t>(call.arguments[i]) < 0;
  };
  switch (call.number) {
    case SYS_futex:
      return call.arguments[3] != 0;
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
      return !is_negative(3);
    case SYS_poll:
      return !is_negative(2);
    case SYS_ppoll:
    case SYS_rt_sigtimedwait:
      return call.arguments[2] != 0;
    case SYS_select:
    case SYS_pselect6:
      return call.arguments[4] != 0;
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
      return true;
    default:
      return false;
  }
}

std::string switches_of(const std::string& task) {
  const auto status = read_file(task + "/status");
  if (!status) return {};
  const auto at = status->find("voluntary_ctxt_switches:");
  return at == status->npos ? "" : status->substr(at);
}

}  // namespace

BlockedThreads blocked_threads(const std::set<pid_t>& pids) {
  BlockedThreads found;
  found.only_inside = true;
  for (const auto pid : pids) {
    std::error_code ec;
    const auto tasks = "/proc/" + std::to_string(pid) + "/task";
    for (std::filesystem::directory_iterator task(tasks, ec), end; !ec && task != end;
         task.increment(ec)) {
      const auto path = task->path().string();
      const auto text = read_file(path + "/syscall");
      const auto call = text ? call_in(*text) : std::nullopt;
      if (!call || ends_by_itself(*call)) return {};
      found.only_inside = found.only_inside && std::ranges::count(kInside, call->number) > 0;
      found.state += path + ' ' + *text + switches_of(path);
    }
  }
  return found;
}

bool some_thread_runs(pid_t pid) {
  std::error_code ec;
  const auto tasks = "/proc/" + std::to_string(pid) + "/task";
  for (std::filesystem::directory_iterator task(tasks, ec), end; !ec && task != end;
       task.increment(ec)) {
    const auto stat = read_file(task->path().string() + "/stat");
    if (!stat) continue;
    // "4711 (name) S …": a name may have anything in it (proc(5)).
    const auto name_end = stat->rfind(')');
    if (name_end == stat->npos || name_end + 2 >= stat->size()) continue;
    const char state = (*stat)[name_end + 2];
    if (state != 'S' && state != 'D') return true;
  }
  return false;
}

}  // namespace lastcall
