#include "checkers/output_lines.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "checkers/line_text.hpp"
#include "checkers/panic_patterns.hpp"

namespace lastcall {
namespace {

using Lines = std::span<const std::string_view>;

// ECMA-48 control sequences: ESC [ parameters letter.
std::string without_colours(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b' && i + 1 < text.size() && text[i + 1] == '[') {
      i += 2;
      while (i < text.size() && std::isalpha(static_cast<unsigned char>(text[i])) == 0) ++i;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// What a terminal would still show, without a run of progress marks at its beginning. A panic's
// words may hold a carriage return themselves: what they overwrite is not taken off.
std::string_view without_progress(std::string_view text) {
  constexpr std::size_t kShortestRun = 8;  // "*** stack smashing", "==77==ERROR" are no progress
  while (text.ends_with('\r')) text.remove_suffix(1);
  for (auto back = text.find('\r'); back != std::string_view::npos; back = text.find('\r')) {
    const std::array shown{text.substr(0, back)};
    if (!panic_in(shown, 0).empty()) break;
    text.remove_prefix(back + 1);
  }
  if (text.empty()) return text;
  const char mark = text.front();
  if (std::string_view(".#=*-+>").find(mark) == std::string_view::npos) return text;
  const auto run = text.find_first_not_of(mark);
  if (run == std::string_view::npos || (mark != '.' && run < kShortestRun)) return text;
  const auto begin = text.find_first_not_of(' ', run);
  return begin == std::string_view::npos || begin > run + 1 ? text : text.substr(begin);
}

// Where words of progress end from `from` on: "draining...", "saving…", "45 %", "33.1it/s]"; npos
// if there are none.
std::size_t end_of_progress(std::string_view text, std::size_t from) {
  for (auto i = from; i < text.size(); ++i) {
    const auto rest = text.substr(i);
    if (rest.starts_with("..")) return std::min(text.find_first_not_of('.', i), text.size());
    for (const std::string_view end : {"\u2026", "%", "it/s]"}) {
      if (rest.starts_with(end)) return i + end.size();
    }
  }
  return std::string_view::npos;
}

// "web_1  | panic: x"; not "INFO | panic: off".
std::string_view without_container(std::string_view text) {
  constexpr std::size_t kLongestName = 64;
  const auto bar = text.find('|');
  if (bar == std::string_view::npos || bar == 0 || bar > kLongestName) return text;
  const auto name = text.substr(0, text.find(' '));
  const auto is_name = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
  };
  if (name.empty() || name.size() >= bar || !std::ranges::all_of(name, is_name)) return text;
  std::string level(name);
  std::ranges::transform(level, level.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const std::string_view word :
       {"trace", "debug", "info", "notice", "warn", "warning", "error", "critical", "fatal"}) {
    if (level == word) return text;
  }
  if (text.substr(name.size(), bar - name.size()).find_first_not_of(' ') != std::string_view::npos)
    return text;
  text.remove_prefix(bar + 1);
  if (text.empty()) return text;
  return text.front() == ' ' ? text.substr(1) : text;
}

// A line of source that a runtime shows: "    sock.send(b\"a\\n\")", or with a caret below it.
bool is_source(std::string_view line, std::string_view next) {
  const auto begin = line.find_first_not_of(" \t");
  const bool is_indented = begin != 0 && begin != std::string_view::npos;
  if (is_indented && line[begin] != '"' && line[begin] != '{') return true;
  return contains(next, "^") && next.find_first_not_of(" \t^~") == std::string_view::npos;
}

// "asyncio.exceptions.IncompleteReadError: 0 bytes read", with which a traceback ends.
bool ends_traceback(std::string_view line) {
  const auto type = line.substr(0, line.find(": "));
  const bool is_type = std::ranges::all_of(
      type, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; });
  return is_type &&
         std::ranges::any_of(
             std::array<std::string_view, 5>{"Error", "Exception", "Warning", "Interrupt", "Exit"},
             [type](auto end) { return type.ends_with(end); });
}

// As the threads of the library do.
bool introduces_thread(std::string_view line) {
  return begins_with_any(line,
                         {"Exception in thread ", "Exception occurred during processing of "});
}

// The first `size` characters are alike, but for digits; a shorter line has lost its blank end.
bool has_prefix(std::string_view line, std::string_view prefix) {
  if (line.size() < prefix.size()) {
    while (prefix.ends_with(' ')) prefix.remove_suffix(1);
    if (line.size() != prefix.size()) return false;
  }
  for (std::size_t i = 0; i < prefix.size(); ++i) {
    const bool both_digits = is_digit(line[i]) && is_digit(prefix[i]);
    if (line[i] != prefix[i] && !both_digits) return false;
  }
  return true;
}

std::string_view without_prefix(std::string_view line, std::size_t size) {
  return line.substr(std::min(size, line.size()));
}

// "==7==ERROR: AddressSanitizer: "
std::size_t sanitizer_begins(std::string_view line) {
  auto at = std::min(line.find("==ERROR: "), line.find("==WARNING: "));
  if (at == std::string_view::npos || !contains(line.substr(at), "Sanitizer: ")) return 0;
  while (at > 0 && is_digit(line[at - 1])) --at;
  return at >= 2 && line.substr(at - 2, 2) == "==" ? at - 2 : 0;
}

// "/srv/app.js:6"; the source and a caret follow, behind the same.
std::size_t node_place_begins(Lines lines, std::size_t i) {
  const auto at = lines[i].rfind(' ') + 1;  // 0 if there is none
  const auto prefix = lines[i].substr(0, at);
  if (at == 0 || i + 2 >= lines.size() || !has_prefix(lines[i + 2], prefix)) return 0;
  const std::array place{lines[i].substr(at), without_prefix(lines[i + 1], at),
                         without_prefix(lines[i + 2], at)};
  return !place[0].empty() && is_node_place(place, 0) ? at : 0;
}

bool has_dotnet_frames(Lines lines, std::size_t i, std::size_t prefix) {
  constexpr std::size_t kWithin = 6;
  return std::ranges::any_of(lines.subspan(i, std::min(kWithin, lines.size() - i)), [&](auto line) {
    return without_prefix(line, prefix).starts_with("   at ");
  });
}

// Where in line `i` what only a runtime writes begins, if it does behind something. A shorter
// "terminate called " or "panic: " may be a log's own words.
std::size_t trace_begins(Lines lines, std::size_t i) {
  constexpr std::string_view kWords[] = {
      "Traceback (most recent call last):",
      "Exception in thread \"",
      "thread '",
      "WARNING: DATA RACE",
      "Fatal Python error: ",
      "# A fatal error has been detected by the Java Runtime Environment",
      "Unhandled exception. ",
      "terminate called after throwing an instance of '",
      "terminate called without an active exception",
      "pure virtual method called",
      "*** stack smashing detected ***",
      "*** buffer overflow detected ***",
      "Fatal glibc error: ",
      "free(): invalid ",
      "free(): double free detected ",
      "malloc(): invalid ",
      "malloc(): corrupted ",
      "malloc(): unaligned ",
      "realloc(): invalid ",
      "munmap_chunk(): invalid ",
      "double free or corruption (",
      "corrupted size vs. prev_size",
      "corrupted double-linked list",
      "WARNING: ThreadSanitizer: "};
  const auto line = lines[i];
  for (const auto words : kWords) {
    const auto at = line.find(words);
    if (at == std::string_view::npos) continue;
    if (words == "thread '" && !contains(line.substr(at), " panicked at ")) continue;
    if (words == "Unhandled exception. " && !has_dotnet_frames(lines, i, at)) continue;
    return at;
  }
  if (const auto at = sanitizer_begins(line); at > 0) return at;
  if (const auto at = node_place_begins(lines, i); at > 0) return at;
  const auto at = line.find("goroutine ");
  if (at == std::string_view::npos || !line.ends_with("]:")) return 0;
  const auto number = line.substr(at + 10);
  return !number.empty() && is_digit(number.front()) && contains(number, " [") ? at : 0;
}

}  // namespace

void OutputLines::add(EventIndex event, std::string_view piece, bool continues) {
  if (!continues || written_.empty()) {
    pieces_.push_back({event, 0});
    written_.push_back({piece, pieces_.size() - 1});
    last_is_owned_ = false;
    return;
  }
  auto& line = written_.back();
  if (!last_is_owned_) owned_.emplace_back(line.text);
  last_is_owned_ = true;
  pieces_.push_back({event, line.text.size()});
  owned_.back() += piece;
  line.text = owned_.back();
}

void OutputLines::put(std::string_view text, std::size_t line, std::size_t begin) {
  texts_.push_back(text);
  line_of_.push_back(line);
  begin_of_.push_back(begin);
}

// The strings of several lines as lines, and before them the line without those strings.
void OutputLines::put_strings_of_json(std::string_view text, std::size_t line) {
  struct Found {
    std::string text;
    std::size_t begin;
  };
  std::vector<Found> found;
  std::string outside;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '"') {
      outside += text[i];
      continue;
    }
    std::vector<Found> lines{{"", i}};
    std::size_t j = i + 1;
    for (; j < text.size() && text[j] != '"'; ++j) {
      if (text[j] != '\\' || j + 1 == text.size()) {
        lines.back().text += text[j];
        continue;
      }
      const char escaped = text[++j];
      if (escaped == 'n') {
        lines.push_back({"", j});
      } else if (escaped == 't') {
        lines.back().text += '\t';
      } else if (escaped == 'r') {
        continue;
      } else {
        if (escaped == 'u') lines.back().text += '\\';
        lines.back().text += escaped;
      }
    }
    if (lines.size() == 1) {
      outside += text.substr(i, j + 1 - i);
    } else {
      outside += "\"\"";
      for (auto& one : lines) found.push_back(std::move(one));
    }
    i = j;
  }
  if (found.empty()) return put(text, line, 0);
  owned_.push_back(std::move(outside));
  put(owned_.back(), line, 0);
  for (auto& one : found) {
    owned_.push_back(std::move(one.text));
    put(owned_.back(), line, one.begin);
  }
  put("", line, text.size());  // what follows is not of the same trace
}

