#include "scenario/parse.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <map>

#include "base/nearest_name.hpp"
#include "scenario/build.hpp"
#include "scenario/check.hpp"
#include "scenario/parse_document.hpp"
#include "scenario/placeholders.hpp"

namespace lastcall {
namespace {

// Who does not trace sees neither system calls nor functions, and what is state the target says.
void check_traced_moments(const Section& file, Scenario& scenario, Errors& errors) {
  const auto sections = file.each("faults");
  const auto target = file.sub("target");
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const auto* when = std::get_if<WhenSyscall>(&scenario.faults[i].when);
    if (when == nullptr && !std::holds_alternative<WhenVisit>(scenario.faults[i].when)) continue;
    const std::string moment = when == nullptr ? "a function" : "a system call";
    const auto place = sections[i].sub("when");
    if (!scenario.target.trace) {
      errors.add(place.place(when == nullptr ? "function" : "syscall"),
                 "a fault at " + moment + " needs [target] trace = true");
    }
    if (!target.has("untraced_every")) {
      scenario.target.untraced_every = 0;
    } else if (scenario.target.untraced_every != 0) {
      errors.add(target.place("untraced_every"),
                 "a fault at " + moment + " needs every trial traced: say 0, or leave it out");
    }
    if (when == nullptr) continue;
    if (when->call.role == DescriptorRole::state && scenario.target.state.empty())
      errors.add(place.place("role"), "the role 'state' needs [target] state");
  }
}

// What the text of each value below this one is checked with.
template <class Check>
void each_text(const Value& value, const Check& check) {
  if (value.type == Value::Type::text) check(value);
  for (const auto& item : value.items) each_text(item, check);
  for (const auto& entry : value.entries) each_text(entry.value, check);
}

// {sidecar.NAME} is the folder of a sidecar that is there.
void check_folders(const Value& document, const Scenario& scenario, Errors& errors) {
  constexpr std::string_view kFolder = "sidecar.";
  each_text(document, [&](const Value& value) {
    for (const auto& name : placeholders_in(value.text)) {
      if (!name.starts_with(kFolder)) continue;
      const auto wanted = name.substr(kFolder.size());
      if (std::ranges::find(scenario.sidecars, wanted, &Sidecar::name) == scenario.sidecars.end())
        errors.add(value.place, "no [[sidecars]] has the name " + in_single_quotes(wanted));
    }
  });
}

// A port that may stay is one of those that the scenario names, or a number.
void check_allowed_ports(const Value& document, Errors& errors) {
  std::vector<std::string> names;
  each_text(document, [&](const Value& value) {
    for (const auto& name : placeholders_in(value.text)) {
      if (name == "port") names.push_back(name);
      if (name.starts_with("port.")) names.push_back(name.substr(5));
      if (name.starts_with("port")) names.push_back("{" + name + "}");
    }
  });
  const auto* allow = &document;
  for (const auto* key : {"properties", "released", "allow"}) {
    const auto* entry = allow->find(key);
    if (entry == nullptr) return;
    allow = &entry->value;
  }
  for (const auto& item : allow->items) {
    const auto* port = item.find("port");
    if (port == nullptr || port->value.text.empty()) continue;
    if (item.find("file") != nullptr || item.find("process") != nullptr) continue;
    const auto& text = port->value.text;
    const auto is_one = [&](const std::string& name) {
      return ::fnmatch(text.c_str(), name.c_str(), 0) == 0;
    };
    if (text.find_first_of("0123456789*?[") != text.npos || std::ranges::any_of(names, is_one))
      continue;
    const auto near = nearest_name(text, names);
    errors.add(port->value.place,
               "{port." + text + "} does not stand in the scenario" +
                   (near ? "; did you mean " + in_single_quotes(*near) + "?" : ""));
  }
}

// A setting that varies must not end a header, or the request.
void check_varied_headers(const Section& file, const Scenario& scenario, Errors& errors) {
  for (const auto& section : file.each("clients")) {
    for (const auto& [name, place, value] : section["headers"].entries) {
      const auto used = placeholders_in(value.text);
      for (const auto& vary : scenario.target.vary) {
        if (std::ranges::find(used, "vary." + vary.name) == used.end()) continue;
        for (const auto& drawn : vary.values) {
          if (auto problem = header_value_problem(drawn); !problem.empty())
            errors.add_once(value.place, "{vary." + vary.name + "}: " + problem);
        }
      }
    }
  }
}

// A value in one form, whatever its place in the file: tables come sorted by name.
std::string canonical(const Value& value) {
  std::string text = std::to_string(static_cast<int>(value.type)) + " ";
  switch (value.type) {
    case Value::Type::boolean:
      return text + (value.boolean ? "1" : "0");
    case Value::Type::integer:
      return text + std::to_string(value.integer);
    case Value::Type::array:
      for (const auto& item : value.items) text += canonical(item) + ",";
      return text + "]";
    case Value::Type::table: {
      std::map<std::string, std::string> entries;
      for (const auto& entry : value.entries) entries[entry.name] = canonical(entry.value);
      for (const auto& [name, said] : entries)
        text += std::to_string(name.size()) + " " + name + "=" + said + ",";
      return text + "}";
    }
    default:
      return text + std::to_string(value.text.size()) + " " + value.text;
  }
}

Scenario build(const Section& file, std::string_view toml, Errors& errors) {
  Scenario scenario;
  scenario.about = file["about"].text;
  scenario.target = build_target(file.sub("target"), errors);
  const bool own_certificate = toml.find("{tls.cert}") != std::string_view::npos;
  scenario.clients = build_clients(file, own_certificate, errors);
  scenario.faults = build_faults(file, scenario.target.stop, errors);
  check_traced_moments(file, scenario, errors);
  check_audience(file, scenario, errors);
  const bool disk_is_limited =
      scenario.target.limits.contains(Resource::disk) || limits_disk(scenario.faults);
  scenario.sidecars = build_sidecars(file, disk_is_limited, errors);
  check_varied_headers(file, scenario, errors);
  build_properties(file.sub("properties"), scenario, errors);
  const auto budget = file.sub("budget");
  scenario.budget = {static_cast<std::uint32_t>(budget["trials"].integer),
                     duration_of(budget["load"])};
  if (budget.has("trial_timeout"))
    scenario.budget.trial_timeout = duration_of(budget["trial_timeout"]);
  return scenario;
}

}  // namespace

