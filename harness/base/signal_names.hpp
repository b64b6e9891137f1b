// "SIGTERM" <-> 15.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lastcall {

// Only names that signal(7) lists, with the prefix.
std::optional<int> signal_number(std::string_view name);
// "signal 64" where there is no name.
std::string signal_name(int number);

}  // namespace lastcall
