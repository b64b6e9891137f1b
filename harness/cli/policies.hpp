// Policies of a gate that the user names.
#pragma once

#include <optional>
#include <string>

#include "gate/gate.hpp"

namespace lastcall::cli {

// Prints every error of the file and gives nothing if there is one.
std::optional<GatePolicy> load_policy(const std::string& file);

// kHeld, kFailed or kNotJudged.
int exit_code_of(const GateResult& result);

// For CLI::Option::check(): what is wrong with the text as a day; empty if nothing.
std::string is_day(const std::string& text);

}  // namespace lastcall::cli
