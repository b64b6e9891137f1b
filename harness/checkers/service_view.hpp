// What `notify` and `watchdog` share: the service's state machine fed from a history, up to its
// end.
#pragma once

#include <cstdint>
#include <functional>

#include "history/history.hpp"
#include "history/service_state.hpp"
#include "plan/plan.hpp"
#include "scenario/scenario.hpp"

namespace lastcall {

// What the scenario says of the service, without the limit of its start, which only a trial has.
ServiceState::Settings service_settings(const Target& target, std::int32_t main_pid);

// The service as the trial was to see it, before anything came.
ServiceState service_of(const Plan& plan, const History& history);

// What is told about each event, in order.
struct ServiceListener {
  // Before the event changes the state.
  std::function<void(EventIndex, const ServiceState&)> before{};
  // What became of a notification's assignments, after they changed the state.
  std::function<void(EventIndex, const ServiceState&, const std::vector<Assessed>&)> notified{};
};

// Feeds a history's events up to the end of the target, or of the history.
void replay_service(const Plan& plan, const History& history, const ServiceListener& listener);

// How often, during the stop, EXTEND_TIMEOUT_USEC asked for more than the scenario grants.
std::uint64_t stop_asks_beyond(const Plan& plan, const History& history);

}  // namespace lastcall
