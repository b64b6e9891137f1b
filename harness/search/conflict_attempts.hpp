// Pairs of holds for memory that two threads have in common: one thread stands before it changes
// the memory, the other one comes meanwhile to where it has just looked at it, and stands there
// longer. So the change falls between a look and what is done because of it, whenever that is in a
// trial. Pure functions, from any thread.
#pragma once

#include <deque>

#include "search/attempts.hpp"

namespace lastcall {

// How long the first of such a pair stands, and the second, which is longer: so that the first one
// acts meanwhile.
inline constexpr Nanoseconds kFollowedHold = std::chrono::milliseconds(10);
inline constexpr Nanoseconds kFollowingHold = std::chrono::milliseconds(20);

// Of each conflict the place next behind the look first, then the look itself, then the place after
// next; of all conflicts those first whose memory is changed in that phase only. No pair twice.
std::deque<Attempt> conflict_attempts(const Calibration& calibration);

}  // namespace lastcall
