// The story of a trial for a terminal of a given width. A pure function; from any thread.
#pragma once

#include <cstddef>
#include <string>

#include "reports/story.hpp"

namespace lastcall::reports {

struct TrialTextOptions {
  std::size_t width = 80;  // columns; at least kNarrowest are used
  bool colour = false;
  bool full = false;     // every line of stacks, and all events around the evidence
  std::string replay{};  // the command that runs it again; empty: there is none
};
inline constexpr std::size_t kNarrowest = 40;

std::string trial_text(const Trial& trial, const TrialTextOptions& options);

// The text in lines of at most `width` characters, each after `indent`, or those after the first
// after `more_indent`, which is as long; a word that is longer than a line is cut in two. Control
// characters become '?'.
std::string wrapped(const std::string& text, std::size_t width, const std::string& indent,
                    const std::string& more_indent = "");
// On one line of at most `width` characters, with "…" for what does not fit.
std::string fitted(const std::string& text, std::size_t width);

}  // namespace lastcall::reports
