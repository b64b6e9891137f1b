#include "checkers/checkers.hpp"

#include <algorithm>
#include <array>
#include <exception>

#include "checkers/judging.hpp"
#include "history/utf8.hpp"
#include "scenario/property_names.hpp"

namespace lastcall {
namespace {

constexpr std::size_t kMostEvidence = 20;

struct Checker {
  std::string_view property;
  Verdict (*check)(const Plan&, const History&);
  bool needs_clients;    // depends on what the clients recorded, not only the trial process
  bool judges_the_stop;  // says nothing unless the trial did what its plan asks
};

constexpr std::array kCheckers{
    Checker{"serves", checkers::serves, true, false},
    Checker{"no-panic", checkers::no_panic, false, false},
    Checker{"clean-exit", checkers::clean_exit, false, true},
    Checker{"deadline", checkers::deadline, false, true},
    Checker{"in-flight-finished", checkers::in_flight_finished, true, true},
    Checker{"close-handshake", checkers::close_handshake, true, true},
    Checker{"released", checkers::released, false, true},
};
static_assert(std::ranges::equal(kCheckers, kProperties, {}, &Checker::property,
                                 &PropertyName::name));

// Why nothing better than `unknown` can be said about a property; empty if there is no reason.
std::string why_unknown(const Checker& checker, const Verdict& verdict, const History& history) {
  if (const auto i = history.first<TargetNotStarted>()) {
    return "the target could not be started: " +
           std::get<TargetNotStarted>(history.at(*i).body).reason;
  }
  if (verdict.outcome == Outcome::fail) return "";
  for (const auto& [i, lost] : history.all<EventsLost>()) {
    if (checker.needs_clients || lost->source == "trial") {
      return "events of " + lost->source + " were lost: " + lost->reason;
    }
  }
  // With the stop there, what had nothing to judge had nothing whatever the other faults.
  const bool is_open = verdict.outcome == Outcome::pass || !history.stop();
  const auto missed = history.first<FaultNotReached>();
  if (checker.judges_the_stop && is_open && missed) {
    const auto& fault = std::get<FaultNotReached>(history.at(*missed).body);
    return "fault " + std::to_string(fault.fault.value + 1) + " was not reached: " + fault.reason;
  }
  return "";
}

Verdict checked(const Checker& checker, const Plan& plan, const History& history) {
  Verdict verdict;
  try {
    verdict = checker.check(plan, history);
  } catch (const std::exception& e) {
    verdict = {};
    verdict.outcome = Outcome::unknown;
    verdict.reason = std::string("the checker failed: ") + e.what();
  }
  verdict.property = checker.property;
  if (auto reason = why_unknown(checker, verdict, history); !reason.empty()) {
    verdict.outcome = Outcome::unknown;
    verdict.reason = std::move(reason);
  }
  verdict.reason = valid_utf8(verdict.reason);
  std::ranges::replace(verdict.reason, '\n', ' ');
  if (verdict.evidence.size() > kMostEvidence) verdict.evidence.resize(kMostEvidence);
  for (const auto i : verdict.evidence) {
    verdict.evidence_text.push_back(to_json(history.at(i), history.time(0)));
  }
  return verdict;
}

}  // namespace

std::vector<Verdict> judge(const Plan& plan, const History& history) {
  std::vector<Verdict> verdicts;
  for (const auto& checker : kCheckers) {
    if (settings(plan, checker.property).judged)
      verdicts.push_back(checked(checker, plan, history));
  }
  return verdicts;
}

Outcome worst(const std::vector<Verdict>& verdicts) {
  Outcome worst = Outcome::not_applicable;
  for (const auto& verdict : verdicts) worst = std::max(worst, verdict.outcome);
  return worst;
}

}  // namespace lastcall
