// One table of a scenario file with its description. A key reads as written, else as its default.
// Where a value was bad, anything goes: the scenario is thrown away then, and only rules between
// sound values are judged. Owns neither; not for longer than both live.
#pragma once

#include <string_view>
#include <vector>

#include "scenario/document.hpp"
#include "scenario/keys.hpp"

namespace lastcall {

class Section {
 public:
  Section(const Table& table, const Value& value) : table_(&table), value_(&value) {}

  [[nodiscard]] Place place() const { return value_->place; }
  [[nodiscard]] Place place(std::string_view key) const { return value_->find(key)->place; }
  [[nodiscard]] bool has(std::string_view key) const { return value_->find(key) != nullptr; }
  [[nodiscard]] bool sound(std::string_view key) const {
    return !has(key) || !value_->find(key)->value.bad;
  }

  [[nodiscard]] Value operator[](std::string_view key) const {
    const auto& description = table_->key(key);
    return has(key) && sound(key) ? value_->find(key)->value : default_value(description);
  }
  // A table below this one; empty if it is not in the file.
  [[nodiscard]] Section sub(std::string_view key) const {
    static const Value kEmpty = empty_table();
    return {*table_->key(key).table, has(key) ? value_->find(key)->value : kEmpty};
  }
  [[nodiscard]] const Table* table(std::string_view key) const { return table_->key(key).table; }
  // The tables of a list.
  [[nodiscard]] std::vector<Section> each(std::string_view key) const {
    std::vector<Section> sections;
    if (!has(key)) return sections;
    for (const auto& item : value_->find(key)->value.items)
      sections.emplace_back(*table_->key(key).table, item);
    return sections;
  }

 private:
  const Table* table_;
  const Value* value_;
};

}  // namespace lastcall
