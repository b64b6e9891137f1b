// How often the failure of one plan came back in trials of it. A plain value, not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "trial/trial_result.hpp"

namespace lastcall {

struct FailureTally {
  std::set<std::string> wanted{};  // properties whose failure counts; empty: any
  std::uint64_t came_back = 0;
  std::uint64_t judged = 0;  // trials that reached a verdict
  // Which failed unseen, had nothing to judge, or did not reach a fault: no samples of the rate.
  std::uint64_t unknown = 0;
  std::string first_unknown{};  // why the first of these could not be judged
  std::string broken{};         // the last trial that broke
  std::map<std::string, std::uint64_t> failures{};
  std::string first_reason{};
  bool first_is_cause = false;  // not the consequence of another failure of its trial
};

// Adds a trial; says whether a failure that counts came back in it.
bool count(FailureTally& tally, const TrialResult& result);

}  // namespace lastcall
