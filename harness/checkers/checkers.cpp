#include "checkers/checkers.hpp"

#include <algorithm>
#include <array>
#include <exception>

#include "base/signal_names.hpp"
#include "checkers/checker_support.hpp"
#include "checkers/consequences.hpp"
#include "checkers/interference.hpp"
#include "history/utf8.hpp"
#include "scenario/properties.hpp"

namespace lastcall {
namespace {

constexpr std::size_t kMaxEvidence = 20;

template <class... Property>
constexpr std::array<const Checker*, sizeof...(Property)> checkers_of(PropertyList<Property...>) {
  return {&Property::kChecker...};
}
constexpr auto kCheckers = checkers_of(Properties{});

// Whether a worker of the clients, not the trial process, may have begun the stop: it strikes where
// it counts the event.
bool stop_is_a_workers(const Plan& plan) {
  return std::ranges::any_of(
      plan.faults, [](const Fault& fault) { return std::holds_alternative<NthEvent>(fault.when); });
}

// Whether what was lost from this source could change the verdict.
bool matters(const EventsLost& lost, const Checker& checker, const Verdict& verdict,
             const Plan& plan, const History& history) {
  // Each may take back what those before it show: a heartbeat, or READY=1 after a reload.
  if (lost.source == kLostNotifications) return checker.needs_notifications;
  if (verdict.outcome == Outcome::fail && !verdict.rests_on_absence) return false;
  if (lost.source == kLostControlFrames || lost.source.starts_with(kSidecarOutputSource))
    return false;
  if (lost.source == "output") return checker.needs_output;
  if (lost.source == "files") return checker.needs_files;
  const bool stop_may_be_lost = !history.stop() && stop_is_a_workers(plan);
  if (lost.source == "tracer" || lost.source == "ends") return checker.needs_tracer(plan);
  if (lost.source.starts_with(kSidecarSource)) return true;
  return lost.source == "trial" || checker.needs_clients ||
         (stop_may_be_lost && (checker.judges_the_stop || verdict.rests_on_absence));
}

// Why a fault was not reached. Where the target had ended by what lastcall did, that is said.
std::string why_not_reached(const FaultNotReached& fault, const History& history) {
  const auto by_lastcall = ended_by_lastcall(history);
  if (!by_lastcall || !fault.reason.starts_with(FaultNotReached::kTargetHadEnded))
    return fault.reason;
  return *by_lastcall + fault.reason.substr(FaultNotReached::kTargetHadEnded.size());
}

// Why nothing better than `unknown` can be said about a property; empty if there is no reason.
std::string why_unknown(const Checker& checker, const Verdict& verdict, const Plan& plan,
                        const History& history) {
  if (const auto failed = history.first<TargetNotStarted>())
    return "the target could not be started: " + failed->body->reason;
  if (!checker.not_asked(plan).empty()) return "";
  if (auto trouble = sidecar_trouble(history, verdict, checker.judges_the_restart);
      !trouble.empty())
    return trouble;
  const bool fails = verdict.outcome == Outcome::fail;
  for (const auto& [i, lost] : history.all<EventsLost>()) {
    if (!matters(*lost, checker, verdict, plan, history)) continue;
    return (fails ? verdict.reason + "; but " : "") + lost_text(*lost);
  }
  if (fails && verdict.time_claim) {
    const auto& claim = *verdict.time_claim;
    const auto found =
        interference(history, claim, checker.needs_clients || checker.waits_for_clients);
    if (found.total > Nanoseconds(0) && found.total >= claim.tolerance) {
      return verdict.reason + "; but " + found.text + " meanwhile";
    }
  }
  if (fails) return "";
  // With the stop there, or lastcall's own SIGKILL, what had nothing to judge had nothing whatever
  // the other faults.
  const bool is_open =
      verdict.outcome == Outcome::pass || (!history.stop() && !fault_killed(history));
  const auto missed = history.first<FaultNotReached>();
  if (checker.judges_the_stop && is_open && missed) {
    return "fault " + std::to_string(missed->body->fault.value + 1) +
           " was not reached: " + why_not_reached(*missed->body, history);
  }
  return "";
}

Verdict outcome_of(const Checker& checker, const Plan& plan, const History& history) {
  try {
    if (plan.scenario.clients.empty() && checker.needs_clients) {
      auto why = checker.not_asked(plan);
      if (!why.empty()) return Verdict::not_applicable(std::move(why));
    }
    const auto forced = forced_by_second_signal(plan, history);
    if (checker.off_when_forced && forced) return Verdict::not_applicable(*forced);
    return checker.check(plan, history);
  } catch (const std::exception& e) {
    return Verdict::unknown(std::string("the checker failed: ") + e.what());
  }
}

// What the tracer may have had to do with a failure; empty if nothing.
std::string doubt_about_the_taker(const History& history) {
  const auto found = history.first<TakerInDoubt>();
  if (!found) return "";
  const auto& taker = *found->body;
  return "; thread " + std::to_string(taker.tid) + " took " + signal_name(taker.signal) +
         ", untraced it may have been another thread: trace = false tells";
}

// What to add to a failure that came before any client had connected: only lastcall's own readiness
// probe had reached the target by then. Empty if clients had come, or nothing probed.
std::string only_probed_so_far(const Verdict& verdict, const Plan& plan, const History& history) {
  const auto& ready = plan.scenario.target.ready;
  if ((ready.urls.empty() && ready.ports.empty()) || verdict.evidence.empty()) return "";
  if (verdict.property != property::CleanExit::kName &&
      verdict.property != property::NoPanic::kName &&
      verdict.property != property::NoMaskedPanic::kName)
    return "";
  const auto seen = std::ranges::max(verdict.evidence);
  const auto stop = history.stop();
  const bool is_later = (stop && *stop < seen) ||
                        std::ranges::any_of(history.connections(), [&](const ConnectionView& c) {
                          return c.invoked < seen;
                        });
  if (is_later || !is_before(history.first<TargetReady>(), seen)) return "";
  const auto probe =
      ready.urls.empty() ? "port " + ready.ports.front() : "url " + ready.urls.front();
  return "; no client had come by then, only lastcall's own readiness probe (" + probe + ")";
}

Verdict checked(const Checker& checker, const Plan& plan, const History& history) {
  auto verdict = outcome_of(checker, plan, history);
  verdict.property = checker.property;
  if (auto reason = why_unknown(checker, verdict, plan, history); !reason.empty())
    verdict.conclude(Outcome::unknown, std::move(reason));
  if (verdict.outcome == Outcome::fail) {
    verdict.reason += doubt_about_the_taker(history) + only_probed_so_far(verdict, plan, history);
  }
  verdict.reason = valid_utf8(verdict.reason);
  std::ranges::replace(verdict.reason, '\n', ' ');
  return verdict;
}

void keep_evidence(Verdict& verdict, const History& history) {
  if (verdict.evidence.size() > kMaxEvidence) verdict.evidence.resize(kMaxEvidence);
  for (const auto i : verdict.evidence) {
    verdict.evidence_text.push_back(to_json(history.at(i), history.time(0)));
  }
}

}  // namespace

const Checker* find_checker(std::string_view property) {
  const auto found = std::ranges::find(kCheckers, property, &Checker::property);
  return found == kCheckers.end() ? nullptr : *found;
}

std::vector<Verdict> judge(const Plan& plan, const History& history) {
  std::vector<Verdict> verdicts;
  for (const auto* checker : kCheckers) {
    if (settings(plan.scenario, checker->property).judged)
      verdicts.push_back(checked(*checker, plan, history));
  }
  mark_consequences(plan, history, verdicts);
  for (auto& verdict : verdicts) keep_evidence(verdict, history);
  return verdicts;
}

Outcome worst(const std::vector<Verdict>& verdicts) {
  Outcome worst = Outcome::not_applicable;
  for (const auto& verdict : verdicts) worst = std::max(worst, verdict.outcome);
  return worst;
}

}  // namespace lastcall
