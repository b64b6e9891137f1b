#include "history/utf8.hpp"

#include <boost/locale/utf.hpp>

namespace lastcall {

std::string valid_utf8(std::string_view bytes) {
  namespace utf = boost::locale::utf;
  std::string text;
  text.reserve(bytes.size());
  for (const auto *at = bytes.data(), *end = at + bytes.size(); at != end;) {
    const auto* after = at;
    if (utf::is_valid_codepoint(utf::utf_traits<char>::decode(after, end))) {
      text.append(at, after);
      at = after;
    } else {
      text += "\xEF\xBF\xBD";
      ++at;
    }
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
