#include "checkers/service_view.hpp"

#include "checkers/checker_support.hpp"

namespace lastcall {

ServiceState::Settings service_settings(const Target& target, std::int32_t main_pid) {
  return {.main_pid = main_pid,
          .access_all = target.service.access_all,
          .notifies = target.ready.notify,
          .foreign_pids = target.pid1,
          .watchdog = target.service.watchdog,
          .watchdog_while_stopping = target.service.watchdog_while_stopping,
          .longest_stop = longest_stop(target)};
}

ServiceState service_of(const Plan& plan, const History& history) {
  return ServiceState(service_settings(plan.scenario.target, target_pid(history)));
}

void replay_service(const Plan& plan, const History& history, const ServiceListener& listener) {
  auto service = service_of(plan, history);
  for (EventIndex i = 0; i < history.events().size(); ++i) {
    const auto& [at, body] = history.at(i);
    if (listener.before) listener.before(i, service);
    if (const auto* said = std::get_if<Notification>(&body)) {
      const auto assessed = service.notified(at, {said->pid, said->text, said->descriptors});
      if (listener.notified) listener.notified(i, service, assessed);
    } else if (std::holds_alternative<TargetReady>(body)) {
      service.activated(at);
    } else if (history.stop() == i) {
      service.stop_begun(at);
    } else if (std::holds_alternative<TargetEnded>(body)) {
      break;
    }
  }
}

std::uint64_t stop_asks_beyond(const Plan& plan, const History& history) {
  std::uint64_t count = 0;
  const auto note = [&](EventIndex, const ServiceState& service, const std::vector<Assessed>&) {
    count = service.stop_asks_beyond();
  };
  replay_service(plan, history, {.notified = note});
  return count;
}

}  // namespace lastcall
