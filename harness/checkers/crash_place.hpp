// Where a signal such as SIGSEGV or SIGABRT struck a process of the target, as the tracer saw it.
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "history/history.hpp"
#include "plan/plan.hpp"

namespace lastcall {

// SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS.
bool is_crash_signal(int signal);

// ", through a null pointer (address 0x10), in worker (81) in parse()+0x12 at server.cpp:40" of
// an end by such a signal that the target brought upon itself; ", by abort() in …". Of a program
// that catches the signal, to write down what happened, and then ends by it: where it struck first.
// Where nothing was seen it says why. Empty for other signals, and where another process sent it.
// `evidence` gets the events that it rests on.
std::string crash_place(const Plan& plan, const History& history, const TargetEnded& end,
                        std::vector<EventIndex>& evidence);

// The same of a child's end, ProcessEnded at event `end`. Nothing if another process sent it this
// signal.
std::optional<std::string> crash_place_of_child(const History& history, EventIndex end,
                                                std::vector<EventIndex>& evidence);

}  // namespace lastcall
