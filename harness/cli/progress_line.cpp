#include "cli/progress_line.hpp"

#include <unistd.h>

#include <iostream>

namespace lastcall::cli {

namespace {

constexpr auto kBetweenLines = std::chrono::seconds(10);

}  // namespace

ProgressLine::ProgressLine() : terminal_(::isatty(STDERR_FILENO) == 1), last_(now()) {}
ProgressLine::~ProgressLine() { clear(); }

void ProgressLine::show(const std::string& text) {
  if (!terminal_) {
    if (now() - last_ < kBetweenLines) return;
    last_ = now();
    std::cerr << "lastcall: " << text << std::endl;
    return;
  }
  std::cerr << "\r\x1b[K" << text << std::flush;
  shown_ = true;
}

void ProgressLine::clear() {
  if (shown_) std::cerr << "\r\x1b[K" << std::flush;
  shown_ = false;
}

}  // namespace lastcall::cli
