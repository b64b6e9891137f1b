// What differs between two campaigns: how often each property fails in each scenario, and how long
// the stop takes. Pure functions; thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "campaign/statistics.hpp"
#include "campaign/summary.hpp"
#include "gate/two_samples.hpp"

namespace lastcall {

enum class Change : std::uint8_t { none, better, worse, is_new, gone };

constexpr std::string_view name(Change change) {
  constexpr std::string_view kNames[] = {"none", "better", "worse", "new", "gone"};
  return kNames[static_cast<std::size_t>(change)];
}

struct Rate {
  Counts counts{};      // only trials that judged the property
  Interval interval{};  // two-sided, 95 % (Clopper and Pearson)
  friend bool operator==(const Rate& one, const Rate& other) {
    return one.counts.failures == other.counts.failures && one.counts.trials == other.counts.trials;
  }
};

struct PropertyComparison {
  std::string property{};
  Rate base{};
  Rate head{};
  Change change{};       // at kLevel, after the correction
  double p = 1;          // Fisher's exact test, two-sided; 1 unless both have judged it
  double corrected = 1;  // by Holm, over the properties of all scenarios
  // The reason of its first failure in head, if it never failed in base.
  std::string new_reason{};
};

// From the first stop signal to the end of the target, in trials in which it came to that.
struct TimesToExit {
  std::uint64_t trials = 0;
  Nanoseconds median{};
  Nanoseconds p95{};
  Nanoseconds longest{};
};

struct TimesComparison {
  TimesToExit base{};
  TimesToExit head{};
  // Only traced trials, or only untraced ones, if either campaign has both: the tracer slows a
  // stop.
  std::optional<bool> traced{};
  Change change{};
  double p = 1;              // the rank test of Mann and Whitney, two-sided
  double corrected = 1;      // by Holm, over all scenarios
  double head_larger = 0.5;  // the probability that a stop takes longer in head than in base
};

struct ScenarioComparison {
  std::string scenario{};
  Change change{};                               // is_new, gone or none
  bool scenario_differs = false;                 // its file was changed in between
  std::vector<PropertyComparison> properties{};  // that either has judged, in the order of head
  TimesComparison times{};
};

struct Comparison {
  std::vector<ScenarioComparison> scenarios;  // in the order of head, then those that are gone
  std::size_t properties_tested = 0;
  std::size_t times_tested = 0;
};

// The probability with which a comparison calls anything worse or better that is not.
inline constexpr double kLevel = 0.05;

// By scenario's file the hash of its text.
using ScenarioHashes = std::map<std::string, std::string>;

Comparison compare(const CampaignSummary& base, const CampaignSummary& head,
                   const ScenarioHashes& base_hashes = {}, const ScenarioHashes& head_hashes = {});

// Whether a property or a scenario changed in this way.
bool has(const Comparison& comparison, Change change);

}  // namespace lastcall
