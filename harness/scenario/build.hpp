// From the checked tree to the parts of a Scenario, and the rules that several keys make together.
// Internal to the parser.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/durations.hpp"
#include "base/signal_names.hpp"
#include "scenario/document.hpp"
#include "scenario/scenario.hpp"
#include "scenario/section.hpp"
#include "scenario/value_syntax.hpp"

namespace lastcall {

inline std::vector<Value> list_of(const Value& value) {
  if (value.type == Value::Type::absent) return {};
  return value.type == Value::Type::array ? value.items : std::vector{value};
}

inline std::vector<std::string> texts_of(const Value& value) {
  std::vector<std::string> texts;
  for (const auto& item : list_of(value)) texts.push_back(item.text);
  return texts;
}

// Reads a list whose items are texts, or tables of one pattern and perhaps `why`.
inline std::vector<Allowance> allowances_of(const Value& value) {
  std::vector<Allowance> allowances;
  for (const auto& item : list_of(value)) {
    Allowance one{item.text};
    for (const auto& [name, place, entry] : item.entries) {
      if (name == "why") {
        one.why = entry.text;
      } else {
        one.of = name;
        one.pattern = entry.text;
      }
    }
    allowances.push_back(std::move(one));
  }
  return allowances;
}

inline std::vector<int> integers_of(const Value& value) {
  std::vector<int> integers;
  for (const auto& item : list_of(value)) integers.push_back(static_cast<int>(item.integer));
  return integers;
}

inline std::vector<int> signals_of(const Value& value) {
  std::vector<int> signals;
  for (const auto& item : list_of(value)) signals.push_back(signal_number(item.text).value_or(0));
  return signals;
}

inline Nanoseconds duration_of(const Value& value) {
  return parse_duration(value.text).value_or(Nanoseconds());
}

inline Range<Nanoseconds> duration_range_of(const Value& value) {
  return parse_duration_range(value.text).value_or(Range<Nanoseconds>{});
}

inline Range<std::uint64_t> count_range_of(const Value& value) {
  if (value.type == Value::Type::text)
    return parse_count_range(value.text).value_or(Range<std::uint64_t>{});
  const auto count = static_cast<std::uint64_t>(value.integer);
  return {count, count};
}

inline std::uint64_t size_of(const Value& value) {
  if (value.type == Value::Type::text) return parse_size(value.text).value_or(0);
  return static_cast<std::uint64_t>(value.integer);
}

// The enumerator that a word names.
template <Described Enum>
Enum choice_of(const Value& value) {
  return from_name<Enum>(value.text).value_or(Enum{});
}

std::vector<ExpectedEnd> ends_of(const Value& value);
// A relative path means a file in this folder, unless a placeholder begins it.
inline constexpr std::string_view kScenarioFolder = "{here}";
std::string below(std::string_view folder, std::string_view path);
// The words of a command; the program may be given by a path relative to the folder.
std::vector<std::string> command_of(const Value& value, std::string_view folder = kScenarioFolder);

Target build_process(const Section& section, Errors& errors);  // process_keys() and "ready"

Limits build_limits(const Section& section);  // what limit_keys() say
Target build_target(const Section& section, Errors& errors);
// `file` is the whole file.
std::vector<Sidecar> build_sidecars(const Section& file, bool disk_is_limited, Errors& errors);
// `file` is the whole file. `own_certificate`: the target is given {tls.cert}.
std::vector<ClientGroup> build_clients(const Section& file, bool own_certificate, Errors& errors);
std::vector<FaultChoice> build_faults(const Section& file, const Stop& stop, Errors& errors);
// Whether there are the clients that the faults need.
void check_audience(const Section& file, const Scenario& scenario, Errors& errors);
// Whether a fault does.
bool limits_disk(const std::vector<FaultChoice>& faults);
void build_properties(const Section& section, Scenario& scenario, Errors& errors);

}  // namespace lastcall
