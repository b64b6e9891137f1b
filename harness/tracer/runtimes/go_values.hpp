// Values of Go's interfaces in the memory of another process (go.dev/src/internal/abi/type.go), of
// Go 1.17 and newer.
#pragma once

#include <cstdint>
#include <string>

#include "tracer/ptrace/memory.hpp"
#include "tracer/symbols/elf_file.hpp"

namespace lastcall {

// An `any`: its type word and its data word.
struct GoValue {
  std::uint64_t type = 0;
  std::uint64_t data = 0;
};

// Where the types begin that this one is among, from which their names are counted: what the
// runtime itself says (runtime/symtab.go, moduledata), whose first word is the address of
// .gopclntab. All in the process: `table` is that address, `data` is .noptrdata, `section` the one
// that the type is in. 0 if nothing is found; where no C code comes first it is then the beginning
// of that section.
std::uint64_t go_types(std::uint64_t type, std::uint64_t table, ElfFile::Extent data,
                       ElfFile::Extent section, Memory& memory);

// "runtime.boundsError", "*errors.errorString", "string". Empty if there is no sensible name.
std::string go_type_name(const GoValue& value, std::uint64_t types, Memory& memory);

// What it says, of a string and of the errors that hold little else; empty of all other types.
std::string go_text(const GoValue& value, const std::string& type, Memory& memory);

}  // namespace lastcall
