// The lines by which runtimes, sanitizers and the C library announce that a program broke.
#pragma once

#include <span>
#include <string_view>

namespace lastcall {

// What line `i` of an output announces ("a Go panic"), or "" if nothing. The lines around it are
// looked at where one line alone would not be proof.
std::string_view panic_in(std::span<const std::string_view> lines, std::size_t i);

}  // namespace lastcall
