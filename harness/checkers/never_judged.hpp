// What no trial of a scenario can judge, whatever happens in it: told before the first one runs.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "plan/plan.hpp"

namespace lastcall {

// Why the property is never judged, with the key that would change that; empty if it can be.
std::string never_judged(std::string_view property, const Plan& plan);

}  // namespace lastcall
