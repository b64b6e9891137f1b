// How a run ended, and whether that is a failure. Pure functions, from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lastcall {

struct RunEnd {
  enum class How : std::uint8_t {
    exited,
    signalled,
    hung,      // all its threads were blocked, and nothing that is seen would wake one
    too_long,  // than lastcall waits
  };
  How how = How::exited;
  int value = 0;  // exit code or signal
  friend bool operator==(const RunEnd&, const RunEnd&) = default;
};

// "exit code 3", "SIGSEGV", "hang", "no end".
std::string end_text(const RunEnd& end);

// The first line of the output that a sanitizer, a runtime or a test library ends a program with
// ("ERROR: AddressSanitizer: heap-use-after-free", "panic: send on closed channel"), without
// numbers that differ each time. Empty if there is none.
std::string last_words_in(std::string_view output);

// What a log ends with, by which a failure is known again: last_words_in(), or else its last line
// that a shell did not write, without numbers.
std::string signature_of(std::string_view output);

// What makes two failures the same one: how it ended and its last words. Empty: no failure.
// `usual`: ends, as end_text() has them, of runs that nothing disturbed; `right`: the exit code
// that is right, if it was stated.
std::string failure_of(const RunEnd& end, std::string_view output,
                       const std::vector<std::string>& usual, std::optional<int> right);

}  // namespace lastcall
