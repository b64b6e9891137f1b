// What a trial process says on its lifeline: a line each time it begins something else, and at last
// its result. So whoever holds the other end knows what it was doing, also when it is stopped or
// dead.
#pragma once

#include <string>
#include <string_view>

#include "trial/trial_result.hpp"

namespace lastcall {

// What it does from here on, in words that follow "while it": "waited for the target's end". Never
// blocks; lost if nobody listens.
void say_doing(int lifeline, std::string_view what);

// Blocks until all of it was read, or nobody listens.
void send_result(int lifeline, const TrialResult& result);

struct Said {
  std::string doing;   // the last; empty if it said nothing
  std::string result;  // as JSON; empty if it has not come whole
};
Said said_on_lifeline(std::string_view received);

}  // namespace lastcall
