// What lastcall could not do in a trial and got along without, on stderr.
#pragma once

#include <set>
#include <string>

#include "trial/trial_result.hpp"

namespace lastcall::cli {

// A line each, "lastcall: warning: …". Prints nothing twice, and no more than twenty in all: the
// results have every one. `printed` holds what was printed for earlier trials.
void print_warnings(const TrialResult& trial, std::set<std::string>& printed);

}  // namespace lastcall::cli
