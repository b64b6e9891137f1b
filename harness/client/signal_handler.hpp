// Whether a process has a handler for a signal, as /proc says it.
#pragma once

#include <string>
#include <string_view>

#include "history/event_sink.hpp"

namespace lastcall {

// Whether the text of /proc/PID/status (proc(5)) has the signal in this mask: "SigCgt", where a
// handler takes it, or "SigBlk" of the main thread.
bool is_in_mask(std::string_view status, std::string_view name, int signal);

// The runtime that handles the usual stop signals in every program of its, and without one of the
// program's own only raises them again: "node", "go", or nothing. By the name of the executable and
// the beginning of its file.
std::string handling_runtime(std::string_view name, std::string_view file);

// Looks at the process, and records HandlerAtStop; nothing if it has ended, or cannot be looked at.
void record_handler(EventSink& events, int pidfd, int signal);

}  // namespace lastcall
