// Waits for a time that held up the end of a target after it had nothing left to do: what
// prompt-exit finds in one trial.
#pragma once

#include <string>

#include "base/clock.hpp"

namespace lastcall {

struct IdleWaits {
  Nanoseconds length{};  // all in all; 0: there were none
  // "the main thread (server, 4711) waited in clock_nanosleep(100 ms) 3 times after its last
  // connection was gone, in look()+0x12"; empty if there were none.
  std::string text{};
  friend bool operator==(const IdleWaits&, const IdleWaits&) = default;
};

}  // namespace lastcall
