// Small questions to a line of text, for those that read what a target wrote. Any thread may ask.
#pragma once

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <string_view>

namespace lastcall {

inline bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

inline bool contains(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

inline bool contains_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [text](auto word) { return contains(text, word); });
}

inline bool begins_with_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(words, [text](auto word) { return text.starts_with(word); });
}

// Without these characters at both ends.
inline std::string_view trimmed(std::string_view text, std::string_view what = " \t\r") {
  const auto begin = text.find_first_not_of(what);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(what) - begin + 1);
}

}  // namespace lastcall
