// The regular expressions by which a scenario says what is no violation, `allow`.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "scenario/scenario.hpp"

namespace lastcall {

class Excuses {
 public:
  explicit Excuses(const std::vector<Allowance>& allowed) {
    for (const auto& one : allowed) patterns_.emplace_back(one.pattern);
  }
  // Whether one of them matches a line of one of the texts.
  [[nodiscard]] bool cover(std::initializer_list<std::string_view> texts) const {
    return !patterns_.empty() && std::ranges::any_of(texts, [this](auto text) {
      while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        if (covers_line(line)) return true;
        text.remove_prefix(std::min(text.size(), line.size() + 1));
      }
      return false;
    });
  }

 private:
  // std::regex recurses once a character and may take quadratic time: an excuse must stand within
  // this much of a line.
  static constexpr std::size_t kWithin = 1024;
  [[nodiscard]] bool covers_line(std::string_view line) const {
    const auto begin = line.substr(0, kWithin);
    return std::ranges::any_of(patterns_, [&](const std::regex& pattern) {
      return std::regex_search(begin.begin(), begin.end(), pattern);
    });
  }
  std::vector<std::regex> patterns_;
};

}  // namespace lastcall
