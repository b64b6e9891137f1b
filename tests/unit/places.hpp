// Where a test finds what it reads and runs, as whole paths.
#pragma once

#include <string>
#include <string_view>

namespace lastcall::testing {

// "scenarios/scenario.schema.json", from the top of the sources.
std::string source_path(std::string_view path);

// "tracer_subject".
std::string program_path(std::string_view name);

}  // namespace lastcall::testing
