// Says how far a long command is: one line on a terminal, which changes; where stderr is none, a
// line every ten seconds, so that the log of a CI job shows that something happens. One thread.
#pragma once

#include <string>

#include "base/clock.hpp"

namespace lastcall::cli {

class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void show(const std::string& text);
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
  TimePoint last_;  // line, where there is no terminal
};

}  // namespace lastcall::cli
