#include "checkers/service_view.hpp"

#include "checkers/checker_support.hpp"

namespace lastcall {

ServiceState service_of(const Plan& plan, const History& history) {
  const auto& target = plan.scenario.target;
  return ServiceState({.main_pid = target_pid(history),
                       .access_all = target.service.access_all,
                       .notifies = target.ready.notify,
                       .foreign_pids = target.pid1,
                       .watchdog = target.service.watchdog,
                       .watchdog_while_stopping = target.service.watchdog_while_stopping});
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

}  // namespace lastcall
