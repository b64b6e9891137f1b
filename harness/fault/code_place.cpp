#include "fault/code_place.hpp"

#include <charconv>
#include <system_error>

namespace lastcall {

CodePlace code_place(std::string_view text) {
  constexpr std::string_view kMark = "+0x";
  constexpr int kHexadecimal = 16;
  const auto mark = text.rfind(kMark);
  if (mark == 0 || mark == std::string_view::npos) return {std::string(text)};
  const auto digits = text.substr(mark + kMark.size());
  CodePlace place{std::string(text.substr(0, mark))};
  const auto* end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, place.within, kHexadecimal);
  if (error != std::errc() || stopped != end) return {std::string(text)};
  return place;
}

}  // namespace lastcall
