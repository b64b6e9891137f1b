// What the trial process itself asks a target while it runs, alongside the clients. One thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>

#include "client/trigger_board.hpp"
#include "trial/trial_context.hpp"

namespace lastcall {

// For drains-health: asks its URL once and records the answer, so that it is known what readiness
// looked like before the stop. Nothing without a URL.
boost::asio::awaitable<void> probe_health_once(const TrialContext& trial);

// For drains-health, from the stop on: asks its URL again and again, each time on a connection of
// its own, and records the answers, until the listener has refused three times or `over()`; at most
// 10,000 times. Records nothing any more once `closed()`. What cannot be asked for want of ports or
// memory here is NotObserved.
boost::asio::awaitable<void> probe_health(const TrialContext& trial, std::function<bool()> over,
                                          std::function<bool()> closed);

// For config-effective: asks its URL once and records the lines of the answer, the first thousand.
boost::asio::awaitable<void> observe_setting(const TrialContext& trial);

// For `released`, if it is strict: what the target's processes have open each time that twice as
// many answers have come, from 16 on, until `over()`; not while `held()`: a command of lastcall's
// is below the trial process then.
boost::asio::awaitable<void> count_open(const TrialContext& trial, const TriggerBoard& board,
                                        std::function<bool()> over, std::function<bool()> held);

// For overhead, if it bounds memory or processor time: what the target has used as `phase` ends.
// Nothing if the target has just ended.
void note_resources(const TrialContext& trial, pid_t target, Phase phase);

}  // namespace lastcall
