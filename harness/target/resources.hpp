// What a process uses, read from outside.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"

namespace lastcall {

struct Resources {
  std::uint64_t memory = 0;  // peak resident set, VmHWM of proc(5), bytes
  Nanoseconds cpu{};         // user and system time of all its threads, its children not included
  std::uint32_t threads = 0;
};

// Nothing if the process has ended: a zombie has no memory any more.
std::optional<Resources> resources_of(pid_t pid);

// How long, since the machine was started, some task of it has been waiting for a processor
// (/proc/pressure/cpu, "some"; Linux's Documentation/accounting/psi.rst). Nothing where the kernel
// does not say.
std::optional<Nanoseconds> processor_pressure();

// How long, since a virtual machine was started, its host gave its processors to others, in sum
// (proc(5), /proc/stat, "steal"), in steps of a clock tick: a hundredth of a second. Its tasks take
// that for time on a processor. Nothing where the kernel does not say.
std::optional<Nanoseconds> stolen_processor_time();
// The same from the text of /proc/stat.
std::optional<Nanoseconds> stolen_processor_time(const std::string& stat);

// How long threads wait for a processor although they could run (/proc/PID/task/TID/schedstat,
// second field; Linux's Documentation/scheduler/sched-stats.rst). A wait counts once it is over.
// One thread.
class ProcessorWaits {
 public:
  // What all threads of these processes have waited since the last look, or since their start, in
  // sum. Nothing where the kernel does not account for it.
  std::optional<Nanoseconds> look(const std::vector<pid_t>& processes);

 private:
  std::unordered_map<pid_t, std::uint64_t> before_;  // by thread
};

}  // namespace lastcall
