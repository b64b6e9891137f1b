// A tree as TOML text. Internal to the parser.
#pragma once

#include <string>

#include "scenario/document.hpp"

namespace lastcall {

// Text that read_toml() reads as the same table, but for places and the order of keys. Of a number
// with a fraction and of a date, which no scenario has, nothing is written.
std::string to_toml(const Value& table);

}  // namespace lastcall
