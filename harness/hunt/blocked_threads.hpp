// Whether every thread of some processes is blocked in a system call that no time-out ends. From
// any thread; reads /proc and stops no thread.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>

namespace lastcall {

struct BlockedThreads {
  // What they wait in and how often each was switched to: two looks with the same text say that
  // none has moved between them. Empty if one runs or waits with a time-out.
  std::string state;
  // They wait for one another, for a signal or a child: no data from outside can wake one.
  bool only_inside = false;
};
BlockedThreads blocked_threads(const std::set<pid_t>& pids);

// Whether some thread of a process runs, waits for a processor or stands still for its tracer.
bool some_thread_runs(pid_t pid);

}  // namespace lastcall
