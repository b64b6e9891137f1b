#include "history/utf8.hpp"

#include <cstdint>

namespace lastcall {
namespace {

// The length of the well-formed sequence that `text` begins with, 0 if there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  std::uint32_t code = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return overlong || surrogate || code > 0x10FFFF ? 0 : length;
}

}  // namespace

std::string valid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    if (length == 0) {
      text += "\xEF\xBF\xBD";
    } else {
      text += bytes.substr(0, length);
    }
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

std::string one_line(std::string_view bytes) {
  constexpr std::size_t kMax = 120;
  constexpr std::size_t kLookedAt = 4096;  // most of it may be blanks
  std::string line;
  bool is_apart = false;
  for (const char c : bytes.substr(0, kLookedAt)) {
    if (line.size() > kMax) break;
    const bool is_blank = static_cast<unsigned char>(c) <= ' ' || c == '\x7F';
    if (!is_blank && is_apart && !line.empty()) line += ' ';
    if (!is_blank) line += c;
    is_apart = is_blank;
  }
  if (line.size() <= kMax) return valid_utf8(line);
  std::size_t end = kMax;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80U) --end;
  return valid_utf8(std::string_view(line).substr(0, end)) + "…";
}

}  // namespace lastcall
