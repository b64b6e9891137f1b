#include "tracer/runtimes/go_values.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace lastcall {
namespace {

constexpr std::uint64_t kMaxText = 1000;
constexpr std::uint8_t kExtraStar = 2;  // TFlagExtraStar: the name is of a pointer to it

// abi.Type
struct Type {
  std::uint64_t size = 0;
  std::uint64_t pointers = 0;
  std::uint32_t hash = 0;
  std::uint8_t flags = 0;
  std::uint8_t alignment = 0;
  std::uint8_t field_alignment = 0;
  std::uint8_t kind = 0;
  std::uint64_t equal = 0;
  std::uint64_t collector = 0;
  std::int32_t name = 0;
  std::int32_t pointer_to_this = 0;
};

// runtime.boundsError
struct BoundsError {
  std::int64_t index = 0;
  std::int64_t length = 0;
  std::uint8_t is_signed = 0;
  std::uint8_t code = 0;  // 0: of an index
};

std::string bytes_at(std::uint64_t address, std::uint64_t length, Memory& memory) {
  std::string text(std::min(length, kMaxText), '\0');
  return memory.read(address, std::as_writable_bytes(std::span(text))) ? text : "";
}

}  // namespace

std::uint64_t go_types(std::uint64_t type, std::uint64_t table, ElfFile::Extent data,
                       ElfFile::Extent section, Memory& memory) {
  using Words = std::array<std::uint64_t, 64>;  // `types` and `etypes` are among them
  memory.prefetch(data.address, data.size);
  for (std::uint64_t at = 0; at + sizeof(Words) <= data.size; at += sizeof(std::uint64_t)) {
    if (memory.get<std::uint64_t>(data.address + at) != table) continue;
    const auto words = memory.get<Words>(data.address + at);
    if (!words) continue;
    for (std::size_t i = 1; i + 1 < words->size(); ++i) {
      const auto begin = (*words)[i];
      const auto end = (*words)[i + 1];
      if (begin <= type && type < end && begin >= section.address &&
          end <= section.address + section.size)
        return begin;
    }
  }
  return 0;
}

std::string go_type_name(const GoValue& value, std::uint64_t types, Memory& memory) {
  const auto type = memory.get<Type>(value.type);
  if (!type || type->name <= 0) return {};
  // A byte of flags, the length as a varint, the name.
  auto at = types + static_cast<std::uint64_t>(type->name) + 1;
  std::uint64_t length = 0;
  for (unsigned shift = 0; shift < 21; shift += 7) {
    const auto byte = memory.get<std::uint8_t>(at++);
    if (!byte) return {};
    length |= std::uint64_t{*byte & 0x7fU} << shift;
    if ((*byte & 0x80U) == 0) break;
  }
  auto name = bytes_at(at, length, memory);
  const auto is_printable = [](unsigned char c) { return c >= 0x80 || std::isprint(c) != 0; };
  if (!std::ranges::all_of(name, is_printable)) return {};
  if ((type->flags & kExtraStar) != 0 && name.starts_with('*')) name.erase(0, 1);
  return name;
}

std::string go_text(const GoValue& value, const std::string& type, Memory& memory) {
  constexpr std::array<std::string_view, 6> kBeginWithText{"string",
                                                           "runtime.errorString",
                                                           "runtime.plainError",
                                                           "runtime.errorAddressString",
                                                           "*errors.errorString",
                                                           "*fmt.wrapError"};
  if (type == "runtime.boundsError") {
    const auto error = memory.get<BoundsError>(value.data);
    if (!error || error->code != 0 || error->is_signed != 1) return {};
    return "index out of range [" + std::to_string(error->index) + "]" +
           (error->index < 0 ? "" : " with length " + std::to_string(error->length));
  }
  if (std::ranges::find(kBeginWithText, type) == kBeginWithText.end()) return {};
  const auto text = memory.get<std::array<std::uint64_t, 2>>(value.data);
  return text ? bytes_at((*text)[0], (*text)[1], memory) : "";
}

}  // namespace lastcall
