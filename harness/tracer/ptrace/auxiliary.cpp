#include "tracer/ptrace/auxiliary.hpp"

#include <elf.h>

#include <cstring>
#include <string>

#include "base/file.hpp"

namespace lastcall {

std::optional<std::uint64_t> auxiliary_value(pid_t tid, std::uint64_t type) {
  const auto vector = read_file("/proc/" + std::to_string(tid) + "/auxv");
  if (!vector) return std::nullopt;
  for (std::size_t at = 0; at + sizeof(Elf64_auxv_t) <= vector->size();
       at += sizeof(Elf64_auxv_t)) {
    Elf64_auxv_t entry;
    std::memcpy(&entry, vector->data() + at, sizeof entry);
    if (entry.a_type == type) return entry.a_un.a_val;
  }
  return std::nullopt;
}

}  // namespace lastcall
