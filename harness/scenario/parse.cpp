// From the checked tree to the Scenario, and the rules that several keys make together.
#include "scenario/parse.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "scenario/check.hpp"
#include "scenario/document.hpp"
#include "scenario/keys.hpp"
#include "scenario/property_names.hpp"
#include "scenario/words.hpp"

namespace lastcall {
namespace {

constexpr std::uint64_t kMostClients = 1'000'000;  // all groups together

// One table of the file with its description. A key reads as written, else as its default. Where a
// value was bad, anything goes: the scenario is thrown away then, and only rules between sound
// values are judged.
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
    static const Value kEmpty{.type = Value::Type::table};
    return {*table_->key(key).table, has(key) ? value_->find(key)->value : kEmpty};
  }
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

std::vector<Value> list_of(const Value& value) {
  if (value.type == Value::Type::absent) return {};
  return value.type == Value::Type::array ? value.items : std::vector{value};
}

std::vector<std::string> texts_of(const Value& value) {
  std::vector<std::string> texts;
  for (const auto& item : list_of(value)) texts.push_back(item.text);
  return texts;
}

std::vector<int> integers_of(const Value& value) {
  std::vector<int> integers;
  for (const auto& item : list_of(value)) integers.push_back(static_cast<int>(item.integer));
  return integers;
}

std::vector<int> signals_of(const Value& value) {
  std::vector<int> signals;
  for (const auto& item : list_of(value)) signals.push_back(signal_number(item.text).value_or(0));
  return signals;
}

Nanoseconds duration_of(const Value& value) {
  return parse_duration(value.text).value_or(Nanoseconds());
}

Range<Nanoseconds> duration_range_of(const Value& value) {
  return parse_duration_range(value.text).value_or(Range<Nanoseconds>{});
}

Range<std::uint64_t> count_range_of(const Value& value) {
  if (value.type == Value::Type::text)
    return parse_count_range(value.text).value_or(Range<std::uint64_t>{});
  const auto count = static_cast<std::uint64_t>(value.integer);
  return {count, count};
}

// The value among `all` whose name() is `word`.
template <class Enum>
Enum named(std::string_view word, std::initializer_list<Enum> all) {
  const auto* found = std::ranges::find_if(all, [&](Enum one) { return name(one) == word; });
  return found == all.end() ? Enum{} : *found;
}

Readiness build_ready(const Section& section) {
  Readiness ready{.by = ReadyNotify{}, .timeout = duration_of(section["timeout"])};
  if (section.has("url")) ready.by = ReadyUrl{section["url"].text};
  if (section.has("port")) ready.by = ReadyPort{section["port"].text};
  if (section.has("log")) ready.by = ReadyLog{section["log"].text};
  return ready;
}

Stop build_stop(const Section& section) {
  Stop stop{.signals = signals_of(section["signal"]),
            .deadline = duration_of(section["deadline"]),
            .expected = {}};
  for (const auto& end : list_of(section["exit"])) {
    const bool by_signal = end.type == Value::Type::text;
    stop.expected.push_back({by_signal, by_signal ? signal_number(end.text).value_or(0)
                                                  : static_cast<int>(end.integer)});
  }
  return stop;
}

Target build_target(const Section& section) {
  Target target;
  target.command = texts_of(section["command"]);
  for (const auto& [name, place, value] : section["environment"].entries)
    target.environment[name] = value.text;
  target.directory = section["directory"].text;
  for (const auto& [name, place, value] : section["files"].entries)
    target.files.push_back({name, value.text});
  target.ready = build_ready(section.sub("ready"));
  target.stop = build_stop(section.sub("stop"));
  return target;
}

// The URL was checked, or the scenario is thrown away.
Protocol protocol_of(std::string_view url) {
  if (url.starts_with("wss:")) return Protocol::wss;
  if (url.starts_with("ws:")) return Protocol::ws;
  return url.starts_with("https:") ? Protocol::https : Protocol::http;
}

void check_protocol(const Section& section, const ClientGroup& group, Errors& errors) {
  const bool websocket = is_websocket(group.protocol);
  for (const std::string_view key : {"ack", "method", "status"}) {
    if (section.has(key) && websocket != (key == "ack")) {
      errors.add(section.place(key), "'" + std::string(key) + "' is for " +
                                         (websocket ? "http and https" : "ws and wss") + " only");
    }
  }
  if (!websocket && section.has("method") && group.method == "GET" && !group.message.empty()) {
    errors.add(section.place("message"),
               "a GET request carries no message; without 'method' it is a POST");
  }
}

ClientGroup build_group(const Section& section, std::size_t position, Errors& errors) {
  ClientGroup group;
  group.name = section.has("name") ? section["name"].text : "clients-" + std::to_string(position);
  group.url = section["url"].text;
  group.protocol = protocol_of(group.url);
  group.count = static_cast<std::uint32_t>(section["count"].integer);
  group.ramp = duration_of(section["ramp"]);
  group.pace = duration_range_of(section["pace"]);
  group.messages = static_cast<std::uint32_t>(section["messages"].integer);
  group.message = section["message"].text;
  if (is_websocket(group.protocol)) {
    if (!section.has("message")) group.message = "{id}";
    group.acknowledgement = section.has("ack") ? section["ack"].text : "{id}";
  } else {
    group.method = section["method"].text;
    if (group.method.empty()) group.method = group.message.empty() ? "GET" : "POST";
    group.status = integers_of(section["status"]);
  }
  if (section.has("url") && section.sound("url")) check_protocol(section, group, errors);
  return group;
}

std::vector<ClientGroup> build_clients(const Section& file, Errors& errors) {
  std::vector<ClientGroup> groups;
  std::set<std::string> names;
  std::uint64_t clients = 0;
  for (const auto& section : file.each("clients")) {
    groups.push_back(build_group(section, groups.size() + 1, errors));
    const auto& group = groups.back();
    if (section.sound("name") && !names.insert(group.name).second) {
      errors.add(
          section.has("name") ? section.place("name") : section.place(),
          "the name " + in_single_quotes(group.name) + " is taken by another group of clients");
    }
    const bool was_fine = clients <= kMostClients;
    clients += group.count;
    if (was_fine && clients > kMostClients) {
      errors.add(section.has("count") ? section.place("count") : section.place(),
                 "with this group the clients are more than " + std::to_string(kMostClients));
    }
  }
  return groups;
}

void check_fault(const Section& section, std::string_view what, Errors& errors) {
  const auto needs = [&](std::string_view key, bool allowed) {
    if (allowed && !section.has(key)) {
      errors.add(section.place(),
                 "a fault '" + std::string(what) + "' needs '" + std::string(key) + "'");
    }
  };
  const auto refuse = [&](std::string_view key, bool allowed) {
    if (!allowed && section.has(key)) {
      errors.add(section.place(key),
                 "'" + std::string(key) + "' does not go with a fault '" + std::string(what) + "'");
    }
  };
  const bool with_second = what == "double-signal";
  needs("signal", what != "stop");
  refuse("signal", what != "stop");
  needs("second", with_second);
  refuse("second", with_second);
  refuse("gap", with_second);
}

FaultChoice build_fault(const Section& section, const Stop& stop, Errors& errors) {
  using Kind = FaultChoice::Kind;
  const std::string what = section["what"].text;
  if (section.has("what") && section.sound("what")) check_fault(section, what, errors);
  FaultChoice fault;
  fault.kind = what == "stop" ? Kind::stop : what == "signal" ? Kind::signal : Kind::double_signal;
  fault.first = fault.kind == Kind::stop ? stop.signals : signals_of(section["signal"]);
  if (fault.kind == Kind::double_signal) {
    fault.second = signals_of(section["second"]);
    fault.gap = duration_range_of(section["gap"]);
  }
  const auto when = section.sub("when");
  if (when.has("event")) {
    fault.when =
        WhenEvent{named(when["event"].text, {ClientEvent::connected, ClientEvent::handshake,
                                             ClientEvent::sent, ClientEvent::acknowledged}),
                  count_range_of(when["nth"])};
  } else {
    fault.when = WhenPhase{named(when["phase"].text, {Phase::start, Phase::load, Phase::drain}),
                           duration_range_of(when["at"])};
  }
  return fault;
}

bool in_drain(const FaultChoice& fault) {
  const auto* when = std::get_if<WhenPhase>(&fault.when);
  return when != nullptr && when->phase == Phase::drain;
}

// Whatever is drawn from it, its first signal is one of the target's stop signals.
bool is_stop(const FaultChoice& fault, const Stop& stop) {
  return std::ranges::all_of(fault.first, [&](int signal) {
    return std::ranges::find(stop.signals, signal) != stop.signals.end();
  });
}

std::vector<FaultChoice> build_faults(const Section& file, const Stop& stop, Errors& errors) {
  if (!file.has("faults")) {
    return {{.kind = FaultChoice::Kind::stop,
             .first = stop.signals,
             .second = {},
             .gap = {},
             .when = WhenPhase{Phase::load, {Nanoseconds(0), std::chrono::seconds(1)}}}};
  }
  std::vector<FaultChoice> faults;
  const auto sections = file.each("faults");
  for (const auto& section : sections) faults.push_back(build_fault(section, stop, errors));
  if (!file.sound("faults") || !file.sub("target").sub("stop").sound("signal")) return faults;
  const auto stops = [&](const FaultChoice& fault) { return is_stop(fault, stop); };
  const auto late = std::ranges::find_if(faults, stops);
  if (late == faults.end()) {
    errors.add(sections.front().place(),
               "no fault begins the stop: one must be 'stop', or have only the target's stop "
               "signals as 'signal'");
  } else if (std::ranges::all_of(
                 faults, [&](const auto& fault) { return !stops(fault) || in_drain(fault); })) {
    const auto& section = sections[static_cast<std::size_t>(late - faults.begin())];
    errors.add(
        section.sub("when").place("phase"),
        "no fault begins the stop: the drain phase comes after it, so another fault must begin it");
  }
  return faults;
}

PropertySettings build_settings(const Section& section, std::string_view property, Errors& errors) {
  PropertySettings settings{.judged = section["judge"].boolean,
                            .why = section["why"].text,
                            .allow = {},
                            .codes = {},
                            .settling = std::nullopt};
  if (section.sound("judge") && section.sound("why")) {
    if (settings.judged && section.has("why")) {
      errors.add(section.place("why"),
                 "'why' says why a property is switched off: it goes with judge = false only");
    } else if (!settings.judged && !section.has("why")) {
      errors.add(section.place("judge"), "a property that is switched off states 'why'");
    }
  }
  if (property == "no-panic" || property == "released") settings.allow = texts_of(section["allow"]);
  if (property == "close-handshake") settings.codes = integers_of(section["codes"]);
  if (property == "in-flight-finished") settings.settling = duration_of(section["settling"]);
  return settings;
}

void build_properties(const Section& section, Scenario& scenario, Errors& errors) {
  for (const auto& property : kProperties) {
    scenario.properties[std::string(property.name)] =
        build_settings(section.sub(property.name), property.name, errors);
  }
  for (const auto& required : section["require"].items) {
    const auto settings = scenario.properties.find(required.text);
    if (settings != scenario.properties.end() && !settings->second.judged) {
      errors.add(required.place, in_single_quotes(required.text) + " is required and switched off");
    }
    if (std::ranges::find(scenario.required, required.text) == scenario.required.end()) {
      scenario.required.push_back(required.text);
    }
  }
}

Scenario build(const Section& file, Errors& errors) {
  Scenario scenario;
  scenario.about = file["about"].text;
  scenario.target = build_target(file.sub("target"));
  scenario.clients = build_clients(file, errors);
  scenario.faults = build_faults(file, scenario.target.stop, errors);
  build_properties(file.sub("properties"), scenario, errors);
  const auto budget = file.sub("budget");
  scenario.budget = {static_cast<std::uint32_t>(budget["trials"].integer),
                     duration_of(budget["load"])};
  return scenario;
}

}  // namespace

std::string ScenarioError::text() const {
  return file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + message;
}

std::variant<Scenario, std::vector<ScenarioError>> parse_scenario(std::string_view toml,
                                                                  std::string_view file) {
  Errors errors(file);
  Value document = read_toml(toml, errors);
  if (!errors.empty()) return errors.take();  // one syntax error hides what follows
  check(scenario_table(), document, errors);
  Scenario scenario = build({scenario_table(), document}, errors);
  if (!errors.empty()) return errors.take();
  return scenario;
}

}  // namespace lastcall
