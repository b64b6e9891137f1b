// The small words of lastcall's files: durations, signal names, and the nearest valid name for a
// typing error.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "base/clock.hpp"

namespace lastcall {

// "250ms", "1.5s", "10us", "2m", "7ns", "1h": a non-negative decimal number and a unit. Nothing
// else.
std::optional<Nanoseconds> parse_duration(std::string_view text);

// The shortest exact spelling: "250ms", "1500ms", "3s", "0s".
std::string format_duration(Nanoseconds duration);

// For people: about three digits, "1.24 s", "812 ms", "47 µs".
std::string human_duration(Nanoseconds duration);

// For people, of a time that somebody chose: exact, "5 s", "1500 ms", "120 s".
std::string exact_duration(Nanoseconds duration);

// "SIGTERM" <-> 15; only names that signal(7) lists, with the prefix.
std::optional<int> signal_number(std::string_view name);
std::string signal_name(int number);

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

// The candidate with the smallest edit distance (Levenshtein), if it is near enough to be meant.
std::optional<std::string> nearest_name(std::string_view word,
                                        std::span<const std::string> candidates);

}  // namespace lastcall
