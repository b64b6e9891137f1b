#include "tracer/ptrace/mappings.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

namespace lastcall {
namespace {

// "7f00-7f10 r-xp 00001000 fd:01 4711   /a b". Nothing if it reads otherwise.
std::optional<Mapping> parse_mapping(std::string_view line) {
  Mapping mapping;
  const auto* at = line.data();
  const auto* end = at + line.size();
  const auto number = [&](auto& value, int base, std::size_t skipped) {
    const auto [next, problem] = std::from_chars(at, end, value, base);
    if (problem != std::errc() || static_cast<std::size_t>(end - next) < skipped) return false;
    at = next + skipped;
    return true;
  };
  if (!number(mapping.begin, 16, 1) || !number(mapping.end, 16, 1) || end - at < 5)
    return std::nullopt;
  mapping.executable = at[2] == 'x';
  at += 5;
  if (!number(mapping.offset, 16, 1)) return std::nullopt;
  const auto* device_end = std::find(at, end, ' ');
  mapping.device.assign(at, device_end);
  if (device_end == end) return std::nullopt;
  at = device_end + 1;
  if (!number(mapping.inode, 10, 0)) return std::nullopt;
  mapping.path.assign(std::find_if(at, end, [](char c) { return c != ' '; }), end);
  return mapping;
}

}  // namespace

std::vector<Mapping> parse_mappings(std::string_view text) {
  std::vector<Mapping> mappings;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    if (auto mapping = parse_mapping(line)) mappings.push_back(std::move(*mapping));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return mappings;
}

}  // namespace lastcall
