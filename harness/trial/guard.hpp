// The guard: a process between lastcall and the fork server, and the subreaper of all that is
// below. It lets the fork server end everybody, and does it itself when the fork server is dead or
// does not come to an end: nothing outlives lastcall, whichever of its processes is killed or
// stopped.
//
// A stopped process does nothing by itself, so the kernel has to help. PR_SET_PDEATHSIG (prctl(2))
// wakes the guard when lastcall ends, wakes the fork server when the guard ends, and kills the
// processes of trials when the fork server ends. A parent wakes a child that somebody has stopped;
// the guard is woken by a timer of its own, because lastcall may be stopped too.
//
// All of them ignore SIGHUP, SIGINT and SIGTERM, which lastcall itself answers, and have names of
// their own in ps(1), lc-guard and so on, so that `killall -9 lastcall` leaves somebody to tidy up.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>

#include "base/scoped_fd.hpp"

namespace lastcall {

// The wait status of a child if it has ended, 0 if it was waited for before. Wakes it if somebody
// has stopped it. Does not block.
std::optional<int> end_of(pid_t child);

// What the fork server does: with its end of the socket to lastcall, and the pidfd of the guard.
using Serve = std::function<void(ScopedFd control, ScopedFd guard)>;

// In a child that `lastcall` has forked: forks the fork server, which is to return from `serve`
// when lastcall has closed the other end of `control`, and guards it. Returns when nobody is left;
// in the fork server, it does not return. An exception ends the process that throws it, which is
// seen as if somebody had killed it.
void guard_fork_server(pid_t lastcall, ScopedFd control, const Serve& serve) noexcept;

}  // namespace lastcall
