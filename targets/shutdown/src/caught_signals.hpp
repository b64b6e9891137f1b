// The process-wide part of catching signals: the handlers of sigaction(2) and their pipe. Whoever
// reads owns the reading end; see SignalHandler.
#pragma once

#include "shutdown/result.hpp"

namespace graceful::shutdown {

int caught_signals_fd();  // a byte for each signal, its number; never blocks. -1 before they are
                          // caught
// True if nobody reads yet; then the caller does until stop_reading_signals().
bool begin_reading_signals();
void stop_reading_signals();

// Whether SIGQUIT ends the process in the handler (the default, and always for a second one), or
// writes its byte first.
void end_at_once_by_sigquit(bool at_once);

// Ends the process by SIGQUIT's default, a core dump. Async-signal-safe.
[[noreturn]] void end_by_sigquit();

}  // namespace graceful::shutdown
