// The one clock of a history: CLOCK_MONOTONIC (libstdc++'s steady_clock), the same in every process
// of a machine.
#pragma once

#include <chrono>
#include <cstdint>

namespace lastcall {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<Clock, Nanoseconds>;

inline TimePoint now() { return Clock::now(); }

}  // namespace lastcall
