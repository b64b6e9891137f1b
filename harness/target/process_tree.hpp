// The processes below this one. The trial process is a child subreaper, so whatever its target
// starts, however often it forks and calls setsid, is below it. Not async-signal-safe.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace lastcall {

struct ProcessInfo {
  pid_t pid = 0;
  // As /proc/PID/stat has it; 'Z' is a zombie, of which no thread is left, 'X' one whose only
  // thread is in its exit, '?' one that has vanished.
  char state = '?';
  std::string command;

  [[nodiscard]] bool alive() const { return state != 'Z' && state != 'X' && state != '?'; }
};

// Whether /proc is there and shows this process's own PID namespace: everything below reads it, and
// in another's the same number is another process. An error says how to mount it.
Result<void> own_proc();

// Direct children of this process, and of any.
std::vector<pid_t> children();
std::vector<pid_t> children_of(pid_t pid);

// Live and zombie descendants of this process, from /proc (CONFIG_PROC_CHILDREN), parents before
// children.
std::vector<ProcessInfo> descendants();

// Whether this process has a child, alive or a zombie that nobody has waited for, traced or not. Of
// a subreaper: whether anybody is below it. Exact, whatever is forking and exiting meanwhile.
bool has_children();

// Sends `signal` to all of them. Returns how many were alive.
std::size_t signal_descendants(int signal);

// SIGKILL for the process groups of the children, this process's own left out: also for who is
// forked meanwhile. Only where no other thread waits for children, whose pids could be another's
// then.
void kill_groups_of_children();

// User and system time of a process and of the children that it has waited for; nothing if it is
// gone.
Nanoseconds processor_time(pid_t pid);
// The same of the children that this process has waited for (getrusage(2)).
Nanoseconds processor_time_of_reaped();
// Of all that are, and were, below this process: what is used between two calls is the difference.
Nanoseconds processor_time_of_tree();

}  // namespace lastcall
