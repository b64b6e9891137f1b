// What runtimes are told in their environment, so that a traced target behaves as one that is not,
// and so that a hang shows what native stacks do not.
//
// LeakSanitizer, which refuses to run below ptrace(2), is switched off. Node writes a diagnostic
// report (nodejs.org/api/report.html) of what keeps its event loop alive, a file for each process,
// at kNodeReportSignal. Python's faulthandler (PYTHONFAULTHANDLER) writes every thread's stack when
// SIGILL, SIGABRT or their like comes, and then lets it end the process as without. Go and the
// JVM need no help: they write their stacks at SIGQUIT. Whatever else reads these variables ignores
// them, so every target gets them, whether or not it looks like one of these runtimes: a wrapper
// hands them on.
#pragma once

#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "history/event.hpp"

namespace lastcall {

// Of Linux, and sent by nothing. A program that catches SIGQUIT may do something then that the
// report would show.
inline constexpr int kNodeReportSignal = SIGSTKFLT;

// Adds these variables, but none that are there; to a NODE_OPTIONS that is there its options,
// before the others, so that those win. `folder`: where the target may write. `traced`: below
// ptrace(2).
void help_runtimes(std::map<std::string, std::string>& environment, const std::string& folder,
                   bool traced);

// What a report says that was written because of kNodeReportSignal: the process as it knows itself,
// and what keeps it alive; at most 256 things. Nothing of another text, nor of one that is cut off.
struct NodeReport {
  std::int32_t pid = 0;
  std::vector<KeptAlive> kept;
};
std::optional<NodeReport> node_report(std::string_view text);

}  // namespace lastcall
