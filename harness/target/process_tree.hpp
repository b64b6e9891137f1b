// The processes below this one. The trial process is a child subreaper, so whatever its target
// starts, however often it forks and calls setsid, is below it. Not async-signal-safe.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace lastcall {

struct ProcessInfo {
  pid_t pid = 0;
  char state = '?';  // as /proc/PID/stat has it; 'Z' is a zombie, of which no thread is left
  std::string command;
};

// Direct children of this process, and of any.
std::vector<pid_t> children();
std::vector<pid_t> children_of(pid_t pid);

// Live and zombie descendants of this process, from /proc (CONFIG_PROC_CHILDREN), parents before
// children.
std::vector<ProcessInfo> descendants();

// Sends `signal` to all of them. Returns how many were alive.
std::size_t signal_descendants(int signal);

}  // namespace lastcall
