#include "tracer/stacks/frame_descriptions.hpp"

#include <dwarf.h>
#include <elfutils/libdw.h>

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace lastcall {
namespace {

constexpr auto kEnd = static_cast<Dwarf_Off>(-1);
constexpr unsigned char kIdentity[EI_NIDENT] = {ELFMAG0,    ELFMAG1,     ELFMAG2,   ELFMAG3,
                                                ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
constexpr std::uint8_t kForm = 0x0f;  // the bits of a DW_EH_PE_… that say how a pointer is written

struct Reader {
  Memory& memory;
  std::uint64_t at;

  template <class T>
  std::optional<T> take() {
    const auto value = memory.get<T>(at);
    at += sizeof(T);
    return value;
  }
  // Reads the forms that compilers use for code: four or eight bytes, absolute or relative to here.
  std::optional<std::uint64_t> pointer(std::uint8_t encoding) {
    const auto here = (encoding & 0x70) == DW_EH_PE_pcrel ? at : 0;
    switch (encoding & kForm) {
      case DW_EH_PE_udata4:
        if (const auto value = take<std::uint32_t>()) return here + *value;
        return std::nullopt;
      case DW_EH_PE_sdata4:
        if (const auto value = take<std::int32_t>())
          return here + static_cast<std::uint64_t>(std::int64_t{*value});
        return std::nullopt;
      case DW_EH_PE_absptr:
      case DW_EH_PE_udata8:
      case DW_EH_PE_sdata8:
        if (const auto value = take<std::uint64_t>()) return here + *value;
        return std::nullopt;
      default:
        return std::nullopt;
    }
  }
};

// How the descriptions that refer to it write pointers.
std::optional<std::uint8_t> encoding_of(const Dwarf_CIE& common, const auto& reader_at) {
  const std::string_view augmentation(common.augmentation);
  if (augmentation.empty()) return std::uint8_t{DW_EH_PE_absptr};
  if (augmentation.front() != 'z') return std::nullopt;
  Reader reader = reader_at(common.augmentation_data);
  for (const char letter : augmentation.substr(1)) {
    if (letter == 'R') return reader.take<std::uint8_t>();
    if (letter == 'L') (void)reader.take<std::uint8_t>();
    if (letter == 'P') {
      const auto encoding = reader.take<std::uint8_t>();
      if (!encoding || !reader.pointer(*encoding)) return std::nullopt;
    }
  }
  return std::uint8_t{DW_EH_PE_absptr};
}

// As much of the section, from its beginning, as can be read.
std::vector<std::uint8_t> bytes_of(std::uint64_t section, std::uint64_t size, Memory& memory) {
  std::vector<std::uint8_t> bytes;
  while (bytes.size() < size) {
    const auto known = bytes.size();
    const auto at = section + known;
    bytes.resize(known + std::min(size - known, Memory::kPage - at % Memory::kPage));
    if (memory.read(at, std::as_writable_bytes(std::span(bytes).subspan(known)))) continue;
    bytes.resize(known);
    break;
  }
  return bytes;
}

}  // namespace

std::vector<FrameDescription> frame_descriptions_in(std::uint64_t section, std::uint64_t size,
                                                    Memory& memory) {
  std::vector<FrameDescription> found;
  auto bytes = bytes_of(section, size, memory);
  Elf_Data data{};
  data.d_buf = bytes.data();
  data.d_size = bytes.size();
  const auto reader_at = [&](const std::uint8_t* place) {
    return Reader{memory, section + static_cast<std::uint64_t>(place - bytes.data())};
  };
  std::map<Dwarf_Off, std::optional<std::uint8_t>> encodings;
  Dwarf_Off next = kEnd;
  for (Dwarf_Off at = 0; at != kEnd; at = std::exchange(next, kEnd)) {
    Dwarf_CFI_Entry entry;
    if (::dwarf_next_cfi(kIdentity, &data, true, at, &next, &entry) != 0) continue;
    if (dwarf_cfi_cie_p(&entry)) {
      encodings[at] = encoding_of(entry.cie, reader_at);
    } else if (const auto encoding = encodings[entry.fde.CIE_pointer]) {
      auto reader = reader_at(entry.fde.start);
      const auto begin = reader.pointer(*encoding);
      const auto extent = reader.pointer(*encoding & kForm);
      if (begin && extent) found.push_back({*begin, *begin + *extent, section + at});
    }
  }
  std::ranges::sort(found, {}, &FrameDescription::begin);
  return found;
}

}  // namespace lastcall
