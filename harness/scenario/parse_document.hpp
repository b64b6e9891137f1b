// From the tree of a file to its Scenario. Internal to the parser.
#pragma once

#include <string>
#include <string_view>

#include "scenario/document.hpp"

namespace lastcall {

// Adds what is wrong; what has an error is not to be used. `toml` is the text of the tree.
Scenario scenario_of(Value document, std::string_view toml, Errors& errors);

// scenario_seed_key() of a tree.
std::string seed_key_of(const Value& document);

// Checks the entry `vary` of a table with nothing else in it.
void check_vary(Value& alone, Errors& errors);

}  // namespace lastcall
