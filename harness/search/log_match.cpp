#include "search/log_match.hpp"

#include <algorithm>
#include <cctype>

#include "search/code_point.hpp"

namespace lastcall {
namespace {

constexpr int kLastLines = 8;
// Shorter names, such as "run", are words of any text.
constexpr std::size_t kShortestName = 5;
constexpr std::size_t kShortestMatch = 5;

std::string_view last_lines_of(std::string_view log) {
  auto begin = log.size();
  for (int i = 0; i <= kLastLines && begin != log.npos && begin > 0; ++i)
    begin = log.rfind('\n', begin - 1);
  return begin == log.npos ? log : log.substr(begin);
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool has_name(std::string_view log, std::string_view name) {
  for (auto at = log.find(name); at != log.npos; at = log.find(name, at + 1)) {
    const bool begins = at == 0 || !is_word(log[at - 1]);
    const auto after = at + name.size();
    if (begins && (after == log.size() || !is_word(log[after]))) return true;
  }
  return false;
}

// A text of a format string, as far as what is put into it: "lost %d events" -> "lost ".
std::string_view literal_part(std::string_view text) {
  return text.substr(0, std::min(text.find('%'), text.find('{')));
}

}  // namespace

std::set<std::string> functions_in_log(
    std::string_view log, const std::set<std::string>& functions,
    const std::map<std::string, std::vector<std::string>>& texts) {
  std::set<std::string> found;
  for (const auto& function : functions) {
    const auto name = short_function_name(function);
    if (name.size() >= kShortestName && has_name(log, name)) found.insert(function);
  }
  const auto end = last_lines_of(log);
  for (const auto& [function, all] : texts) {
    const bool is_there = std::ranges::any_of(all, [&](const std::string& text) {
      const auto part = literal_part(text);
      return part.size() >= kShortestMatch && end.find(part) != end.npos;
    });
    if (is_there) found.insert(function);
  }
  return found;
}

}  // namespace lastcall
