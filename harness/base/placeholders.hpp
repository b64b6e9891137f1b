// Replaces "{name}" by its value. A brace that does not form a known name stays as it is: configuration files
// are full of them.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace lastcall {

using Placeholders = std::map<std::string, std::string, std::less<>>;

inline std::string expand_placeholders(std::string_view text, const Placeholders& values) {
  std::string expanded;
  expanded.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const auto end = text[i] == '{' ? text.find('}', i) : std::string_view::npos;
    const auto found =
        end == std::string_view::npos ? values.end() : values.find(text.substr(i + 1, end - i - 1));
    if (found == values.end()) {
      expanded += text[i++];
    } else {
      expanded += found->second;
      i = end + 1;
    }
  }
  return expanded;
}

}  // namespace lastcall
