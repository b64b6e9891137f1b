// The properties a scenario can name. The order is the order of reports.
#pragma once

#include <array>
#include <string_view>

namespace lastcall {

struct PropertyName {
  std::string_view name;
  std::string_view holds_when;  // one sentence, for `lastcall list properties` and reports
};

inline constexpr std::array<PropertyName, 21> kProperties{{
    {"serves", "before the stop the target answers on every endpoint as its protocol says"},
    {"no-panic",
     "no crash, abort, panic or uncaught exception, neither in how it ended nor in its output"},
    {"no-masked-panic", "no programming error was swallowed, logged or not"},
    {"clean-exit", "the exit is the one promised for the stop signal"},
    {"deadline", "the target is gone within the deadline after the stop signal"},
    {"no-send-on-closed", "nothing is sent on a channel, descriptor or connection after its close"},
    {"in-flight-finished", "a request that the target had taken on before the stop is answered"},
    {"close-handshake",
     "each WebSocket client gets a Close frame with an agreed code, each TLS client close_notify, "
     "nobody a reset instead"},
    {"released", "after the end no child process, port, or file of the target is left"},
    {"stops-accepting", "no new work is taken on after the stop"},
    {"drains-health", "readiness goes away before the listener does"},
    {"notify", "what the target tells its service manager is true, and in time"},
    {"watchdog", "heartbeats come as often as the service manager expects them"},
    {"repeat-signal", "a second signal during the stop follows the stated policy, without a crash"},
    {"acked-durable", "what was acknowledged is there after the restart, once"},
    {"recovers", "the restarted target becomes ready and answers"},
    {"checkpoint-intact", "the checkpoint reads back whole"},
    {"log-complete", "the lines that must be in the log at the end are there"},
    {"prompt-exit", "the stop takes no longer than its slowest obligation, over a campaign"},
    {"config-effective", "a setting that varies changes what it is said to change"},
    {"overhead", "start-up, memory and processor time stay in bounds"},
}};

}  // namespace lastcall
