#include "trial/left_processes.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "target/process_tree.hpp"

namespace lastcall {
namespace {

namespace asio = boost::asio;

constexpr auto kGrace = std::chrono::milliseconds(200);
// Who is at work has the grace of its own processor time, but not for longer than ten times the
// grace: a system call that is traced takes some ten times as long as one that is not.
constexpr auto kWorkLimit = std::chrono::seconds(2);
// Less in the time of a grace is no work: who sleeps and looks again now and then.
constexpr auto kLeastWork = std::chrono::milliseconds(4);
constexpr auto kGraceTick = std::chrono::milliseconds(2);
// Two looks this far apart see a process that is left; one that is about to end is gone by then.
constexpr auto kLookAtKilled = std::chrono::milliseconds(10);
// The kernel needs some milliseconds to give up the memory and files of a large process.
constexpr auto kExitLimit = std::chrono::milliseconds(100);

asio::awaitable<void> pause(const TrialContext& trial, Nanoseconds duration) {
  co_await trial.changes.until(trial.given_up, now() + duration);
}

// Until the tree is empty or its grace is over. Whether it is over only because the trial does not
// wait any longer for processes that are at work and traced.
asio::awaitable<bool> give_grace(const TrialContext& trial, TargetProcess& target, bool traced) {
  const auto begin = now();
  const auto used_before = processor_time_of_tree();
  const auto is_over = [&] { return target.tree_is_empty() || trial.given_up(); };
  const auto grace_from = [&](TimePoint from) -> asio::awaitable<void> {
    while (!is_over() && now() < from + kGrace) co_await pause(trial, kGraceTick);
  };
  co_await grace_from(begin);
  for (auto before = Nanoseconds(0); !is_over();) {
    const auto used = processor_time_of_tree() - used_before;
    if (used >= kGrace || used - before < kLeastWork) co_return false;
    if (now() >= begin + kWorkLimit) co_return traced;
    before = used;
    co_await grace_from(now());
  }
  co_return false;
}

}  // namespace

asio::awaitable<void> record_left_processes(const TrialContext& trial, TargetProcess& target,
                                            bool traced) {
  const bool slowed = co_await give_grace(trial, target, traced);
  const auto record = [&](const ProcessInfo& process) {
    if (slowed) {
      trial.events.record(ProcessLingered{process.pid, process.command, Lingering::slowed});
    } else {
      trial.events.record(ProcessLeft{process.pid, process.command});
    }
  };
  const auto limit = now() + kExitLimit;
  std::set<pid_t> first_seen;
  std::optional<ProcessInfo> newcomer;
  for (bool first = true; !target.tree_is_empty() && !trial.given_up(); first = false) {
    const auto before = descendants();
    for (const auto& process : before) {
      if (first) first_seen.insert(process.pid);
      if (!first_seen.contains(process.pid)) newcomer = process;
    }
    co_await pause(trial, kLookAtKilled);
    if (target.tree_is_empty()) break;
    auto left = descendants();
    const bool is_late = now() >= limit;
    // Those that two looks saw alive, or that need too long for their exit.
    std::erase_if(left, [&](const ProcessInfo& one) {
      const auto earlier = std::ranges::find(before, one.pid, &ProcessInfo::pid);
      const bool twice = earlier != before.end() && earlier->alive() && one.alive();
      return !twice && !(is_late && one.state == 'X' && first_seen.contains(one.pid));
    });
    std::ranges::for_each(left, record);
    if (!left.empty()) break;
    if (!is_late) continue;
    if (newcomer) {
      trial.events.record(ProcessLingered{newcomer->pid, newcomer->command,
                                          slowed ? Lingering::slowed : Lingering::ended_late});
    }
    break;
  }
  trial.events.record(ProcessesSearched{});
}

}  // namespace lastcall
