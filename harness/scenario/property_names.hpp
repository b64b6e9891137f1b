// The properties a scenario can name. The order is the order of reports.
#pragma once

#include <array>
#include <string_view>

namespace lastcall {

struct PropertyName {
  std::string_view name;
  std::string_view holds_when;  // one sentence, for `lastcall list properties` and reports
};

inline constexpr std::array<PropertyName, 7> kProperties{{
    {"serves", "before the stop the target answers on every endpoint as its protocol says"},
    {"no-panic", "no crash, abort, panic or uncaught exception, neither in how it ended nor in its output"},
    {"clean-exit", "the exit is the one promised for the stop signal"},
    {"deadline", "the target is gone within the deadline after the stop signal"},
    {"in-flight-finished", "a request that the target had taken on before the stop is answered"},
    {"close-handshake",
     "each WebSocket client gets a Close frame with an agreed code, each TLS client close_notify, nobody a reset"},
    {"released", "after the end no child process, port, or file of the target is left"},
}};

}  // namespace lastcall
