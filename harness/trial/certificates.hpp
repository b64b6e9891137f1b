// The certificates of a trial, made in its directory if the scenario names them.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "scenario/placeholders.hpp"
#include "trial/trial.hpp"

namespace lastcall {

// Adds {tls.cert} and {tls.key}, the target's own, and {tls.client-cert} and {tls.client-key}, what
// clients show to a server that asks for it.
Result<void> make_certificates(const TrialOrder& order, std::string_view scenario_text,
                               Placeholders& placeholders);

}  // namespace lastcall
