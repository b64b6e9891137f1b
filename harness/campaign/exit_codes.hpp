// The exit codes of lastcall. The first that matches wins, in the order of this list.
// `lastcall autopsy` passes on how its command ended (128 + signal), except for kUsage and kBroken.
#pragma once

namespace lastcall::exit_codes {

inline constexpr int kUsage = 2;          // wrong command line, scenario or plan
inline constexpr int kInterrupted = 130;  // SIGINT, after writing what was there
inline constexpr int kTerminated = 143;   // SIGTERM, after writing what was there
inline constexpr int kBroken = 4;         // lastcall or its environment broke
inline constexpr int kFailed = 1;         // a property failed; replay: the failure came back
// Nothing failed, but something required could not be judged, or a group of clients was never
// answered, or had gone long before the stop.
inline constexpr int kNotJudged = 3;
inline constexpr int kHeld = 0;  // every property held

}  // namespace lastcall::exit_codes
