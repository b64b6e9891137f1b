#include "search/failure.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/signal_names.hpp"

namespace lastcall {
namespace {

constexpr std::array<std::string_view, 10> kLastWords{
    "ERROR: AddressSanitizer", "WARNING: ThreadSanitizer",
    "ERROR: ThreadSanitizer",  "WARNING: MemorySanitizer",
    ": runtime error: ",       "panic: ",
    "fatal error: ",           "terminate called",
    "WARNING: DATA RACE",      "Assertion `",
};
constexpr std::array<std::string_view, 4> kTestFailures{"[  FAILED  ]",
                                                        "--- FAIL: ", "panicked at ", "Failure"};

// What a shell says of a program that a signal ended.
constexpr std::array<std::string_view, 5> kShellWords{"core dumped", "Segmentation fault",
                                                      "Aborted", "Killed", "Terminated"};

// "==4711==ERROR: x at pc 0x12" -> "ERROR: x at pc N".
std::string without_numbers(std::string_view line) {
  std::string text;
  for (std::size_t at = 0; at < line.size() && text.size() < 120;) {
    if (std::isdigit(static_cast<unsigned char>(line[at])) == 0) {
      text += line[at++];
      continue;
    }
    while (at < line.size() && std::isalnum(static_cast<unsigned char>(line[at])) != 0) ++at;
    text += 'N';
  }
  return text;
}

std::string line_with(std::string_view output, std::string_view words) {
  const auto at = output.find(words);
  if (at == output.npos) return {};
  const auto begin = output.rfind('\n', at) == output.npos ? 0 : output.rfind('\n', at) + 1;
  const auto from = std::max(begin, at > 40 ? at - 40 : 0);
  return without_numbers(output.substr(from, output.find('\n', at) - from));
}

bool is_sanitizer_report(std::string_view words) {
  return words.find("Sanitizer") != words.npos || words.find("runtime error") != words.npos ||
         words.find("DATA RACE") != words.npos;
}

}  // namespace

std::string end_text(const RunEnd& end) {
  switch (end.how) {
    case RunEnd::How::exited:
      return "exit code " + std::to_string(end.value);
    case RunEnd::How::signalled:
      return signal_name(end.value);
    case RunEnd::How::hung:
      return "hang";
    case RunEnd::How::too_long:
      return "no end";
  }
  return {};
}

std::string last_words_in(std::string_view output) {
  for (const auto words : kLastWords) {
    if (auto line = line_with(output, words); !line.empty()) return line;
  }
  for (const auto words : kTestFailures) {
    if (auto line = line_with(output, words); !line.empty()) return line;
  }
  return {};
}

std::string signature_of(std::string_view output) {
  if (auto words = last_words_in(output); !words.empty()) return words;
  while (!output.empty()) {
    while (output.ends_with('\n')) output.remove_suffix(1);
    const auto begin = output.rfind('\n') == output.npos ? 0 : output.rfind('\n') + 1;
    const auto line = output.substr(begin);
    const bool is_of_shell = std::ranges::any_of(
        kShellWords, [&](std::string_view words) { return line.find(words) != line.npos; });
    if (!line.empty() && !is_of_shell) return without_numbers(line);
    output = output.substr(0, begin);
  }
  return {};
}

std::string failure_of(const RunEnd& end, std::string_view output,
                       const std::vector<std::string>& usual, std::optional<int> right) {
  const auto how = end_text(end);
  const auto words = last_words_in(output);
  const bool is_right = end.how == RunEnd::How::exited && right
                            ? end.value == *right
                            : std::ranges::count(usual, how) > 0;
  if (is_right && !is_sanitizer_report(words)) return {};
  return words.empty() || end.how == RunEnd::How::hung ? how : how + ": " + words;
}

}  // namespace lastcall
