#include "checkers/never_judged.hpp"

#include <algorithm>

#include "checkers/checker.hpp"
#include "checkers/checkers.hpp"
#include "scenario/behaviour.hpp"
#include "scenario/properties/clean_exit.hpp"
#include "scenario/properties/in_flight_finished.hpp"
#include "scenario/properties/repeat_signal.hpp"

namespace lastcall {
namespace {

// Signals of [target.stop] that the faults send. Those to a child, which a stop may be meant for,
// are no second ones (repeat-signal).
std::size_t stop_signals(const Plan& plan, bool to_a_child) {
  const auto& signals = plan.scenario.target.stop.signals;
  std::size_t count = 0;
  for (const auto& fault : plan.faults) {
    const auto* send = std::get_if<SendSignals>(&fault.act);
    if (send == nullptr || (!to_a_child && send->to == Recipient::child)) continue;
    count += static_cast<std::size_t>(std::ranges::count_if(send->steps, [&](const auto& step) {
      return std::ranges::count(signals, step.signal) > 0;
    }));
  }
  return count;
}

// Whether some client of the group sends requests before the stop.
bool asks(const ClientGroup& group) {
  if (group.during_drain) return false;
  const bool is_http = group.protocol == Protocol::http || group.protocol == Protocol::https;
  if (!is_http && group.message.empty() && group.opening.empty()) return false;
  return std::ranges::any_of(
      group.mix, [](const auto& one) { return traits(one.first).asks != Asking::never; });
}

}  // namespace

std::string never_judged(std::string_view property, const Plan& plan) {
  const auto* checker = find_checker(property);
  if (checker == nullptr) return {};
  if (auto why = checker->not_asked(plan); !why.empty()) return why;
  // A target that ends unasked breaks clean-exit without a stop, too.
  if (checker->judges_the_stop && stop_signals(plan, true) == 0 &&
      property != property::CleanExit::kName)
    return "no fault sends the target a signal of [target.stop]: add [[faults]] what = \"stop\"";
  if (property == property::RepeatSignal::kName && stop_signals(plan, false) < 2)
    return "no fault sends a second stop signal: add [[faults]] what = \"double-signal\"";
  if (property == property::InFlightFinished::kName &&
      std::ranges::none_of(plan.scenario.clients, asks))
    return "no client sends a request before the stop: add [[clients]] with a url of http or "
           "https, or with a message";
  return {};
}

}  // namespace lastcall
