// Cuts a byte stream into lines, and a long line into pieces. Memory is bounded: of a line its
// first kLineLimit bytes are handed on and its end, where a program that broke amid its progress
// dots says so; the total is limited, too. The bytes that are dropped are counted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace lastcall {

class LineSplitter {
 public:
  // The longest piece, which is one event, and what a pattern is searched for in at a time.
  static constexpr std::size_t kPieceLimit = 8 * 1024;
  // Longer than a JSON log line with a stack and a request in it.
  static constexpr std::size_t kLineLimit = 256 * 1024;
  static constexpr std::size_t kTotalLimit = std::size_t{16} << 20;
  // What a recorded piece takes besides its text: without it, empty lines would be nearly free.
  static constexpr std::size_t kPieceCost = 64;

  // `continues`: the piece goes on with the line of the piece before it.
  using OnPiece = std::function<void(const std::string& text, bool continues)>;

  explicit LineSplitter(OnPiece on_piece) : on_piece_(std::move(on_piece)) {}

  void feed(std::string_view bytes) {
    while (!bytes.empty()) {
      if (bytes.front() == '\n') {
        end_line();
        bytes.remove_prefix(1);
        continue;
      }
      // A full piece waits for the byte after it: only then is there a next one.
      if (piece_.size() == kPieceLimit) piece_is_full();
      const auto text = bytes.substr(0, std::min(bytes.find('\n'), kPieceLimit - piece_.size()));
      piece_ += text;
      bytes.remove_prefix(text.size());
    }
  }
  // A last line without a newline counts too.
  void finish() {
    if (!piece_.empty()) end_line();
  }
  // Lines of which something was dropped, and how much was.
  [[nodiscard]] std::uint64_t lost_lines() const { return lost_lines_; }
  [[nodiscard]] std::uint64_t lost_bytes() const { return lost_bytes_; }
  // What was not handed on, why, and what helps; empty if all was.
  [[nodiscard]] std::string loss() const;

 private:
  void piece_is_full() {
    if (line_ < kLineLimit) {
      hand_on(piece_);
    } else {  // it may be the line's end: the piece before it no longer can
      lose(held_.size());
      held_ = piece_;
    }
    line_ += piece_.size();
    piece_.clear();
  }
  void end_line() {
    if (!held_.empty()) hand_on(held_);
    hand_on(piece_);
    held_.clear();
    piece_.clear();
    lost_lines_ += loses_ ? 1 : 0;
    loses_ = false;
    continues_ = false;
    line_ = 0;
  }
  void hand_on(const std::string& piece) {
    total_ += piece.size() + kPieceCost;
    if (total_ <= kTotalLimit) {
      on_piece_(piece, continues_);
    } else {
      lose(piece.size());
      loses_ = true;  // an empty line, too
    }
    continues_ = true;
  }
  void lose(std::size_t bytes) {
    lost_bytes_ += bytes;
    loses_ = loses_ || bytes > 0;
  }
  OnPiece on_piece_;
  std::string piece_;
  std::string held_;      // the piece before it, of a line beyond its limit
  std::size_t line_ = 0;  // bytes of the line before `piece_`
  bool continues_ = false;
  bool loses_ = false;  // of the line that is being read
  std::size_t total_ = 0;
  std::uint64_t lost_lines_ = 0;
  std::uint64_t lost_bytes_ = 0;
};

inline std::string LineSplitter::loss() const {
  if (lost_lines_ == 0) return {};
  const bool is_full = total_ > kTotalLimit;
  std::string text = "the target printed ";
  text += is_full
              ? "more than the " + std::to_string(kTotalLimit >> 20) + " MiB that lastcall reads: "
              : "lines longer than the " + std::to_string(kLineLimit >> 10) +
                    " KiB that lastcall reads of one: ";
  const auto tenths = (lost_bytes_ + 50'000) / 100'000;  // of 1 MB
  text += tenths == 0 ? std::to_string(lost_bytes_) + " bytes"
                      : std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MB";
  text += " (" + std::to_string(lost_lines_) + (lost_lines_ == 1 ? " line" : " lines") +
          ") were not searched; make it print ";
  return text + (is_full ? "less" : "shorter lines");
}

}  // namespace lastcall
