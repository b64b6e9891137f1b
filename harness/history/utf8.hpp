// Bytes of a target or a peer become text here, before they reach JSON, XML or a terminal.
#pragma once

#include <string>
#include <string_view>

namespace lastcall {

// Each byte that is no part of a well-formed UTF-8 sequence (RFC 3629) becomes U+FFFD.
std::string valid_utf8(std::string_view bytes);

// The beginning of what a peer said, for people: at most some 120 bytes of valid UTF-8, with one
// space where there were line ends, other blanks or control characters; "…" after it if there is
// more.
std::string one_line(std::string_view bytes);

}  // namespace lastcall
