// The history of a trial, from the segments that its sources have written, and as a file.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "history/history.hpp"
#include "scenario/scenario.hpp"
#include "trial/trial.hpp"

namespace lastcall {

// An error if there is no segment of the trial process itself; what another source lacks is said in
// the history (EventsLost).
Result<History> read_history(const TrialOrder& order, const std::vector<Sidecar>& sidecars,
                             std::size_t workers);

// One event a line. False, with errno, if the file could not be written.
bool write_history(const History& history, const std::string& path);

// What the target printed, and after a restart what that one did, as stdout.txt and stderr.txt in
// the folder: what the history has of it (target/line_splitter.hpp), empty files if it has nothing.
Result<void> write_output(const History& history, const std::string& directory);

}  // namespace lastcall
