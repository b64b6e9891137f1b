// The build id that link editors leave in a note (elf(5), "NT_GNU_BUILD_ID").
#pragma once

#include <string>
#include <string_view>

namespace lastcall {

// `notes`: a section or segment of notes. Lower-case hexadecimal digits, empty if there is none.
std::string build_id_in(std::string_view notes);

}  // namespace lastcall
