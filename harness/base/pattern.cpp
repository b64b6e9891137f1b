#include "base/pattern.hpp"

#include <re2/re2.h>

#include <stdexcept>

namespace lastcall {
namespace {

RE2::Options linear_on_bytes() {
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);  // a byte is a character
  options.set_max_mem(Pattern::kMaxMemory);
  options.set_log_errors(false);  // they are thrown
  return options;
}

// What RE2 says is broken, and why it is if other engines take it.
std::string problem_of(const RE2& expression) {
  const auto& part = expression.error_arg();
  std::string unsupported;
  if (expression.error_code() == RE2::ErrorBadPerlOp &&
      (part.starts_with("(?=") || part.starts_with("(?!") || part.starts_with("(?<")))
    unsupported = "lookahead and lookbehind are";
  if (expression.error_code() == RE2::ErrorBadEscape && part.size() > 1 && part[1] >= '1' &&
      part[1] <= '9')
    unsupported = "a backreference is";
  if (unsupported.empty()) return expression.error();
  return expression.error() + "; " + unsupported +
         " not supported, because a search takes linear time (RE2's syntax)";
}

}  // namespace

struct Pattern::Compiled {
  explicit Compiled(const std::string& expression) : regex(expression, linear_on_bytes()) {}
  RE2 regex;
};

Pattern::Pattern(const std::string& expression)
    : compiled_(std::make_shared<const Compiled>(expression)) {
  if (!compiled_->regex.ok()) throw std::runtime_error(problem_of(compiled_->regex));
}

bool Pattern::found_in(std::string_view text, bool begins_line) const {
  const auto searched = [this](std::string_view whole, std::size_t from) {
    return compiled_->regex.Match(whole, from, whole.size(), RE2::UNANCHORED, nullptr, 0);
  };
  if (begins_line) return searched(text, 0);
  // `^` does not match behind another byte, and a word may begin behind this one.
  return searched(" " + std::string(text), 1);
}

std::optional<std::vector<std::string>> Pattern::match_in(std::string_view text) const {
  std::vector<re2::StringPiece> found(groups() + 1);
  if (!compiled_->regex.Match(text, 0, text.size(), RE2::UNANCHORED, found.data(),
                              static_cast<int>(found.size())))
    return std::nullopt;
  std::vector<std::string> texts;
  for (const auto& one : found) texts.emplace_back(one.data(), one.size());
  return texts;
}

std::size_t Pattern::groups() const {
  return static_cast<std::size_t>(compiled_->regex.NumberOfCapturingGroups());
}

}  // namespace lastcall
