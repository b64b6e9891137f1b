// The table [properties]: the keys of each property, and the settings that they make.
#include <type_traits>

#include "base/nearest_name.hpp"
#include "scenario/build.hpp"
#include "scenario/keys.hpp"
#include "scenario/properties.hpp"

namespace lastcall {
namespace {

// For editors, and for the pages that are made from the schema.
template <class Property>
std::string description() {
  return std::string(Property::kHoldsWhen) + ". Cannot see: " + std::string(Property::kCannotSee);
}

template <class Property>
std::vector<Key> keys_of() {
  std::vector<Key> keys{
      {.name = "judge",
       .kind = Kind::boolean,
       .about = "Whether the property is judged.",
       .fallback = "true"},
      {.name = "why",
       .kind = Kind::plain,
       .about = "Why it is not judged. Required with judge = false, an error otherwise.",
       .low = 1}};
  each_setting<Property>([&](const auto& setting) { keys.push_back(setting.key); });
  return keys;
}

// Reads a value of the file into a setting of this type.
void read(const Value& value, bool& field) { field = value.boolean; }
void read(const Value& value, std::uint64_t& field) { field = size_of(value); }
void read(const Value& value, Nanoseconds& field) { field = duration_of(value); }
void read(const Value& value, std::string& field) { field = value.text; }
void read(const Value& value, std::vector<int>& field) { field = integers_of(value); }
void read(const Value& value, std::vector<std::string>& field) { field = texts_of(value); }
void read(const Value& value, std::vector<Allowance>& field) { field = allowances_of(value); }
void read(const Value& value, std::vector<ExpectedEnd>& field) { field = ends_of(value); }
void read(const Value& value, std::map<std::string, std::string>& field) {
  for (const auto& [name, place, entry] : value.entries) field[name] = entry.text;
}
template <class T>
void read(const Value& value, std::optional<T>& field) {
  read(value, field.emplace());
}

template <class Property, class Field>
void read(const Section& section, const Setting<Property, Field>& setting, Property& own) {
  const auto& key = setting.key;
  if (!section.has(key.name) || !section.sound(key.name)) return;
  const auto value = section[key.name];
  auto& field = own.*setting.field;
  if constexpr (std::is_enum_v<Field>) {
    field = static_cast<Field>(std::ranges::find(key.choices, value.text) - key.choices.begin());
  } else {
    read(value, field);
  }
}

template <class Property>
concept HasRules = requires(const Property& own, const Section& section, const Scenario& scenario,
                            Errors& errors) {
  own.validate(section, scenario, errors);
};

PropertySettings build_common(const Section& section, Errors& errors) {
  PropertySettings settings;
  settings.judged = section["judge"].boolean;
  settings.why = section["why"].text;
  if (section.sound("judge") && section.sound("why")) {
    if (settings.judged && section.has("why")) {
      errors.add(section.place("why"),
                 "'why' says why a property is switched off: it goes with judge = false only");
    } else if (!settings.judged && !section.has("why")) {
      errors.add(section.place("judge"), "a property that is switched off states 'why'");
    }
  }
  return settings;
}

// What a campaign requires is judged: a known property that is not switched off, or a checker of
// the scenario's own.
void check_required(const Value& required, const Scenario& scenario, Errors& errors) {
  const auto& name = required.text;
  if (name.starts_with("custom.")) {
    if (scenario.custom.contains(name.substr(7))) return;
    std::vector<std::string> names;
    for (const auto& [own, checker] : scenario.custom) names.push_back("custom." + own);
    const auto near = nearest_name(name, names);
    errors.add(required.place, "there is no [properties." + name + "]" +
                                   (near ? "; did you mean '" + *near + "'?" : ""));
    return;
  }
  if (!settings(scenario, name).judged)
    errors.add(required.place, in_single_quotes(name) + " is required and switched off");
}

}  // namespace

const Table& properties_table() {
  static const Table table = [] {
    static const Table custom{
        .where = "[properties.custom]",
        .keys = {
            {.name = "command",
             .kind = Kind::text,
             .shape = Shape::list,
             .about =
                 "A command that reads the history as JSON lines on its standard input and prints "
                 "a verdict as JSON: {\"outcome\": \"pass\", \"judged\": 3, \"reason\": \"\"}.",
             .required = true},
            {.name = "timeout",
             .kind = Kind::duration,
             .about = "How long it may take; after that the verdict is unknown.",
             .fallback = R"("10s")",
             .low = kMillisecond,
             .high = kDay}}};
    static std::vector<Table> settings;
    static std::vector<std::string> names;
    static std::vector<std::string> descriptions;
    settings.reserve(kProperties.size());  // so that the pointers to them hold
    names.reserve(kProperties.size());
    descriptions.reserve(kProperties.size());
    Table result{.where = "[properties]",
                 .keys = {{.name = "require",
                           .kind = Kind::property,
                           .shape = Shape::list,
                           .about = "Properties that a campaign must judge; if it could not judge "
                                    "one of them, the exit code is 3.",
                           .fallback = "[]"}}};
    Properties::each([&]<class Property>(const Property&) {
      names.push_back("[properties." + std::string(Property::kName) + "]");
      const auto& keys =
          settings.emplace_back(Table{.where = names.back(), .keys = keys_of<Property>()}).keys;
      Key key{.name = Property::kName,
              .kind = Kind::table,
              .about = descriptions.emplace_back(description<Property>()),
              .table = &settings.back()};
      if (std::ranges::find(keys, std::string_view("strict"), &Key::name) != keys.end())
        key.choices = {"strict"};
      result.keys.push_back(std::move(key));
    });
    result.keys.push_back({.name = "custom",
                           .kind = Kind::table,
                           .shape = Shape::map,
                           .about = "Checkers of your own, by name.",
                           .names = Names::word,
                           .table = &custom});
    return result;
  }();
  return table;
}

void build_properties(const Section& section, Scenario& scenario, Errors& errors) {
  Properties::each([&]<class Property>(Property own) {
    const auto table = section.sub(Property::kName);
    auto settings = build_common(table, errors);
    settings.configured = section.has(Property::kName);
    each_setting<Property>([&](const auto& setting) { read(table, setting, own); });
    if constexpr (HasRules<Property>) own.validate(table, scenario, errors);
    settings.own = std::move(own);
    scenario.properties[std::string(Property::kName)] = std::move(settings);
  });
  for (const auto& [name, place, table] : section["custom"].entries) {
    const Section custom(*section.table("custom"), table);
    scenario.custom[name] = {command_of(custom["command"]), duration_of(custom["timeout"])};
  }
  for (const auto& required : section["require"].items) {
    if (!required.bad) check_required(required, scenario, errors);
    if (std::ranges::find(scenario.required, required.text) == scenario.required.end()) {
      scenario.required.push_back(required.text);
    }
  }
}

}  // namespace lastcall
