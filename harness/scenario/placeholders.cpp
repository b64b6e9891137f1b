#include "scenario/placeholders.hpp"

#include <endian.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/nearest_name.hpp"

namespace lastcall {
namespace {

const std::array<std::string, 16> kNames{"port",           "dir",
                                         "here",           "client",
                                         "seed",           "id",
                                         "file",           "tls.cert",
                                         "tls.key",        "tls.client-cert",
                                         "tls.client-key", "length",
                                         "length.be32",    "length.le32",
                                         "body",           "end"};

bool is_length_mark(std::string_view name) {
  return name == "length" || name == "length.be32" || name == "length.le32" || name == "body" ||
         name == "end";
}
bool is_length(std::string_view name) { return name.starts_with("length"); }

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

std::size_t word_length(std::string_view text) {
  if (text.empty() || !is_lower(text.front())) return 0;
  const auto end = std::ranges::find_if_not(
      text, [](char c) { return is_lower(c) || (c >= '0' && c <= '9') || c == '-' || c == '_'; });
  return static_cast<std::size_t>(end - text.begin());
}

// The name of the placeholder that begins with the brace at the front of `text`; empty if none
// does.
std::string_view placeholder_at(std::string_view text) {
  std::size_t end = 1 + word_length(text.substr(1));
  if (end == 1) return {};
  if (end < text.size() && text[end] == '.') {
    const std::size_t second = word_length(text.substr(end + 1));
    if (second == 0) return {};
    end += 1 + second;
  }
  return end < text.size() && text[end] == '}' ? text.substr(1, end - 1) : std::string_view();
}

}  // namespace

std::vector<std::string> placeholders_in(std::string_view text) {
  std::vector<std::string> names;
  for (auto at = text.find('{'); at != std::string_view::npos; at = text.find('{', at + 1)) {
    const auto name = placeholder_at(text.substr(at));
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

bool is_known_placeholder(std::string_view name) {
  return name.starts_with("port.") || name.starts_with("vary.") || name.starts_with("sidecar.") ||
         std::ranges::find(kNames, name) != kNames.end();
}

std::string expand_placeholders(std::string_view text, const Placeholders& values) {
  std::string result;
  while (!text.empty()) {
    const auto plain = std::min(text.find('{'), text.size());
    result += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto name = placeholder_at(text);
    const auto value = values.find(name);
    const std::size_t length = name.empty() ? 1 : name.size() + 2;
    result += value == values.end() ? text.substr(0, length) : value->second;
    text.remove_prefix(length);
  }
  return result;
}

std::vector<std::string> length_marks_in(std::string_view text) {
  auto names = placeholders_in(text);
  std::erase_if(names, [](const std::string& name) { return !is_length_mark(name); });
  return names;
}

namespace {

// A text cut at its length marks: each part is what follows a mark, the first what precedes all.
struct MarkedPart {
  std::string mark;
  std::string text;  // after the mark; of a length that is filled in, the length itself first
};

std::vector<MarkedPart> cut_at_marks(std::string_view text) {
  std::vector<MarkedPart> parts(1);
  while (!text.empty()) {
    const auto mark = text.front() == '{' ? placeholder_at(text) : std::string_view();
    if (is_length_mark(mark)) {
      parts.push_back({std::string(mark), ""});
      text.remove_prefix(mark.size() + 2);
      continue;
    }
    const auto plain = std::min(text.find('{', 1), text.size());
    parts.back().text += text.substr(0, plain);
    text.remove_prefix(plain);
  }
  return parts;
}

std::string as_bytes(std::uint32_t number, bool most_significant_first) {
  number = most_significant_first ? htobe32(number) : htole32(number);
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

// Where the first blank line after the beginning of `text` ends; nothing if there is none.
std::size_t end_of_blank_line(std::string_view text) {
  const auto crlf = text.find("\r\n\r\n");
  const auto lf = text.find("\n\n");
  if (crlf == text.npos && lf == text.npos) return text.npos;
  return crlf < lf ? crlf + 4 : lf + 2;
}

// What the length that stands before parts[i] counts; those behind it are filled in already.
std::size_t bytes_after(const std::vector<MarkedPart>& parts, std::size_t i) {
  std::string counted;
  bool has_body = false;
  for (auto part = i; part < parts.size(); ++part) {
    if (part > i && parts[part].mark == "end") break;
    if (part > i && parts[part].mark == "body" && !has_body) {
      has_body = true;
      counted.clear();
    }
    counted += parts[part].text;
  }
  if (has_body) return counted.size();
  const auto blank = end_of_blank_line(counted);
  return blank == std::string::npos ? counted.size() : counted.size() - blank;
}

}  // namespace

std::string fill_lengths(std::string_view text) {
  auto parts = cut_at_marks(text);
  // From the last one on: a length may count another one that follows it.
  for (auto i = parts.size(); i-- > 0;) {
    if (!is_length(parts[i].mark)) continue;
    const auto count = bytes_after(parts, i);
    const auto& mark = parts[i].mark;
    const auto filled = mark == "length"
                            ? std::to_string(count)
                            : as_bytes(static_cast<std::uint32_t>(count), mark == "length.be32");
    parts[i].text.insert(0, filled);
  }
  std::string filled;
  for (const auto& part : parts) filled += part.text;
  return filled;
}

std::string length_problem(std::string_view text) {
  bool open = false;  // a length, or its {body}, waits for what it counts
  for (const auto& mark : length_marks_in(text)) {
    if (!is_length(mark) && !open) return "{" + mark + "} goes with a {length} before it";
    open = mark != "end";
  }
  return {};
}

std::string placeholder_problem(std::string_view text) {
  for (const auto& name : placeholders_in(text)) {
    if (is_known_placeholder(name)) continue;
    const auto near = nearest_name(name, kNames);
    return "unknown placeholder {" + name + "}" + (near ? "; did you mean {" + *near + "}?" : "");
  }
  return {};
}

}  // namespace lastcall
