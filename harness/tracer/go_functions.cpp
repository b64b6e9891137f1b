#include "tracer/go_functions.hpp"

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
  const auto name = get<std::uint32_t>(table, header.functions_at + found->rest_at + 4);
  if (!name || header.names_at > table.size() || *name >= table.size() - header.names_at)
    return std::nullopt;
  const auto text = table.substr(header.names_at + *name);
  return Function{found->begin, std::string(text.substr(0, text.find('\0')))};
}

}  // namespace

std::map<std::uint64_t, Function> go_functions_at(std::string_view table, std::uint64_t text,
                                                  std::span<const std::uint64_t> addresses) {
  const auto magic = get<std::uint32_t>(table, 0);
  const auto pointer_size = get<std::uint8_t>(table, 7);
  auto header = get<Header>(table, 8);
  if (!header || (*magic != kGo118 && *magic != kGo120) || *pointer_size != 8) return {};
  if (header->functions == 0 || header->functions > table.size()) return {};
  if (header->text == 0) header->text = text;
  std::map<std::uint64_t, Function> functions;
  for (const auto address : addresses) {
    if (address < header->text) continue;
    auto function = function_at(table, *header, address - header->text);
    if (!function) continue;
    function->start += header->text;
    functions.emplace(address, std::move(*function));
  }
  return functions;
}

}  // namespace lastcall
