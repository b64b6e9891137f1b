#include "scenario/placeholders.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace lastcall {
namespace {

const std::array<std::string, 11> kNames{
    "port", "dir",      "here",    "client",          "seed",          "id",
    "file", "tls.cert", "tls.key", "tls.client-cert", "tls.client-key"};

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
  return name.starts_with("port.") || name.starts_with("vary.") ||
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

std::string placeholder_problem(std::string_view text) {
  for (const auto& name : placeholders_in(text)) {
    if (is_known_placeholder(name)) continue;
    const auto near = nearest_name(name, kNames);
    return "unknown placeholder {" + name + "}" + (near ? "; did you mean {" + *near + "}?" : "");
  }
  return {};
}

}  // namespace lastcall
