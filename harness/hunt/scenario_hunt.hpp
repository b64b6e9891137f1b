// The search for a race in the target of a scenario, with its clients, faults and properties:
// trials that nothing disturbs, two that see which thread comes where, then trials with a hold
// each, until a property fails and fails again. Its trials enter no bound. From the thread that
// owns the fork server.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "campaign/campaign.hpp"
#include "hunt/search_tally.hpp"
#include "plan/plan.hpp"
#include "trial/fork_server.hpp"

namespace lastcall {

struct ScenarioHuntOptions {
  LoadedScenario scenario;
  Nanoseconds budget{};  // no trial of the search begins after it
  std::uint64_t seed = 0;
  std::uint32_t jobs = 1;
  bool keeps_going = false;
  std::string folder;  // absolute, exists: for the directories of trials
  std::string tools;
  const volatile int* interrupted = nullptr;
  std::function<void(const std::string&)> progress = [](const std::string&) {};
};

struct ScenarioFinding {
  Plan plan{};
  std::string property{};
  std::string reason{};  // of the first failure
  SearchKind kind = SearchKind::sweep;
  FailureRate rate{};
  FailureRate undisturbed{};  // of the same plan without its holds
  Nanoseconds found_after{};  // from the beginning of the hunt, to the first failure
  std::uint64_t trials = 0;   // until then
  std::string directory{};    // of a trial that failed; empty if none was kept
};

struct ScenarioHuntOutcome : SearchTally {
  std::vector<ScenarioFinding> findings{};
  int interrupted = 0;  // the signal
  // Properties that failed with a hold and as often without one: no races that a hold makes.
  std::map<std::string, std::string> as_often_undisturbed{};  // with the reason
  std::uint64_t not_to_be_held = 0;  // attempts for which a scenario has no words
};

ScenarioHuntOutcome hunt_scenario(ForkServer& server, const ScenarioHuntOptions& options);

}  // namespace lastcall
