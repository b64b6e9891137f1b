// recovers: started again in the same directory after its end, the target becomes ready.
//
// Sees what the scenario's readiness shows. Cannot see whether it serves as well as before, only,
// through acked-durable, whether it knows what it had acknowledged. A restart that lastcall could
// not even begin is unknown.
#include "scenario/properties/recovers.hpp"

#include "base/durations.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"

namespace lastcall::property::recovers {
namespace {

std::string not_asked(const Plan& plan) {
  return plan.scenario.target.recovery
             ? ""
             : "the scenario does not restart the target: add [target.recovery]";
}

Verdict check(const Plan& plan, const History& history) {
  if (auto why = not_asked(plan); !why.empty()) return Verdict::not_applicable(std::move(why));
  const auto started = history.first<RecoveryStarted>();
  if (const auto failed = history.first<RecoveryFailed>()) {
    std::vector<EventIndex> evidence{*failed};
    if (started) evidence.insert(evidence.begin(), *started);
    return Verdict::fail("restarted, " + failed->body->reason, evidence);
  }
  if (const auto ready = history.first<RecoveryReady>(); ready && started) {
    return Verdict::pass("ready after " +
                         human_duration(history.time(*ready) - history.time(*started)));
  }
  for (const auto& [i, missed] : history.all<NotObserved>()) {
    if (missed->property == Recovers::kName) return Verdict::unknown(missed->reason);
  }
  if (started) return Verdict::unknown("whether it became ready was not seen");
  return Verdict::not_applicable("the target was not started again");
}

}  // namespace
}  // namespace lastcall::property::recovers

const lastcall::Checker lastcall::property::Recovers::kChecker{.property = kName,
                                                               .check = recovers::check,
                                                               .not_asked = recovers::not_asked,
                                                               .judges_the_restart = true};
