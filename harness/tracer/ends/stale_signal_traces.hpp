// What a killed lastcall leaves of the kernel's trace of signals (tracer/ends/signal_trace.hpp).
#pragma once

namespace lastcall {

// Removes the instances of processes that are gone; SignalTrace::start() does it too. Nothing where
// this process may not, or sees other process numbers than the kernel.
void remove_stale_signal_traces();

}  // namespace lastcall
