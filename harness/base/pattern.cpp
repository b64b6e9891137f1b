#include "base/pattern.hpp"

#include <regex>

namespace lastcall {

struct Pattern::Compiled {
  std::regex regex;
};

Pattern::Pattern(const std::string& expression)
    : compiled_(std::make_shared<const Compiled>(Compiled{std::regex(expression)})) {}

bool Pattern::found_in(std::string_view text, bool begins_line) const {
  const auto how =
      begins_line ? std::regex_constants::match_default : std::regex_constants::match_not_bol;
  return std::regex_search(text.data(), text.data() + text.size(), compiled_->regex, how);
}

std::optional<std::vector<std::string>> Pattern::match_in(std::string_view text) const {
  std::cmatch found;
  if (!std::regex_search(text.data(), text.data() + text.size(), found, compiled_->regex))
    return std::nullopt;
  return std::vector<std::string>(found.begin(), found.end());
}

std::size_t Pattern::groups() const { return compiled_->regex.mark_count(); }

}  // namespace lastcall
