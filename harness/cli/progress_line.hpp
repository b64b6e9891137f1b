// One line on a terminal that says how far a long command is; nothing where stderr is not a
// terminal.
#pragma once

#include <string>

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
};

}  // namespace lastcall::cli
