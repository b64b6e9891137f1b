// Whether trials of a scenario cannot run at once, as their targets would want the same port.
#pragma once

#include "scenario/scenario.hpp"

namespace lastcall {

// Whether the target is spoken to at a port that the scenario names by its number.
bool names_fixed_port(const Scenario& scenario);

}  // namespace lastcall
