// A child that must not outlive its parent (PR_SET_PDEATHSIG, prctl(2)). Async-signal-safe.
#pragma once

#include <sys/types.h>

namespace lastcall {

// In a forked child: from here on the kernel sends it `signal` when its parent ends, also while it
// is stopped: SIGKILL ends it then, SIGCONT wakes it up. False if that parent has ended already.
// The parent is the thread that forked it; a change of user and fork(2) forget it.
bool on_end_of(pid_t parent, int signal);

}  // namespace lastcall
