// What `show` tells, for `explain`, which takes results as well as words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace lastcall::cli {

struct ShowArguments {
  std::string results;  // a results directory, or the directory of one of its trials
  std::optional<std::uint32_t> trial;
  std::size_t width = 0;  // columns; 0: the terminal's
  bool follow = false;
  bool full = false;
};

// Prints a campaign or the story of a trial. Returns the exit code; why it could not was printed.
int show(ShowArguments arguments);

}  // namespace lastcall::cli
