#include "scenario/fixed_port.hpp"

#include <algorithm>
#include <string>

namespace lastcall {

bool names_fixed_port(const Scenario& scenario) {
  // Clients in process have no URL.
  const auto is_fixed = [](const std::string& text) {
    return !text.empty() && text.find("{port") == std::string::npos;
  };
  const auto& ready = scenario.target.ready;
  return std::ranges::any_of(scenario.clients, is_fixed, &ClientGroup::url) ||
         std::ranges::any_of(ready.urls, is_fixed) || std::ranges::any_of(ready.ports, is_fixed);
}

}  // namespace lastcall
