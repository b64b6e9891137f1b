// A trial as a Trace Event file, which chrome://tracing and ui.perfetto.dev open: "Trace Event
// Format", JSON object form. A pure function; from any thread.
#pragma once

#include <string>

#include "reports/story.hpp"

namespace lastcall::reports {

// The target's lanes are threads of one process; each group of clients is a process of its own, a
// connection and its requests are asynchronous slices there.
std::string trace(const Trial& trial);

}  // namespace lastcall::reports
