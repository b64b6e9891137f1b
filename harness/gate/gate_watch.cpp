#include "gate/gate_watch.hpp"

#include <algorithm>
#include <utility>

namespace lastcall {

GateWatch::GateWatch(const GatePolicy& policy, const CampaignSummary& scenarios, std::string today)
    : policy_(policy), today_(std::move(today)) {
  const auto all = tallies(policy_, scenarios, today_);
  for (const auto& scenario : scenarios.scenarios) {
    auto& watched = scenarios_.emplace_back();
    for (const auto& tally : all) {
      // What is judged over the whole campaign is judged at its end.
      if (tally.scenario == scenario.scenario && !tally.is_over_campaign)
        watched.tallies.push_back(tally);
    }
  }
}

void GateWatch::add(std::size_t scenario, const TrialSummary& trial) {
  waiting_.emplace(trial.number, Ended{scenario, trial});
  for (auto next = waiting_.find(counted_ + 1); next != waiting_.end();
       next = waiting_.find(counted_ + 1)) {
    count(next->second.scenario, next->second.trial);
    waiting_.erase(next);
    ++counted_;
  }
}

void GateWatch::count(std::size_t scenario, const TrialSummary& trial) {
  auto& watched = scenarios_.at(scenario);
  ++watched.trials;
  for (auto& tally : watched.tallies) {
    if (!trial.broken.empty()) {
      ++tally.broken;
      continue;
    }
    for (const auto& verdict : trial.verdicts) {
      if (verdict.property != tally.property) continue;
      add_verdict(tally, policy_, trial, verdict, today_);
      note_settled(tally, demand(policy_, tally.scenario, tally.property));
    }
  }
  judge(watched);
}

void GateWatch::judge(Watched& watched) const {
  watched.standing = Standing::passed;
  watched.is_hopeless = false;
  bool any = false;
  for (const auto& tally : watched.tallies) {
    const auto demanded = demand(policy_, tally.scenario, tally.property);
    if (!tally.matters && !demanded.is_named) continue;
    any = true;
    for (const auto& finding : judge_tally(tally, demanded, true)) {
      watched.standing = std::max(watched.standing, finding.standing);
      watched.is_hopeless = watched.is_hopeless || (finding.standing == Standing::not_settled &&
                                                    finding.more_clean_trials == 0);
    }
  }
  if (!any) watched.standing = Standing::not_settled;
}

bool GateWatch::needs_more(std::size_t scenario) const {
  const auto ends_all = [](const Watched& one) {
    return one.standing == Standing::failed || one.is_hopeless;
  };
  if (std::ranges::any_of(scenarios_, ends_all)) return false;
  return scenarios_.at(scenario).standing != Standing::passed;
}

}  // namespace lastcall
