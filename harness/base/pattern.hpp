// A regular expression of a scenario or a plan, in RE2's dialect
// (https://github.com/google/re2/wiki/Syntax): what most engines share, without backreferences and
// lookaround, which nobody can match in linear time. The time to search a text grows with its
// length, whatever the expression, and the stack does not grow at all.
//
// It works on bytes: `.` is any byte but a newline, and a class names bytes. So a log in any
// encoding, or in none, can be searched, and a character beyond ASCII matches as the bytes that the
// scenario, which is UTF-8, has for it. `^` and `$` are the ends of the text; upper and lower case
// differ, unless the expression says (?i) or (?m).
//
// A value; copies share what was compiled, also between threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lastcall {

class Pattern {
 public:
  // Of one pattern, in bytes. An expression whose program needs more than its part of that is
  // broken; where only what a search remembers needs more, the search takes longer.
  static constexpr std::int64_t kMaxMemory = std::int64_t{2} << 20;

  // Throws std::runtime_error, whose text says why, if the expression is broken or not supported.
  explicit Pattern(const std::string& expression);

  // Whether a part of the text matches. `^` matches at its beginning only if a line begins there.
  [[nodiscard]] bool found_in(std::string_view text, bool begins_line = true) const;
  // The first match: the whole, then what each group captured; nothing if there is none.
  [[nodiscard]] std::optional<std::vector<std::string>> match_in(std::string_view text) const;
  // How many groups capture.
  [[nodiscard]] std::size_t groups() const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace lastcall
