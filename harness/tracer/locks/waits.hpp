// What each stopped thread waits for, and for which thread: read from its registers, its stack and
// the lock itself (x86-64 Linux, glibc 2.25 or later; locks of other libraries are "futex"es
// without an owner). Thread numbers in the target's memory are taken for ours: in a pid namespace
// of its own its locks have no owners. Plain values; waits_of() on the tracer's thread. What cannot
// be read is left out, nothing fails.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tracer/ptrace/tracee.hpp"
#include "tracer/stacks/stack.hpp"

namespace lastcall {

enum class WaitKind : std::uint8_t {
  running,  // or about to: in no system call, or in one that is just returning
  mutex,
  rwlock,
  thread,  // its end: pthread_join(3)
  condition,
  semaphore,
  once,   // that another thread completes an initialisation
  futex,  // any other, futex(2)
  descriptor,
  time,
  child,
  signal,
  other,
};

struct Wait {
  WaitKind kind = WaitKind::running;
  std::uint64_t address = 0;  // of the lock, as the program knows it
  int descriptor = -1;
  std::string what{};   // "mutex 0x55d0", "rwlock accounts", "read of 5 (socket:[47])"
  bool timed = false;   // it ends by itself
  pid_t owner = 0;      // who holds the lock, or is to end; 0: unknown, or there is no such thing
  bool certain = true;  // otherwise the owner is the only other thread that knows the address
  friend bool operator==(const Wait&, const Wait&) = default;
};

struct ThreadWait {
  pid_t pid = 0;
  pid_t tid = 0;
  std::string name{};
  std::string place{};  // where it stands: the innermost frame that is not of a run-time library
  Wait wait{};
  friend bool operator==(const ThreadWait&, const ThreadWait&) = default;
};

// All that are stopped, and their stacks in the same order. Returns one for each, and then one for
// each thread of their processes that is not among them, as running.
std::vector<ThreadWait> waits_of(const std::vector<Tracee>& tracees,
                                 const std::vector<Stack>& stacks);

// Where each thread of a process stands, if all of them wait in futex(2) without a time-out: two
// answers that are the same say that none of them has moved. Empty if one does anything else. Reads
// /proc and stops no thread; from any thread.
std::string untimed_futex_waits(pid_t pid);

}  // namespace lastcall
