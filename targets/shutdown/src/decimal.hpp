// Whole decimal numbers of the environment. Any thread.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace graceful::shutdown {

// The number that `text` is from its first to its last character; nothing for signs, spaces, units.
inline std::optional<std::uint64_t> decimal(std::string_view text) {
  std::uint64_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto [stopped, failed] = std::from_chars(text.data(), end, number);
  if (failed != std::errc() || stopped != end) return std::nullopt;
  return number;
}

}  // namespace graceful::shutdown
