// Numbers, lines and a shell's words in text.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace lastcall {

// "0x7f00".
std::string hexadecimal(std::uint64_t number);

// For a POSIX shell, quoted only where it must be.
std::string shell_word(const std::string& text);

// The text as a number, if it is one and nothing else.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto* end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, number);
  return problem == std::errc() && rest == end ? std::optional(number) : std::nullopt;
}

// Without its line feed.
inline std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace lastcall