void OutputLines::arrange() {
  for (std::size_t i = 0; i < written_.size(); ++i) {
    auto text = written_[i].text;
    if (contains(text, "\x1b[")) {
      owned_.push_back(without_colours(text));
      text = owned_.back();
    }
    text = without_container(without_progress(text));
    const auto next = i + 1 < written_.size() ? written_[i + 1].text : std::string_view();
    if (contains(text, "\\n") && contains(text, "\"") && !is_source(text, next)) {
      put_strings_of_json(text, i);
    } else {
      put(text, i, written_[i].text.size() - std::min(text.size(), written_[i].text.size()));
    }
  }
  drop_shared_prefixes();
  drop_words_of_progress();
  part_mixed_tracebacks();
}

// Python writes a traceback line by line, so that those of several threads come mixed. Nobody knows
// whose the frames are: the first gets all of them.
void OutputLines::part_mixed_tracebacks() {
  constexpr std::size_t kWithin = 1'000;  // lines
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    if (!texts_[i].starts_with(kTracebackBegin)) continue;
    std::vector<std::size_t> headers{i}, introductions, frames, messages, others;
    std::size_t end = i + 1;
    for (const auto limit = std::min(texts_.size(), i + kWithin);
         end < limit && messages.size() < headers.size(); ++end) {
      const auto line = texts_[end];
      auto& kind = line.starts_with(kTracebackBegin) ? headers
                   : line.starts_with(" ")           ? frames
                   : introduces_thread(line)         ? introductions
                   : ends_traceback(line)            ? messages
                                                     : others;
      kind.push_back(end);
    }
    if (headers.size() == 1 || messages.size() < headers.size()) continue;
    auto begin = i;
    for (; begin > 0; --begin) {
      const auto before = texts_[begin - 1];
      const bool is_rule = !before.empty() && before.find_first_not_of('-') == before.npos;
      if (!is_rule && !introduces_thread(before)) break;
      auto& kind = is_rule ? others : introductions;
      kind.insert(kind.begin(), begin - 1);
    }
    std::vector<std::size_t> order;
    for (std::size_t n = 0; n < headers.size(); ++n) {
      if (n < introductions.size()) order.push_back(introductions[n]);
      order.push_back(headers[n]);
      if (n == 0) order.insert(order.end(), frames.begin(), frames.end());
      order.push_back(messages[n]);
    }
    for (std::size_t n = headers.size(); n < introductions.size(); ++n)
      order.push_back(introductions[n]);
    order.insert(order.end(), others.begin(), others.end());
    rearrange(begin, order);
    i = end - 1;
  }
}

