// Which signal a well-known server documents for its graceful stop, where the scenario sends
// another one: such a server drops what is under way because it was told to. And which programs are
// shells, that pass no signal on to the server that they have started.
#pragma once

#include <string>
#include <string_view>

#include "history/history.hpp"

namespace lastcall {

// "nginx documents SIGQUIT for a graceful stop, and SIGTERM for a fast one: signal in
// [target.stop]"; empty if nothing is known of the program, or the signal is the graceful one.
// `program` is the name of an executable.
std::string signal_advice(std::string_view program, int signal);

// The same of the program that took the stop signal, if lastcall had looked at it.
std::string signal_advice(const History& history);

// By the name of its executable. BusyBox is not among them: it may as well be a server.
bool is_shell(std::string_view program);

}  // namespace lastcall
