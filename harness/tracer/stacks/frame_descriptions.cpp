#include "tracer/stacks/frame_descriptions.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>

namespace lastcall {
namespace {

constexpr std::uint32_t kLongLength = 0xffffffff;
constexpr std::size_t kLongestAugmentation = 8;
constexpr std::size_t kLongestNumber = 10;  // bytes of a LEB128

// DW_EH_PE_*: the low four bits say how a pointer is written, the next three relative to what.
constexpr std::uint8_t kRelativeToHere = 0x10;

struct Reader {
  Memory& memory;
  std::uint64_t at;

  template <class T>
  std::optional<T> take() {
    const auto value = memory.get<T>(at);
    at += sizeof(T);
    return value;
  }
  void skip_number() {
    for (std::size_t i = 0; i < kLongestNumber; ++i) {
      if ((take<std::uint8_t>().value_or(0) & 0x80) == 0) return;
    }
  }
  // Reads the forms that compilers use for code: four or eight bytes, absolute or relative to here.
  std::optional<std::uint64_t> pointer(std::uint8_t encoding) {
    const auto here = (encoding & 0x70) == kRelativeToHere ? at : 0;
    switch (encoding & 0x0f) {
      case 0x03:  // udata4
        if (const auto value = take<std::uint32_t>()) return here + *value;
        return std::nullopt;
      case 0x0b:  // sdata4
        if (const auto value = take<std::int32_t>())
          return here + static_cast<std::uint64_t>(std::int64_t{*value});
        return std::nullopt;
      case 0x00:
      case 0x04:
      case 0x0c:
        if (const auto value = take<std::uint64_t>()) return here + *value;
        return std::nullopt;
      default:
        return std::nullopt;
    }
  }
};

// How the descriptions that refer to it write pointers, from the augmentation of their common part.
std::optional<std::uint8_t> encoding_of(std::uint64_t common, Memory& memory) {
  Reader reader{memory, common + 8};
  const auto version = reader.take<std::uint8_t>();
  std::string augmentation;
  while (augmentation.size() < kLongestAugmentation) {
    const auto letter = reader.take<char>();
    if (!letter) return std::nullopt;
    if (*letter == '\0') break;
    augmentation += *letter;
  }
  if (version != 1 && version != 3) return std::nullopt;
  reader.skip_number();  // code alignment
  reader.skip_number();  // data alignment
  reader.skip_number();  // return address; of version 1 a byte, which is the same
  if (augmentation.empty()) return std::uint8_t{0};
  if (augmentation.front() != 'z') return std::nullopt;
  reader.skip_number();  // length
  for (const char letter : augmentation.substr(1)) {
    if (letter == 'R') return reader.take<std::uint8_t>();
    if (letter == 'L') (void)reader.take<std::uint8_t>();
    if (letter == 'P') {
      const auto encoding = reader.take<std::uint8_t>();
      if (!encoding || !reader.pointer(*encoding)) return std::nullopt;
    }
  }
  return std::uint8_t{0};
}

}  // namespace

std::vector<FrameDescription> frame_descriptions_in(std::uint64_t section, std::uint64_t size,
                                                    Memory& memory) {
  std::vector<FrameDescription> found;
  std::map<std::uint64_t, std::optional<std::uint8_t>> encodings;
  for (auto at = section; at - section < size;) {
    const auto length = memory.get<std::uint32_t>(at);
    const auto back = memory.get<std::uint32_t>(at + 4);
    // Zero is where libraries of the compiler end the section.
    if (!length || !back || *length == 0 || *length == kLongLength) break;
    if (*back != 0) {
      const auto common = at + 4 - *back;
      const auto [encoding, is_new] = encodings.try_emplace(common);
      if (is_new) encoding->second = encoding_of(common, memory);
      Reader reader{memory, at + 8};
      if (encoding->second) {
        const auto begin = reader.pointer(*encoding->second);
        const auto extent = reader.pointer(*encoding->second & 0x0f);
        if (begin && extent) found.push_back({*begin, *begin + *extent, at});
      }
    }
    at += std::uint64_t{*length} + 4;
  }
  std::ranges::sort(found, {}, &FrameDescription::begin);
  return found;
}

}  // namespace lastcall