// Puts the lines with these numbers where those from `begin` on are.
void OutputLines::rearrange(std::size_t begin, const std::vector<std::size_t>& order) {
  const auto put_in_order = [&](auto& all) {
    auto moved = all;
    for (std::size_t n = 0; n < order.size(); ++n) moved[begin + n] = all[order[n]];
    all = std::move(moved);
  };
  put_in_order(texts_);
  put_in_order(line_of_);
  put_in_order(begin_of_);
}

// Words that say what is going on have no end of line until it is done. A bar may follow them.
void OutputLines::drop_words_of_progress() {
  constexpr int kTries = 8;  // "1... 2... 3... panic: boom"
  constexpr std::string_view kBar = " #=*-+>|";
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const auto text = texts_[i];
    if (!contains_any(text, {"..", "\u2026", "%", "it/s]"}) || !panic_in(texts_, i).empty())
      continue;
    auto end = end_of_progress(text, 0);
    for (int tries = 0; tries < kTries && end < text.size(); ++tries) {
      for (const auto between : {std::string_view(" "), kBar}) {
        texts_[i] = text.substr(std::min(text.find_first_not_of(between, end), text.size()));
        if (!panic_in(texts_, i).empty()) break;
        texts_[i] = text;
      }
      if (texts_[i].size() < text.size()) break;
      end = end_of_progress(text, end);
    }
    begin_of_[i] += text.size() - texts_[i].size();
  }
}

