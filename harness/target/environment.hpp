// What every trial needs of this machine, whatever its scenario says: `lastcall doctor` shows it,
// and `run` and `replay` look at it before they start, so that what is missing here is never taken
// for a fault of the target. An error says what is missing and what to do about it. Call it before
// any thread is started: it forks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace lastcall {

struct Need {
  std::string_view what;
  Result<std::string> (*look)();  // what there is, for people
};
// Who needs what another one looks at comes later.
std::span<const Need> needs_of_every_trial();

// In bytes: a trial's segments, and a little that its target writes.
inline constexpr std::uint64_t kLeastRoom = std::uint64_t{16} << 20;
// The bytes that are left on the disk of a folder. An error if they are fewer than kLeastRoom, or
// no file can be made there.
Result<std::uint64_t> room_in(const std::string& folder);

// Looks at every need, makes the folder for results and looks for room in it. The first error.
Result<void> prepare_environment(const std::string& results);

}  // namespace lastcall
