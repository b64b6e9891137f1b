// A scenario that is made of several layers: its file, the files that it extends, what the command
// line sets and what the environment says. Each combination of what [[vary]] says is a scenario of
// its own. Pure: reads no file. Thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "scenario/parse.hpp"

namespace lastcall {

// One file.
struct ScenarioLayer {
  std::string file;  // as messages name it
  std::string text;
  // Where it lies, seen from the scenario's own folder; empty: there. {here} of a base means the
  // folder of the base.
  std::string folder = {};
};

struct Layers {
  // The scenario first, then what it extends, then what that extends. Where two say something about
  // one key, the earlier one counts; tables are joined key by key, lists are not.
  std::vector<ScenarioLayer> files;
  // "target.stop.deadline=5s". An item of a list goes by its `name`, or by its number from 0. A
  // value that is no TOML is a text.
  std::vector<std::string> settings = {};
  // The value of a variable of the environment, for {env.NAME}; nothing if it is not set.
  std::function<std::optional<std::string>(const std::string&)> variable = {};
};

struct Variant {
  std::string name;  // "build=good, mode=fast"; empty without [[vary]]
  // A file of one layer that says the same: the file's own text if there is nothing to put
  // together.
  std::string text;
  std::string seed_key;  // as scenario_seed_key() has it; the same for all variants
  Scenario scenario;
};

// What a text says it extends, as it says it; empty if nothing, or if it is no TOML.
std::string extended_by(std::string_view toml);

// The variants, at least one; or all errors, each with the file of its layer.
std::variant<std::vector<Variant>, std::vector<ScenarioError>> parse_layers(const Layers& layers);

}  // namespace lastcall
