// What `hunt`, and `replay` and `shrink` of its plans, have in common.
#pragma once

#include <string>

#include "base/result.hpp"
#include "cli/commands.hpp"
#include "hunt/hunt_trial.hpp"
#include "hunt/rates.hpp"
#include "search/hunt_plan.hpp"

namespace lastcall::cli {

// From here on SIGINT and SIGTERM end the trial that runs, and are remembered.
void watch_for_interrupts();
// 0, or 128 + the signal that came.
int interrupted_code();
// What they are remembered in: the number of the signal, 0 if none came.
const volatile int* interrupted_signal();
// One that somebody else took.
void note_interrupt(int signal);

// Tracer and program share one processor, whose other work slows both down alike: hits of
// breakpoints cost a tenth of what they do across processors.
HuntSurroundings hunt_surroundings(const Context& context);

// Writes plan, origin, explanation and output into the folder, which must exist.
Result<void> write_finding(const std::string& folder, const HuntPlan& plan, const HuntTrial& seen);

// The plan of a file or of a folder that has a plan.json; nothing, without an error, if that is a
// plan of a scenario. Prints what it runs. An error says why it cannot be run.
Result<HuntPlan> own_hunt_plan(const std::string& what, bool trust);
// The file that such an argument means, if it holds a plan of a hunt; else empty.
std::string hunt_plan_file(const std::string& what);

// Runs the command without holds, by which the limit of every further run is set, and says whether
// the program is the one that the plan was made for. An error: it is not, or it always fails.
Result<FailureRate> undisturbed_rate(const HuntPlan& plan, HuntSurroundings& around,
                                     std::uint64_t runs);
// A line for people if places were found by name in another build; an error if one is not there.
Result<std::string> places_in_this_build(const HuntPlan& plan, const HuntSurroundings& around);

}  // namespace lastcall::cli
