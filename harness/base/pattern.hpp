// A regular expression (ECMAScript) of a scenario or a plan. A value; copies share what was
// compiled, also between threads. pattern.cpp alone includes <regex>, which takes seconds to
// compile.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lastcall {

class Pattern {
 public:
  // Throws std::runtime_error, whose text says why, if the expression is broken.
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
