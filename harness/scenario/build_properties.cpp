#include "base/text.hpp"
#include "scenario/build.hpp"
#include "scenario/property_names.hpp"

namespace lastcall {
namespace {

// The keys of a property's table are those of property_keys(): what is not among them is not asked.
void read_own_settings(const Section& section, std::string_view property,
                       PropertySettings& settings) {
  for (const auto& key : property_keys(property)) {
    const auto value = section[key.name];
    const bool given = value.type != Value::Type::absent;
    if (key.name == "allow") settings.allow = allowances_of(value);
    if (key.name == "logged") {
      settings.logged =
          named(value.text, {LoggedErrors::panics, LoggedErrors::fail, LoggedErrors::warn});
    }
    if (key.name == "codes" && section.has("codes")) settings.codes = integers_of(value);
    if (key.name == "settling" && given) settings.settling = duration_of(value);
    if (key.name == "within" && given) settings.within = duration_of(value);
    if (key.name == "url") settings.url = value.text;
    if (key.name == "visible") settings.visible = duration_of(value);
    if (key.name == "policy") {
      settings.policy =
          named(value.text, {RepeatPolicy::ignore, RepeatPolicy::hasten, RepeatPolicy::force});
    }
    if (key.name == "exit") settings.ends = ends_of(value);
    if (key.name == "strict") settings.strict = value.boolean;
    if (key.name == "own_answers") settings.own_answers = value.boolean;
    if (key.name == "stopping") settings.stopping = value.boolean;
    if (key.name == "after_kill") settings.after_kill = value.boolean;
    if (key.name == "files") settings.files = texts_of(value);
    if (key.name == "format") settings.format = value.text;
    if (key.name == "command") settings.command = texts_of(value);
    if (key.name == "lines") settings.lines = texts_of(value);
    if (key.name == "file") settings.file = value.text;
    if (key.name == "setting") settings.setting = value.text;
    if (key.name == "expect") {
      for (const auto& [name, place, pattern] : value.entries) settings.expect[name] = pattern.text;
    }
    if (key.name == "startup" && given) settings.startup = duration_of(value);
    if (key.name == "memory" && given) settings.memory = size_of(value);
    if (key.name == "cpu" && given) settings.cpu = size_of(value);
  }
}

PropertySettings build_settings(const Section& section, std::string_view property, Errors& errors) {
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
  read_own_settings(section, property, settings);
  if (property == "checkpoint-intact" && settings.judged &&
      settings.files.empty() == (section.has("format") || section.has("command"))) {
    errors.add(section.place(), "'files' goes with one of 'format' and 'command'");
  }
  if (property == "config-effective" && section.has("setting") != section.has("expect")) {
    errors.add(section.place(), "'setting' and 'expect' go together");
  }
  return settings;
}

// The setting that is watched varies, and every value of it has its expectation.
void check_setting(const Section& section, const Scenario& scenario, Errors& errors) {
  if (!section.has("setting") || !section.has("expect") || !section.sound("expect")) return;
  const auto& settings = scenario.properties.at("config-effective");
  const auto vary = std::ranges::find(scenario.target.vary, settings.setting, &Vary::name);
  if (vary == scenario.target.vary.end()) {
    errors.add(section.place("setting"),
               "no [[target.vary]] has the name " + in_single_quotes(settings.setting));
    return;
  }
  for (const auto& value : vary->values) {
    if (settings.expect.contains(value)) continue;
    errors.add(section.place("expect"),
               "nothing is expected for the value " + in_single_quotes(value));
  }
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
  const auto settings = scenario.properties.find(name);
  if (settings != scenario.properties.end() && !settings->second.judged) {
    errors.add(required.place, in_single_quotes(name) + " is required and switched off");
  }
}

}  // namespace

void build_properties(const Section& section, Scenario& scenario, Errors& errors) {
  for (const auto& property : kProperties) {
    auto& settings = scenario.properties[std::string(property.name)];
    settings = build_settings(section.sub(property.name), property.name, errors);
    settings.configured = section.has(property.name);
  }
  if (const auto released = section.sub("released");
      scenario.properties["released"].strict && !scenario.target.trace) {
    errors.add(released.place("strict"), "'strict' needs trace = true in [target]");
  }
  check_setting(section.sub("config-effective"), scenario, errors);
  for (const auto& [name, place, table] : section["custom"].entries) {
    const Section custom(*section.table("custom"), table);
    scenario.custom[name] = {texts_of(custom["command"]), duration_of(custom["timeout"])};
  }
  for (const auto& required : section["require"].items) {
    if (!required.bad) check_required(required, scenario, errors);
    if (std::ranges::find(scenario.required, required.text) == scenario.required.end()) {
      scenario.required.push_back(required.text);
    }
  }
}

}  // namespace lastcall
