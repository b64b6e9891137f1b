#include "tracer/symbols/go_functions.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

namespace lastcall {
namespace {

constexpr std::uint32_t kGo118 = 0xfffffff0;
constexpr std::uint32_t kGo120 = 0xfffffff1;

// pcHeader, from 8 bytes after its magic on.
struct Header {
  std::uint64_t functions = 0;
  std::uint64_t files = 0;
  std::uint64_t text = 0;
  std::uint64_t names_at = 0;
  std::uint64_t units_at = 0;
  std::uint64_t files_at = 0;
  std::uint64_t counters_at = 0;
  std::uint64_t functions_at = 0;
};

template <class T>
std::optional<T> get(std::string_view table, std::uint64_t at) {
  T value;
  if (at > table.size() || table.size() - at < sizeof value) return std::nullopt;
  std::memcpy(&value, table.data() + at, sizeof value);
  return value;
}

// An entry of functab: where a function begins, from the beginning of code on, and where the rest
// about it is, from functab on.
struct Entry {
  std::uint32_t begin = 0;
  std::uint32_t rest_at = 0;
};

std::string name_of(std::string_view table, const Header& header, const Entry& entry) {
  const auto name = get<std::uint32_t>(table, header.functions_at + entry.rest_at + 4);
  if (!name || header.names_at > table.size() || *name >= table.size() - header.names_at) return {};
  const auto text = table.substr(header.names_at + *name);
  return std::string(text.substr(0, text.find('\0')));
}

std::optional<Function> function_at(std::string_view table, const Header& header,
                                    std::uint64_t offset) {
  std::uint64_t low = 0;
  std::uint64_t high = header.functions;  // one entry more says where the last one ends
  const auto entry = [&](std::uint64_t i) {
    return get<Entry>(table, header.functions_at + i * sizeof(Entry));
  };
  const auto end = entry(high);
  if (!end || offset >= end->begin) return std::nullopt;
  while (high - low > 1) {
    const auto middle = low + (high - low) / 2;
    const auto one = entry(middle);
    if (!one) return std::nullopt;
    (offset < one->begin ? high : low) = middle;
  }
  const auto found = entry(low);
  if (!found || offset < found->begin) return std::nullopt;
  return Function{found->begin, name_of(table, header, *found)};
}

// Nothing if it makes no sense.
std::optional<Header> header_of(std::string_view table, std::uint64_t text) {
  const auto magic = get<std::uint32_t>(table, 0);
  const auto pointer_size = get<std::uint8_t>(table, 7);
  auto header = get<Header>(table, 8);
  if (!header || (*magic != kGo118 && *magic != kGo120) || *pointer_size != 8) return std::nullopt;
  if (header->functions == 0 || header->functions > table.size()) return std::nullopt;
  if (header->text == 0) header->text = text;
  if (header->text == 0) return std::nullopt;
  return header;
}

}  // namespace

std::map<std::uint64_t, Function> go_functions_at(std::string_view table, std::uint64_t text,
                                                  std::span<const std::uint64_t> addresses) {
  const auto header = header_of(table, text);
  if (!header) return {};
  std::map<std::uint64_t, Function> functions;
  for (const auto address : addresses) {
    if (address < header->text) continue;
    auto function = function_at(table, *header, address - header->text);
    if (!function || function->name.empty()) continue;
    function->start += header->text;
    functions.emplace(address, std::move(*function));
  }
  return functions;
}

std::map<std::size_t, std::uint64_t> go_functions_named(std::string_view table, std::uint64_t text,
                                                        std::span<const std::string_view> names) {
  std::map<std::size_t, std::uint64_t> found;
  const auto header = header_of(table, text);
  if (!header) return found;
  for (std::uint64_t i = 0; i < header->functions; ++i) {
    const auto entry = get<Entry>(table, header->functions_at + i * sizeof(Entry));
    if (!entry) break;
    const auto name = std::ranges::find(names, name_of(table, *header, *entry));
    if (name != names.end())
      found.emplace(static_cast<std::size_t>(name - names.begin()), header->text + entry->begin);
  }
  return found;
}

}  // namespace lastcall