// A line alone with a prefix is no proof that each has it: the next must, too.
void OutputLines::drop_shared_prefixes() {
  constexpr std::size_t kLongest = 200;
  constexpr std::size_t kBefore = 12;  // a Go panic's words come before its stacks
  constexpr std::size_t kAfter = 500;
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const auto size = trace_begins(texts_, i);
    if (size == 0 || size > kLongest) continue;
    const auto prefix = texts_[i].substr(0, size);
    if (prefix.find_first_not_of(" \t|+") == std::string_view::npos) continue;  // of a group
    if (i + 1 == texts_.size() || !has_prefix(texts_[i + 1], prefix)) continue;
    std::size_t first = i;
    while (first > 0 && first + kBefore > i && has_prefix(texts_[first - 1], prefix)) --first;
    const auto end = std::min(texts_.size(), i + kAfter);
    for (std::size_t j = first; j < end && has_prefix(texts_[j], prefix); ++j) {
      texts_[j] = without_prefix(texts_[j], size);
    }
  }
}

EventIndex OutputLines::event(std::size_t i) const {
  const auto& line = written_[line_of_[i]];
  auto piece = line.first_piece;
  const auto end =
      line_of_[i] + 1 < written_.size() ? written_[line_of_[i] + 1].first_piece : pieces_.size();
  while (piece + 1 < end && pieces_[piece + 1].begin <= begin_of_[i]) ++piece;
  return pieces_[piece].event;
}

std::map<Stream, OutputLines> output_of(const History& history, EventIndex until) {
  std::map<Stream, OutputLines> output;
  for (const auto& [i, line] : history.all<TargetOutput>()) {
    if (i < until) output[line->stream].add(i, line->line, line->continues);
  }
  for (auto& [stream, lines] : output) lines.arrange();
  return output;
}

std::string_view OutputLines::written(std::size_t i) const { return written_[line_of_[i]].text; }

}  // namespace lastcall
