// What an HTTP/1 answer says, as far as discovery wants to know it, and which WebSockets a page
// speaks of. Pure functions over bytes of a server that may mean it ill.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lastcall {

struct HttpHead {
  int status = 0;
  std::string server;    // the Server header, printable
  std::string location;  // where a redirect leads
  bool closes = false;   // HTTP/1.0, or "Connection: close"
  bool upgraded_to_websocket = false;
};

// Nothing if it is not the whole head of an HTTP/1 answer.
std::optional<HttpHead> http_head(std::string_view answer);

// Paths of WebSockets that a page or a script opens: "ws://host/chat", "new WebSocket('/chat')".
// At most `most`, each once, in their order.
std::vector<std::string> websocket_paths_in(std::string_view body, std::size_t most = 4);

// The beginning of a text of a server, with a question mark in place of what is not printable.
std::string printable_part(std::string_view text);

// Whether a path can stand in a URL of a scenario as it is: no spaces, no braces, no controls.
bool is_plain_path(std::string_view path);

}  // namespace lastcall
