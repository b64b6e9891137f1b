#include "scenario/layers.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.hpp"
#include "scenario/check.hpp"
#include "scenario/document.hpp"
#include "scenario/keys.hpp"
#include "scenario/parse_document.hpp"
#include "scenario/toml_writer.hpp"
#include "scenario/value_syntax.hpp"

namespace lastcall {
namespace {

namespace layers {

using Type = Value::Type;

constexpr std::string_view kExtends = "extends";
constexpr std::string_view kVary = "vary";
// A campaign of more scenarios than that is a mistake.
constexpr std::size_t kMostVariants = 100;

Entry* find(Value& table, std::string_view name) {
  const auto found = std::ranges::find(table.entries, name, &Entry::name);
  return found == table.entries.end() ? nullptr : &*found;
}

void erase(Value& table, std::string_view name) {
  std::erase_if(table.entries, [&](const Entry& entry) { return entry.name == name; });
}

// Calls with each text below this value.
template <class Change>
void each_text(Value& value, const Change& change) {
  if (value.type == Type::text) change(value);
  for (auto& item : value.items) each_text(item, change);
  for (auto& entry : value.entries) each_text(entry.value, change);
}

void replace(std::string& text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

void set_source(Value& value, std::uint16_t source) {
  value.place.source = source;
  for (auto& item : value.items) set_source(item, source);
  for (auto& entry : value.entries) {
    entry.place.source = source;
    set_source(entry.value, source);
  }
}

// Takes from `base` what `value` does not say.
void extend(Value& value, const Value& base) {
  for (const auto& entry : base.entries) {
    auto* own = find(value, entry.name);
    if (own == nullptr) {
      value.entries.push_back(entry);
    } else if (own->value.type == Type::table && entry.value.type == Type::table) {
      extend(own->value, entry.value);
    }
  }
}

// "5s" -> a text, "5" -> an integer, "[1, 2]" -> a list.
Value value_of(const std::string& text) {
  Errors ignored("");
  auto table = read_toml("value = " + text, ignored);
  if (ignored.empty() && table.entries.size() == 1) return std::move(table.entries.front().value);
  Value value;
  value.type = Type::text;
  value.text = text;
  return value;
}

// The item of a list that this word means; nothing if there is none.
Value* item_of(Value& list, const std::string& word) {
  for (auto& item : list.items) {
    const auto* name = item.find("name");
    if (name != nullptr && name->value.text == word) return &item;
  }
  const auto number = parse_number<std::size_t>(word);
  return number && *number < list.items.size() ? &list.items[*number] : nullptr;
}

// What is wrong with the setting; empty if it is set.
std::string set(Value& document, const std::string& setting, std::uint16_t source) {
  const auto equals = setting.find('=');
  if (equals == std::string::npos || equals == 0)
    return "expected KEY=VALUE, such as target.stop.deadline=5s";
  auto value = value_of(setting.substr(equals + 1));
  const Place place{0, 0, source};
  value.place = place;
  set_source(value, source);
  auto* at = &document;
  std::string_view path(setting);
  path = path.substr(0, equals);
  while (true) {
    const auto dot = path.find('.');
    const std::string word(path.substr(0, dot));
    if (word.empty()) return "a part of the key is empty";
    if (at->type == Type::array) {
      auto* const item = item_of(*at, word);
      if (item == nullptr) {
        return "the list has " + std::to_string(at->items.size()) + " items, and none is named " +
               in_single_quotes(word) + "; count from 0";
      }
      at = item;
    } else if (at->type == Type::table) {
      auto* entry = find(*at, word);
      if (entry == nullptr) entry = &at->entries.emplace_back(word, place, empty_table(place));
      entry->place = place;
      at = &entry->value;
    } else {
      return "there is nothing below " +
             in_single_quotes(setting.substr(0, equals - path.size() - 1));
    }
    if (dot == std::string_view::npos) break;
    path.remove_prefix(dot + 1);
  }
  *at = std::move(value);
  return {};
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Replaces each {env.NAME}; `changed` says whether there was one.
void fill_environment(Value& value, const Layers& all, bool& changed, Errors& errors) {
  constexpr std::string_view kBegin = "{env.";
  auto& text = value.text;
  for (auto at = text.find(kBegin); at != std::string::npos; at = text.find(kBegin, at)) {
    auto end = at + kBegin.size();
    while (end < text.size() && is_name_character(text[end])) ++end;
    const auto name = text.substr(at + kBegin.size(), end - at - kBegin.size());
    if (name.empty() || end == text.size() || text[end] != '}') {
      at = end;
      continue;
    }
    const auto known = all.variable ? all.variable(name) : std::nullopt;
    if (!known) {
      errors.add(value.place, "the environment has no variable " + name +
                                  ": export it, or set the "
                                  "key with --set");
      return;
    }
    changed = true;
    text.replace(at, end + 1 - at, *known);
    at += known->size();
  }
}

// What it holds is the target's: a configuration file may have {env.NAME} of its own (Caddy's).
void fill_environment(Value& document, const Layers& all, Errors& errors, bool& changed) {
  for (auto& [name, place, value] : document.entries) {
    if (name != "target" || value.type != Type::table) {
      each_text(value, [&](Value& text) { fill_environment(text, all, changed, errors); });
      continue;
    }
    for (auto& entry : value.entries) {
      if (entry.name != "files")
        each_text(entry.value, [&](Value& text) { fill_environment(text, all, changed, errors); });
    }
  }
}

struct Axis {
  std::string name;
  std::vector<std::string> values;
};

std::vector<Axis> axes_of(const Value& document, Errors& errors) {
  std::vector<Axis> axes;
  const auto* vary = document.find(kVary);
  if (vary == nullptr) return axes;
  std::size_t variants = 1;
  for (const auto& item : vary->value.items) {
    const auto* name = item.find("name");
    const auto* values = item.find("values");
    if (name == nullptr || values == nullptr || item.bad) continue;  // said by check()
    Axis axis{name->value.text, {}};
    if (auto problem = word_problem(axis.name); !problem.empty())
      errors.add(name->value.place, std::move(problem));
    if (std::ranges::find(axes, axis.name, &Axis::name) != axes.end())
      errors.add(name->value.place, in_single_quotes(axis.name) + " varies already");
    for (const auto& value : values->value.items) axis.values.push_back(value.text);
    variants *= std::max<std::size_t>(axis.values.size(), 1);
    if (variants > kMostVariants) {
      errors.add(vary->place, "more than " + std::to_string(kMostVariants) + " combinations");
      return {};
    }
    axes.push_back(std::move(axis));
  }
  return axes;
}

// One value of each axis, the last axis changing first.
std::vector<std::vector<std::size_t>> combinations(const std::vector<Axis>& axes) {
  std::vector<std::vector<std::size_t>> all{{}};
  for (const auto& axis : axes) {
    std::vector<std::vector<std::size_t>> longer;
    for (const auto& chosen : all) {
      for (std::size_t i = 0; i < axis.values.size(); ++i) {
        longer.push_back(chosen);
        longer.back().push_back(i);
      }
    }
    all = std::move(longer);
  }
  return all;
}

// The file and its bases as one tree; empty, with errors, if one is no TOML.
Value joined(const Layers& all, Errors& errors) {
  std::vector<Value> trees;
  for (std::size_t i = 0; i < all.files.size(); ++i) {
    const auto& [file, text, folder] = all.files[i];
    const auto source = i == 0 ? std::uint16_t{0} : errors.add_source(file);
    Errors own(file);
    auto tree = read_toml(text, own);
    for (auto& error : own.take()) errors.add({error.line, error.column, source}, error.message);
    set_source(tree, source);
    if (!folder.empty()) {
      each_text(tree, [&](Value& value) { replace(value.text, "{here}", "{here}/" + folder); });
    }
    if (all.files.size() > 1) erase(tree, kExtends);
    trees.push_back(std::move(tree));
  }
  for (std::size_t i = 1; i < trees.size(); ++i) extend(trees.front(), trees[i]);
  return std::move(trees.front());
}

}  // namespace layers
}  // namespace

std::string extended_by(std::string_view toml) {
  Errors ignored("");
  const auto document = read_toml(toml, ignored);
  const auto* extends = document.find(layers::kExtends);
  return extends == nullptr ? "" : extends->value.text;
}

std::variant<std::vector<Variant>, std::vector<ScenarioError>> parse_layers(const Layers& all) {
  using namespace layers;
  Errors errors(all.files.front().file);
  auto document = joined(all, errors);
  if (!errors.empty()) return errors.take();  // one syntax error hides what follows
  bool is_changed = all.files.size() > 1 || !all.settings.empty();
  for (const auto& setting : all.settings) {
    const auto source = errors.add_source("--set " + setting);
    if (auto problem = set(document, setting, source); !problem.empty())
      errors.add({0, 0, source}, std::move(problem));
  }
  const auto seed_key = seed_key_of(document);  // whatever the environment says
  fill_environment(document, all, errors, is_changed);
  if (!errors.empty()) return errors.take();
  if (const auto* vary = document.find(kVary)) {
    auto alone = empty_table();
    alone.entries.push_back(*vary);
    check_vary(alone, errors);
  }
  const auto axes = axes_of(document, errors);
  if (!errors.empty()) return errors.take();
  is_changed = is_changed || !axes.empty();
  erase(document, kVary);

  std::vector<Variant> variants;
  for (const auto& chosen : combinations(axes)) {
    auto own = document;
    Variant variant{.name = "", .text = "", .seed_key = seed_key, .scenario = {}};
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const auto& value = axes[i].values[chosen[i]];
      const auto placeholder = "{vary." + axes[i].name + "}";
      each_text(own, [&](Value& text) { replace(text.text, placeholder, value); });
      variant.name += (i == 0 ? "" : ", ") + axes[i].name + "=" + value;
    }
    variant.text = is_changed ? to_toml(own) : all.files.front().text;
    variant.scenario = scenario_of(std::move(own), variant.text, errors);
    variants.push_back(std::move(variant));
    if (!errors.empty()) break;  // the others most likely have the same
  }
  if (!errors.empty()) return errors.take();
  return variants;
}

}  // namespace lastcall
