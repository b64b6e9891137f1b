// A Plan is everything random about a trial, drawn before it runs: a plain, versioned value that
// can be saved, read, edited, shrunk and replayed on its own. It embeds its scenario as text, names
// ports symbolically, and writes bulk clients as a sub-seed with overrides.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "fault/fault.hpp"
#include "scenario/parse.hpp"
#include "scenario/scenario.hpp"

namespace lastcall {

// What one client of a group does instead of what the sub-seed draws.
struct ClientOverride {
  bool absent = false;               // this client does not take part
  std::optional<Nanoseconds> start;  // its start after its group's phase began
  std::optional<Behaviour> behaviour{};
  friend bool operator==(const ClientOverride&, const ClientOverride&) = default;
};

struct PlannedGroup {
  std::uint64_t seed = 0;
  std::map<std::uint32_t, ClientOverride> overrides;  // by position in the group
  friend bool operator==(const PlannedGroup&, const PlannedGroup&) = default;
};

struct Plan {
  static constexpr int kVersion = 1;
  std::string scenario_file;  // as it was named on the command line; {here} is its folder
  std::string scenario_text;  // the TOML, whole
  Scenario scenario;          // parsed from scenario_text
  std::uint64_t seed = 0;
  std::map<std::string, std::string> varied;  // of each [[target.vary]] the value drawn
  std::vector<PlannedGroup> groups;           // one per [[clients]] entry
  std::vector<Fault> faults;                  // one per [[faults]] entry
  bool traced = true;                         // false: this trial runs without the tracer
};

// What the plan's scenario tells a property (scenario/scenario.hpp).
template <class Property>
const Property& settings(const Plan& plan) {
  return settings<Property>(plan.scenario);
}
template <class Property>
Property& settings(Plan& plan) {
  return settings<Property>(plan.scenario);
}

// Draws a plan. The same arguments give the same plan on every machine. `scenario` must be what
// `scenario_text` parses to. `trial`: its number among those of the scenario, from 1; some of them
// run untraced (Target::untraced_every).
Plan draw_plan(std::string_view scenario_file, std::string_view scenario_text,
               const Scenario& scenario, std::uint64_t seed, std::uint32_t trial = 1);

// One client as the plan has it. Its pauses, messages and garbage are drawn from `pace_seed` while
// it runs.
struct PlannedClient {
  ClientId id;
  std::uint32_t group = 0;
  Nanoseconds start{};  // after its phase began: the drain of those that come late, else the load
  Behaviour behaviour{};
  Nanoseconds misbehaves{};  // after the handshake
  std::uint32_t source = 0;  // IPv4 address to bind to, host byte order; 0: any
  std::uint64_t pace_seed = 0;
  std::uint32_t leaves_after = 0;  // answers, if the stop has not begun; 0: it stays
};

// Whether it starts when the stop begins, not when the load does.
inline bool comes_late(const ClientGroup& group, Behaviour behaviour) {
  return group.during_drain || behaviour == Behaviour::late;
}

// The clients of a plan, absent ones left out, in order of id. Ids count over all groups, absent
// ones included.
std::vector<PlannedClient> planned_clients(const Plan& plan);

// plan.json: deterministic, two-space indented, ends with a newline.
std::string to_json(const Plan& plan);

// Reads plan.json. Errors name the place: "plan.json: faults[0].when.phase: …", those of the
// embedded scenario as "plan.json: scenario: file:line:column: …".
Result<Plan> plan_from_json(std::string_view json, std::string_view file);

}  // namespace lastcall
