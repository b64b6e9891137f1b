// Values of Go's interfaces in the memory of another process (go.dev/src/internal/abi/type.go), of
// Go 1.17 and newer.
#pragma once

#include <cstdint>
#include <string>

#include "tracer/memory.hpp"

namespace lastcall {

// An `any`: its type word and its data word.
struct GoValue {
  std::uint64_t type = 0;
  std::uint64_t data = 0;
};

// "runtime.boundsError", "*errors.errorString", "string". `types`: where the section begins that
// the type is in, which names are counted from. Empty if there is no sensible name.
std::string go_type_name(const GoValue& value, std::uint64_t types, Memory& memory);

// What it says, of a string and of the errors that hold little else; empty of all other types.
std::string go_text(const GoValue& value, const std::string& type, Memory& memory);

}  // namespace lastcall
