// What the files in scenario/properties/ are made of. Each holds all that a scenario can say about
// one property, as a struct: its name, the sentence for `lastcall list properties`, what its
// checker cannot see, its settings, which are its fields with their defaults, and, if it has some,
// its keys(). Data; any thread may read it.
//
// The struct may have `validate(section, scenario, errors)`: rules between keys that are sound one
// by one, and between them and the rest of the scenario. kChecker is defined in checkers/NAME.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "scenario/keys.hpp"
#include "scenario/scenario.hpp"
#include "scenario/section.hpp"

namespace lastcall {

struct Checker;  // checkers/checker.hpp

// A key, and the field that it sets. A field that the file does not set keeps its default, which is
// the key's. The choices of a key stand in the order of the enumeration that it sets.
template <class Property, class Field>
struct Setting {
  Key key;
  Field Property::*field;
};
template <class Property, class Field>
Setting(Key, Field Property::*) -> Setting<Property, Field>;

// Calls act(setting) for each setting that only this property has.
template <class Property>
void each_setting(auto act) {
  if constexpr (requires { Property::keys(); })
    std::apply([&](const auto&... setting) { (act(setting), ...); }, Property::keys());
}

}  // namespace lastcall
