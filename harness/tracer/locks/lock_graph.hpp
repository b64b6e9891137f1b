// Finds the threads that wait forever, and the threads that they wait for. A thread waits for at
// most one other, so that the graph is a set of chains, some of which end in a cycle. Pure
// functions of values: from any thread, nothing fails.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tracer/locks/waits.hpp"

namespace lastcall {

struct Stuck {
  enum class Why : std::uint8_t {
    cycle,        // each of the threads waits for the next, the last for the first
    owner_ended,  // of what a thread waits for: no other thread can unlock it
    no_notifier,  // on condition variables, and all other threads of the process are blocked too
  };
  Why why = Why::cycle;
  std::vector<ThreadWait> threads{};  // a cycle begins with its lowest tid
  bool certain = true;                // every owner in it was read from the lock itself
  bool timed = false;                 // a time-out ends it
  friend bool operator==(const Stuck&, const Stuck&) = default;
};

// `waits` has every thread of the processes. Each cycle is named once.
std::vector<Stuck> stuck_threads(const std::vector<ThreadWait>& waits);

// Whether it is one that nothing but a signal ends, so that a deadline need not be waited out.
// Only cycles are: a condition variable may be notified by who is not seen, and a healthy server
// looks blocked as well.
bool is_deadlock(const Stuck& stuck);

// For people, one line without its end:
//   deadlock of 2 threads: worker-1 (4712) in transfer(Account&)+0x41 waits for mutex 0x55d0 held
//   by worker-2 (4713), which in audit()+0x20 waits for mutex 0x55e8 held by worker-1
std::string stuck_text(const Stuck& stuck);

}  // namespace lastcall
