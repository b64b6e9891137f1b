// Checks a scenario file against the description of its keys.
#pragma once

#include "scenario/document.hpp"
#include "scenario/keys.hpp"

namespace lastcall {

// Adds every error that one key alone explains (unknown, missing, wrong type, impossible value),
// and marks the values that have one as bad.
void check(const Table& table, Value& value, Errors& errors);

// What a key takes, for people: `a duration such as "250ms"`, "an array, each item a string".
std::string what_it_is(const Key& key);

}  // namespace lastcall
