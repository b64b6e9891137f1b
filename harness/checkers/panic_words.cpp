// Anchored wherever the runtime writes at the beginning of a line: "abort", "Terminate" and "error"
// are words of perfectly normal stops. By hand instead of std::regex, whose recursion is as deep as
// a line is long.
#include "checkers/panic_words.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace lastcall {
namespace {

struct Words {
  std::string_view words;
  std::string_view meaning;
};

constexpr std::array kAtLineStart{
    Words{"panic: ", "a Go panic"},
    Words{"terminate called ", "std::terminate"},
    Words{"libc++abi: terminating", "std::terminate"},
    Words{"*** stack smashing detected ***", "a smashed stack"},
    Words{"*** buffer overflow detected ***", "a buffer overflow"},
    Words{"free(): ", "heap corruption"},
    Words{"malloc(): ", "heap corruption"},
    Words{"realloc(): ", "heap corruption"},
    Words{"malloc_consolidate(): ", "heap corruption"},
    Words{"munmap_chunk(): ", "heap corruption"},
    Words{"double free or corruption", "heap corruption"},
    Words{"corrupted size vs. prev_size", "heap corruption"},
    Words{"corrupted double-linked list", "heap corruption"},
    Words{"WARNING: ThreadSanitizer", "a sanitizer report"},
    Words{"SUMMARY: AddressSanitizer", "a sanitizer report"},
    Words{"Uncaught ", "an uncaught JavaScript exception"},
    Words{"Traceback (most recent call last):", "a Python traceback"},
    Words{"Exception in thread \"", "an uncaught Java exception"},
    Words{"# A fatal error has been detected by the Java Runtime Environment", "a JVM crash"},
    Words{"Unhandled exception. ", "an unhandled .NET exception"},
};

constexpr std::array kAnywhere{
    Words{"http: panic serving ", "a recovered Go panic"},
    Words{"std::terminate()", "std::terminate"},
    Words{"Segmentation fault", "a segmentation fault"},
    Words{"triggerUncaughtException(", "an uncaught JavaScript exception"},
    Words{"UnhandledPromiseRejection", "an unhandled promise rejection"},
};

bool contains(std::string_view line, std::string_view words) {
  return line.find(words) != std::string_view::npos;
}

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// Takes ":digits" off the end.
bool drop_number(std::string_view& text) {
  const auto digits = text.find_last_not_of("0123456789");
  if (digits == std::string_view::npos || digits + 1 == text.size() || text[digits] != ':')
    return false;
  text = text.substr(0, digits);
  return true;
}

// "file:line:column: runtime error: "
bool is_undefined_behaviour(std::string_view line) {
  const auto words = line.find(": runtime error: ");
  if (words == std::string_view::npos) return false;
  std::string_view place = line.substr(0, words);
  return drop_number(place) && drop_number(place) && !place.empty();
}

// "==123==ERROR: AddressSanitizer: …"
bool is_sanitizer_report(std::string_view line) {
  if (!line.starts_with("==")) return false;
  const auto digits = line.find_first_not_of("0123456789", 2);
  return digits != std::string_view::npos && digits > 2 &&
         line.substr(digits).starts_with("==ERROR: ") && contains(line, "Sanitizer: ");
}

bool is_failed_assertion(std::string_view line) {
  return (contains(line, "Assertion `") || contains(line, "Assertion '")) &&
         contains(line, "' failed");
}

// Node says where it threw ("node:internal/…:123"), and after an uncaught exception's trace its
// version.
bool is_node_throw(std::span<const std::string_view> lines, std::size_t i) {
  std::string_view line = lines[i];
  if (line.starts_with("node:internal/")) return drop_number(line) && !contains(line, " ");
  if (!line.starts_with("Node.js v") || line.size() < 10 || !is_digit(line[9])) return false;
  const auto earlier = lines.subspan(i < 3 ? 0 : i - 3, std::min<std::size_t>(i, 3));
  return std::ranges::any_of(earlier, [](auto l) { return l.starts_with("    at "); });
}

// "fatal error: …" is also how compilers and many others complain: Go's is followed by its
// goroutines.
bool is_go_fatal_error(std::span<const std::string_view> lines, std::size_t i) {
  constexpr std::size_t kTraceWithin = 12;  // the runtime's own stack may come first
  if (!lines[i].starts_with("fatal error: ")) return false;
  const auto later = lines.subspan(i, std::min(kTraceWithin, lines.size() - i));
  return std::ranges::any_of(later, [](auto l) { return l.starts_with("goroutine "); });
}

}  // namespace

std::string_view panic_in(std::span<const std::string_view> lines, std::size_t i) {
  std::string_view line = lines[i];
  for (const auto& known : kAtLineStart) {
    if (line.starts_with(known.words)) return known.meaning;
  }
  for (const auto& known : kAnywhere) {
    if (contains(line, known.words)) return known.meaning;
  }
  if (line.starts_with("thread '") && contains(line, " panicked at ")) return "a Rust panic";
  if (is_sanitizer_report(line)) return "a sanitizer report";
  if (is_undefined_behaviour(line)) return "undefined behaviour";
  if (is_failed_assertion(line)) return "a failed assertion";
  if (is_node_throw(lines, i)) return "an uncaught JavaScript exception";
  if (is_go_fatal_error(lines, i)) return "a Go fatal error";
  return "";
}

}  // namespace lastcall
