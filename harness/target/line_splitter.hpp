// Cuts a byte stream into lines. A line longer than the limit is cut there and the rest of it
// dropped; the total is bounded too, and what was dropped is counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace lastcall {

class LineSplitter {
 public:
  static constexpr std::size_t kLineLimit = 8 * 1024;
  static constexpr std::size_t kTotalLimit = std::size_t{16} << 20;
  // What a line takes beside its text when recorded: without it, empty lines would be nearly free.
  static constexpr std::size_t kLineCost = 64;

  explicit LineSplitter(std::function<void(const std::string&)> on_line)
      : on_line_(std::move(on_line)) {}

  void feed(std::string_view bytes) {
    for (const char byte : bytes) {
      if (byte == '\n') {
        emit();
      } else if (line_.size() < kLineLimit) {
        line_ += byte;
        open_ = true;
      }
    }
  }
  // A last line without a newline counts too.
  void finish() {
    if (open_) emit();
  }
  [[nodiscard]] std::uint64_t lost_lines() const { return lost_lines_; }

 private:
  void emit() {
    total_ += line_.size() + kLineCost;
    if (total_ <= kTotalLimit) {
      on_line_(line_);
    } else {
      ++lost_lines_;
    }
    line_.clear();
    open_ = false;
  }
  std::function<void(const std::string&)> on_line_;
  std::string line_;
  bool open_ = false;
  std::size_t total_ = 0;
  std::uint64_t lost_lines_ = 0;
};

}  // namespace lastcall