std::string ScenarioError::text() const {
  if (line == 0) return file + ": " + message;
  return file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + message;
}

std::string seed_key_of(const Value& document) {
  if (const auto* name = document.find("name")) return "name " + name->value.text;
  Value rest = document;
  std::erase_if(rest.entries, [](const Entry& entry) { return entry.name == "about"; });
  return canonical(rest);
}

std::string scenario_seed_key(std::string_view toml) {
  Errors errors("");
  return seed_key_of(read_toml(toml, errors));
}

Scenario scenario_of(Value document, std::string_view toml, Errors& errors) {
  for (const auto* key : {"extends", "vary"}) {
    const auto* entry = document.find(key);
    if (entry != nullptr && (entry->value.type == Value::Type::text || !entry->value.items.empty()))
      errors.add(entry->place,
                 in_single_quotes(key) + " goes into a file that lastcall reads itself");
  }
  check(scenario_table(), document, errors);
  Scenario scenario = build({scenario_table(), document}, toml, errors);
  check_folders(document, scenario, errors);
  check_allowed_ports(document, errors);
  return scenario;
}

void check_vary(Value& alone, Errors& errors) {
  static const Table table{.where = "at the top level", .keys = {scenario_table().key("vary")}};
  check(table, alone, errors);
}

std::variant<Scenario, std::vector<ScenarioError>> parse_scenario(std::string_view toml,
                                                                  std::string_view file) {
  Errors errors(file);
  Value document = read_toml(toml, errors);
  if (!errors.empty()) return errors.take();  // one syntax error hides what follows
  auto scenario = scenario_of(std::move(document), toml, errors);
  if (!errors.empty()) return errors.take();
  return scenario;
}

}  // namespace lastcall
