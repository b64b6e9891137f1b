// The status codes of WebSocket Close frames: RFC 6455, section 7.4, and IANA's "WebSocket Close
// Code Number Registry" (https://www.iana.org/assignments/websocket). Pure.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace lastcall {

// Stands for a Close frame without a code, which is legal (RFC 6455, section 5.5.1).
inline constexpr int kNoCloseCode = 1005;

// What a server says that stops or has done its part: that the purpose is fulfilled (1000), that it
// goes away (1001), that its service restarts (1012), or nothing more precise. Not 1013 (try again
// later): that is overload, the WebSocket's 503. Not 1011 and 1014 either: those are errors.
inline constexpr std::array kGoodbyeCodes{1000, 1001, 1012, kNoCloseCode};
inline bool is_goodbye(int code) {
  return std::ranges::find(kGoodbyeCodes, code) != kGoodbyeCodes.end();
}

// 4000 to 4999 are for private use: what they mean, the application and its clients have agreed
// (RFC 6455, section 7.4.2).
constexpr bool is_private_code(int code) { return 4000 <= code && code <= 4999; }

// Whether a Close frame may have this code: one of those that the scenario lists, or, if it lists
// none, one that says goodbye or that only the application knows.
bool is_agreed(int code, const std::vector<int>& codes);

// Those codes in words, "1000, 1001 or 1012"; what only the application knows, and none at all, are
// left out where the scenario lists none.
std::string agreed_codes_text(const std::vector<int>& codes);

// "Close code 1011 (internal error)", "Close code 4001", "a Close frame without a code".
std::string close_code_text(int code);

// What a reason says of a client that was closed with a private code.
std::string private_code_text(int code);

}  // namespace lastcall
