// What was meant by a name with a typing error.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lastcall {

// The candidate with the smallest edit distance (Levenshtein), if it is near enough to be meant.
std::optional<std::string> nearest_name(std::string_view word,
                                        std::span<const std::string> candidates);

}  // namespace lastcall
