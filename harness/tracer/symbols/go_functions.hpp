// Functions of a Go program from the table that its own runtime uses, which stripping leaves alone
// (go.dev/src/internal/abi and debug/gosym: pcHeader, functab). Layouts of Go 1.18 and newer.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string_view>

#include "tracer/symbols/elf_file.hpp"

namespace lastcall {

// `table`: .gopclntab. `text`: where code begins if the table does not say; 0 if that is not known.
// Addresses that no function covers are left out; so are all of a table that makes no sense, or of
// which nobody knows where its code begins.
std::map<std::uint64_t, Function> go_functions_at(std::string_view table, std::uint64_t text,
                                                  std::span<const std::uint64_t> addresses);

// Where functions begin, by index of the name.
std::map<std::size_t, std::uint64_t> go_functions_named(std::string_view table, std::uint64_t text,
                                                        std::span<const std::string_view> names);

}  // namespace lastcall
