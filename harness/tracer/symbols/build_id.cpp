#include "tracer/symbols/build_id.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>

namespace lastcall {

std::string build_id_in(std::string_view notes) {
  const auto padded = [](std::size_t size) { return (size + 3) & ~std::size_t{3}; };
  while (notes.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr header;
    std::memcpy(&header, notes.data(), sizeof header);
    const auto name_at = sizeof header;
    const auto id_at = name_at + padded(header.n_namesz);
    const auto id_end = id_at + header.n_descsz;
    if (id_end > notes.size()) return {};
    if (header.n_type == NT_GNU_BUILD_ID &&
        notes.substr(name_at, header.n_namesz) == std::string_view("GNU\0", 4)) {
      std::string digits;
      for (const char byte : notes.substr(id_at, header.n_descsz)) {
        digits += "0123456789abcdef"[static_cast<unsigned char>(byte) >> 4];
        digits += "0123456789abcdef"[static_cast<unsigned char>(byte) & 15];
      }
      return digits;
    }
    notes.remove_prefix(std::min(padded(id_end), notes.size()));  // the last may lack its padding
  }
  return {};
}

}  // namespace lastcall
