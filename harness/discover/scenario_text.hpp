// Discovery -> the text of a scenario, the same that `try` runs and `init` prints. Pure functions;
// what they write is valid for parse_scenario().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "discover/discovery.hpp"

namespace lastcall {

// A text as a basic string of TOML, quotes included.
std::string toml_text(std::string_view text);

enum class TalkKind : std::uint8_t { http, websocket, raw };

// One thing that clients can do with the target.
struct Talk {
  TalkKind kind{};
  std::string name{};   // the name of the client group: "http", "websocket"
  std::string url{};    // with {port} where that is lastcall's choice
  std::string lines{};  // further keys of the group, a line each
  bool asks = false;    // its clients send something that is answered
  bool opens = false;   // its clients ask once as they connect, and are idle then
};

// What clients can do with the target, at most four things. An error: a hint does not fit.
Result<std::vector<Talk>> talks_of(const Discovery& found, const Hints& hints);

// The signal that stops it: the hint, what the server's manual says, else SIGTERM.
std::string stop_signal(const Discovery& found, const Hints& hints);

// [target], without its stop.
std::string target_text(const Discovery& found, const std::vector<Talk>& talks);

// As a scenario that lies in this folder (absolute) has it: with the folder it moves to elsewhere.
Discovery seen_from(Discovery found, const std::string& folder);

// A whole scenario with comments, for a person to edit.
std::string commented_scenario(const Discovery& found, const Hints& hints,
                               const std::vector<Talk>& talks);

// Switches off what is promised by HTTP and WebSocket only, where somebody speaks neither; lines of
// [properties].
std::string promises_of(const std::vector<Talk>& talks, const Discovery& found);

}  // namespace lastcall
