// What runtimes are told, so that a traced target behaves as one that is not, and so that a hang
// shows what native stacks do not: LeakSanitizer, which refuses to run below ptrace(2), is switched
// off, and Node is asked for a diagnostic report (nodejs.org/api/report.html) of what keeps its
// event loop alive. Go needs no help: it prints its goroutines at SIGQUIT.
#pragma once

#include <map>
#include <string>

#include "history/segment.hpp"

namespace lastcall {

// Adds variables for a traced target, but none that are there. `folder`: where it may write.
void help_runtimes(std::map<std::string, std::string>& environment, const std::string& program,
                   const std::string& folder);

// Records what kept Node alive, if a report came, and removes it. A loop that spins writes none.
void record_node_report(const std::string& folder, SegmentWriter& segment);

}  // namespace lastcall
