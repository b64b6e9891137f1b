// Waiting for a target to become ready in the way its scenario says. One thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>

#include "trial/target_process.hpp"
#include "trial/trial_parts.hpp"

namespace lastcall {

// Whether it became ready before `over()` and within the scenario's time. A target that has ended
// since may have been ready; the caller looks. `extended` says until when a target that notifies
// may take, EXTEND_TIMEOUT_USEC and all; without it the scenario's time it is.
boost::asio::awaitable<bool> await_ready(const TrialParts& trial, const TargetProcess& target,
                                         std::function<bool()> over,
                                         std::function<TimePoint(Nanoseconds)> extended = {});

}  // namespace lastcall
