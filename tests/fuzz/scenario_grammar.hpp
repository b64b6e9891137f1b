// Scenarios made of decisions, by the tables of keys that the parser itself reads by.
#pragma once

#include <string>

#include "choices.hpp"

namespace lastcall::fuzz {

// A scenario file. Each key has a value of its kind; what the parser refuses all the same, because
// of what several keys say together, is left out again, so that few are refused (tests/unit/fuzz).
std::string scenario_of(Choices& choices);

}  // namespace lastcall::fuzz
