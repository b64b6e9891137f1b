// What a target wrote, as the lines that its runtime wrote: the pieces of a long line joined, and
// without what others put around it.
//
// Taken off are colours, what a carriage return overwrites unless it announces a panic, progress
// dots, words of progress ("draining... ") before what announces one, the "name | " of a
// container's or process manager's log, and a logger's prefix where it stands before every line of
// a trace. A JSON string that holds several lines ("…\n  File …") becomes those lines. Python's
// tracebacks of several threads that came mixed are parted. Owned by a checker; not for several
// threads.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "history/history.hpp"

namespace lastcall {

class OutputLines {
 public:
  // In the order of the history. The text must live as long as this does.
  void add(EventIndex event, std::string_view piece, bool continues);
  // Once, after the last add().
  void arrange();

  [[nodiscard]] std::span<const std::string_view> texts() const { return texts_; }
  // The event that has the beginning of line `i`.
  [[nodiscard]] EventIndex event(std::size_t i) const;
  // The whole line as the target wrote it.
  [[nodiscard]] std::string_view written(std::size_t i) const;
  [[nodiscard]] std::size_t written_lines() const { return written_.size(); }

 private:
  struct Piece {
    EventIndex event;
    std::size_t begin;  // in its line
  };
  struct Written {
    std::string_view text;
    std::size_t first_piece;
  };
  void put(std::string_view text, std::size_t line, std::size_t begin);
  void put_strings_of_json(std::string_view text, std::size_t line);
  void drop_shared_prefixes();
  void drop_words_of_progress();
  void part_mixed_tracebacks();
  void rearrange(std::size_t begin, const std::vector<std::size_t>& order);

  std::deque<std::string> owned_;
  std::vector<Written> written_;
  std::vector<Piece> pieces_;
  bool last_is_owned_ = false;
  std::vector<std::string_view> texts_;
  std::vector<std::size_t> line_of_;   // of each text: in written_
  std::vector<std::size_t> begin_of_;  // of each text: where in that line
};

// What the target wrote before event `until`; standard output and error apart, because lines of
// one may come between those of the other. The history must live as long.
std::map<Stream, OutputLines> output_of(const History& history, EventIndex until);

}  // namespace lastcall
