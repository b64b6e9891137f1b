// A scenario file as a tree in which every key and value has its place; independent of the TOML
// library.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "scenario/parse.hpp"

namespace lastcall {

// From 1; columns count characters, not bytes.
struct Place {
  unsigned line = 1;
  unsigned column = 1;
  std::uint16_t source = 0;  // of Errors: 0 is the scenario's own file
};

struct Entry;

struct Value {
  enum class Type : std::uint8_t { absent, boolean, integer, number, text, date, array, table };
  Type type = Type::absent;
  Place place = {};
  bool bad = false;  // it, or something in it, has an error
  bool boolean = false;
  std::int64_t integer = 0;
  std::string text = {};
  std::vector<Value> items = {};
  std::vector<Entry> entries;  // of a table

  [[nodiscard]] const Entry* find(std::string_view name) const;
};

struct Entry {
  std::string name;
  Place place = {};
  Value value;
};

inline Value empty_table(Place place = {}) {
  Value table;
  table.type = Value::Type::table;
  table.place = place;
  return table;
}

inline const Entry* Value::find(std::string_view name) const {
  const auto found = std::ranges::find(entries, name, &Entry::name);
  return found == entries.end() ? nullptr : &*found;
}

// Collects what is wrong with one file, and with those that it extends.
class Errors {
 public:
  explicit Errors(std::string_view file) : sources_{std::string(file)} {}

  // Another file, or setting, that places may name. Its number.
  std::uint16_t add_source(std::string name) {
    sources_.push_back(std::move(name));
    return static_cast<std::uint16_t>(sources_.size() - 1);
  }
  void add(Place place, std::string message) {
    list_.push_back({sources_.at(place.source), place.line, place.column, std::move(message)});
  }
  // Unless the same was said there before.
  void add_once(Place place, const std::string& message) {
    const ScenarioError error{sources_.at(place.source), place.line, place.column, message};
    const auto text = error.text();
    if (std::ranges::none_of(list_, [&](const auto& known) { return known.text() == text; }))
      list_.push_back(error);
  }
  [[nodiscard]] bool empty() const { return list_.empty(); }
  // Sorted by place.
  [[nodiscard]] std::vector<ScenarioError> take() {
    std::ranges::stable_sort(list_, {}, [this](const ScenarioError& error) {
      return std::tuple(std::ranges::find(sources_, error.file), error.line, error.column);
    });
    return std::move(list_);
  }

 private:
  std::vector<std::string> sources_;
  std::vector<ScenarioError> list_;
};

// The whole file as one table. A syntax error is added to `errors` and gives an empty table.
Value read_toml(std::string_view text, Errors& errors);

}  // namespace lastcall
