// Which properties judge only what a scenario asks for, and by which key it asks.
#include <algorithm>

#include "checkers/checker_support.hpp"

namespace lastcall {
namespace {

bool is_required(const Scenario& scenario, std::string_view property) {
  return std::ranges::find(scenario.required, property) != scenario.required.end();
}

// Whether the scenario has the target notify: it waits for READY=1, acts as its service manager, or
// says something about the property.
bool wants_notifications(const Scenario& scenario, const PropertySettings& wanted) {
  const auto& target = scenario.target;
  return target.ready.notify || target.service.watchdog || target.service.access_all ||
         wanted.configured || wanted.stopping || is_required(scenario, "notify");
}

// What is judged by what clients see only. Of `serves` readiness is left.
bool is_about_clients(std::string_view property) {
  return property == "in-flight-finished" || property == "close-handshake" ||
         property == "stops-accepting";
}

}  // namespace

std::string not_asked(const Plan& plan, std::string_view property) {
  const auto& scenario = plan.scenario;
  const auto& recovery = scenario.target.recovery;
  const auto& wanted = settings(plan, property);
  if (scenario.clients.empty() && is_about_clients(property))
    return "the scenario has no [[clients]]";
  if (property == "no-masked-panic" && !plan.traced) {
    return scenario.target.trace ? "this trial ran untraced (untraced_every)"
                                 : "the target is not traced: set [target] trace = true";
  }
  if (property == "drains-health" && wanted.url.empty())
    return "the scenario names no URL: add [properties.drains-health] url";
  if (property == "notify" && !wants_notifications(scenario, wanted)) {
    return "the scenario does not ask for notifications: add ready = { notify = true } or "
           "[properties.notify]";
  }
  if (property == "watchdog" && !scenario.target.service.watchdog)
    return "the scenario sets no watchdog: add [target.service] watchdog";
  if (property == "acked-durable" && !(recovery && recovery->ask))
    return "the scenario does not ask the restarted target: add [target.recovery.ask]";
  if (property == "recovers" && !recovery)
    return "the scenario does not restart the target: add [target.recovery]";
  if (property == "checkpoint-intact" && wanted.files.empty())
    return "the scenario names no files: add [properties.checkpoint-intact] files";
  if (property == "log-complete" && wanted.lines.empty())
    return "the scenario names no lines: add [properties.log-complete] lines";
  if (property == "config-effective" && wanted.setting.empty())
    return "the scenario names no setting: add [properties.config-effective] setting";
  if (property == "overhead" && !wanted.startup && !wanted.memory && !wanted.cpu) {
    return "the scenario states no bound: add startup, memory or cpu to [properties.overhead]";
  }
  return "";
}

}  // namespace lastcall
