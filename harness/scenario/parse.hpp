// TOML text -> Scenario, or all errors of the file at once. Pure: reads no file. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "scenario/scenario.hpp"

namespace lastcall {

struct ScenarioError {
  std::string file;
  unsigned line = 0;    // from 1; 0: it has no lines
  unsigned column = 0;  // from 1
  std::string message;  // with the nearest valid name, where there is one

  // "file:line:column: message"
  [[nodiscard]] std::string text() const;
};

// `file` is only for the places in errors. Errors are sorted by place and never empty.
std::variant<Scenario, std::vector<ScenarioError>> parse_scenario(std::string_view toml,
                                                                  std::string_view file);

// What the seeds of a scenario's trials are split by: its `name`, else all that it says but
// `about`, in one form whatever the order of its keys, the spacing and the comments. Of a file with
// a syntax error, or a name that is no text, whatever.
std::string scenario_seed_key(std::string_view toml);

// The JSON Schema (draft 2020-12) of a scenario file, made from the same table of keys that the
// parser reads by, so that the two cannot disagree. Ends with a newline.
std::string scenario_schema();

}  // namespace lastcall
