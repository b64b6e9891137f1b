#include "trial/longest_trial.hpp"

#include <algorithm>
#include <csignal>

#include "scenario/properties/checkpoint_intact.hpp"

namespace lastcall {
namespace {

// What lastcall itself does in a trial takes it a second or two: it lays out and removes folders,
// asks a target that hangs where it stands, kills, merges and judges. With kSlowMachine it is also
// more than its waits for client workers and a keeper that do not answer, of twenty seconds each.
constexpr Nanoseconds kOwnWork = std::chrono::seconds(30);
// A worker makes a client in some hundred microseconds.
constexpr Nanoseconds kOwnWorkAClient = std::chrono::milliseconds(5);
// For the command that inspects the files of a pattern, and for all questions to a restarted target
// (trial/inspection.cpp, trial/durability_queries.cpp).
constexpr Nanoseconds kInspection = std::chrono::seconds(20);
constexpr Nanoseconds kQuestions = std::chrono::seconds(35);
// Plans are edited by hand: a sum of what they say is bounded.
constexpr Nanoseconds kWeek = std::chrono::hours(7 * 24);

Nanoseconds sum(Nanoseconds a, Nanoseconds b) {
  return std::min(std::clamp(a, Nanoseconds(0), kWeek) + std::clamp(b, Nanoseconds(0), kWeek),
                  kWeek);
}

Nanoseconds waits_for_sidecars(const std::vector<Sidecar>& sidecars) {
  Nanoseconds all{};
  for (const auto& sidecar : sidecars)
    all += sidecar.process.ready.timeout + sidecar.process.stop.deadline;
  return all;
}

// After the target's end.
Nanoseconds waits_for_judgement(const Plan& plan) {
  const auto& target = plan.scenario.target;
  Nanoseconds all{};
  if (target.recovery) all += target.ready.timeout + target.stop.deadline;
  if (target.recovery && target.recovery->ask) all += kQuestions;
  const auto& checkpoints = settings<property::CheckpointIntact>(plan);
  if (!checkpoints.command.empty())
    all += kInspection * static_cast<std::int64_t>(checkpoints.files.size());
  for (const auto& [name, checker] : plan.scenario.custom) all += checker.timeout;
  return all;
}

}  // namespace

Nanoseconds longest_pause(const Plan& plan) {
  Nanoseconds planned{};
  bool is_any = false;
  for (const auto& fault : plan.faults) {
    const auto* signals = std::get_if<SendSignals>(&fault.act);
    if (signals == nullptr) continue;
    bool is_held = false;
    for (const auto& [signal, after] : signals->steps) {
      if (is_held) planned = sum(planned, after);
      if (signal == SIGSTOP) is_any = is_held = true;
      if (signal == SIGCONT) is_held = false;
    }
    // A SIGCONT in the drain may be what ends the pause of another fault.
    const auto* moment = std::get_if<PhaseMoment>(&fault.when);
    if (moment != nullptr && moment->phase == Phase::drain) planned = sum(planned, moment->after);
  }
  return is_any ? sum(planned, plan.scenario.target.stop.deadline) : Nanoseconds(0);
}

Nanoseconds longest_trial(const Plan& plan) {
  const auto& budget = plan.scenario.budget;
  if (budget.trial_timeout) return *budget.trial_timeout;
  const auto& target = plan.scenario.target;
  const auto waits = waits_for_sidecars(plan.scenario.sidecars) + longest_start(target) +
                     budget.load + longest_stop(target) + longest_pause(plan) +
                     waits_for_judgement(plan);
  const auto clients = static_cast<std::int64_t>(planned_clients(plan).size());
  // A longer load makes a longer history, which takes longer to judge.
  return waits + kSlowMachine * (kOwnWork + kOwnWorkAClient * clients + budget.load);
}

}  // namespace lastcall
