// The id that a server chose for a request, taken from its answer as `id_from` says. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/pattern.hpp"
#include "scenario/scenario.hpp"

namespace lastcall {

struct GivenId {
  std::string id;
  std::string problem;  // why there is none, for people; empty: there is
};

// Compiles the pattern once.
class IdFinder {
 public:
  // As much as lastcall keeps of a line of output (target/line_splitter.hpp).
  static constexpr std::size_t kMaxSearched = 8192;
  static constexpr std::size_t kLongestId = 256;

  // The source was checked when the scenario was read.
  explicit IdFinder(const IdSource& source);

  // An id has no control characters and at most 256 bytes. In JSON it is a string that is not
  // empty, or an integer. A pattern that nothing in the answer matches is looked for in its `head`.
  [[nodiscard]] GivenId find(std::string_view answer, std::string_view head = {}) const;

 private:
  [[nodiscard]] GivenId by_pointer(std::string_view answer) const;
  [[nodiscard]] GivenId by_pattern(std::string_view answer) const;
  IdSource source_;
  std::optional<Pattern> pattern_;
};

}  // namespace lastcall
