#include "scenario/parse.hpp"

#include "scenario/build.hpp"
#include "scenario/check.hpp"

namespace lastcall {
namespace {

// A fault of the network is done by the proxy.
void check_network(const Section& file, const Scenario& scenario, Errors& errors) {
  if (std::ranges::any_of(scenario.clients, &ClientGroup::proxy)) return;
  const auto sections = file.each("faults");
  for (std::size_t i = 0; i < sections.size(); ++i) {
    if (std::holds_alternative<NetworkChoice>(scenario.faults[i].act)) {
      errors.add(sections[i].place(), "a fault 'network' needs clients with proxy = true");
    }
  }
}

// Who does not trace sees no system call, and what is state the target says.
void check_calls(const Section& file, const Scenario& scenario, Errors& errors) {
  const auto sections = file.each("faults");
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const auto* when = std::get_if<WhenSyscall>(&scenario.faults[i].when);
    if (when == nullptr) continue;
    const auto place = sections[i].sub("when");
    if (!scenario.target.trace)
      errors.add(place.place("syscall"), "a fault at a system call needs [target] trace = true");
    if (when->call.role == DescriptorRole::state && scenario.target.state.empty())
      errors.add(place.place("role"), "the role 'state' needs [target] state");
  }
}

Scenario build(const Section& file, std::string_view toml, Errors& errors) {
  Scenario scenario;
  scenario.about = file["about"].text;
  scenario.target = build_target(file.sub("target"), errors);
  const bool own_certificate = toml.find("{tls.cert}") != std::string_view::npos;
  scenario.clients = build_clients(file, own_certificate, errors);
  scenario.faults = build_faults(file, scenario.target.stop, errors);
  check_network(file, scenario, errors);
  check_calls(file, scenario, errors);
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
  Scenario scenario = build({scenario_table(), document}, toml, errors);
  if (!errors.empty()) return errors.take();
  return scenario;
}

}  // namespace lastcall
