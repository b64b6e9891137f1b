// What a release has to show: a policy file (TOML), which harness/cli/gate.md describes. Pure:
// reads no file. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/pattern.hpp"
#include "scenario/parse.hpp"

namespace lastcall {

// What one property has to show in one scenario.
struct Demand {
  double fails_at_most = 0.01;     // 0: never
  double confidence = 0.95;        // with which that must be shown, and with which it is refuted
  std::uint64_t least_trials = 1;  // that judged the property
  double unknown_at_most = 0;      // the part of the trials that may be unknown, or break
  bool is_named = false;           // a rule names the property, so it must be judged
};

// What a [[rules]] entry says; the rest is what earlier rules and [gate] say.
struct GateRule {
  std::string scenario{};                 // a glob; empty: every scenario
  std::vector<std::string> properties{};  // empty: every property
  std::optional<double> fails_at_most{};
  std::optional<double> confidence{};
  std::optional<std::uint64_t> least_trials{};
  std::optional<double> unknown_at_most{};
  unsigned line = 0;  // in the file
};

struct KnownFailure {
  std::string scenario{};  // a glob; empty: every scenario
  std::string property{};
  std::optional<Pattern> reason{};  // only failures whose reason it is found in; absent: all
  std::string until{};              // the last day on which it passes, "2026-12-31"
  std::string link{};
};

struct Regression {
  double confidence = 0.95;
  std::string baseline{};  // a results directory or store, as written; empty: the command line says
};

struct GatePolicy {
  Demand usual{};  // of [gate]
  std::vector<GateRule> rules{};
  std::vector<std::string> scenarios{};  // globs, each of which a scenario must match
  std::vector<KnownFailure> known{};
  std::optional<Regression> regression{};
};

// `file` is only for the places in errors, which are sorted and never empty.
std::variant<GatePolicy, std::vector<ScenarioError>> parse_policy(std::string_view toml,
                                                                  std::string_view file);

// What the rules that match say together: a later one overrides what an earlier one says.
Demand demand(const GatePolicy& policy, const std::string& scenario, const std::string& property);

// Whether a glob means a scenario: it matches the file's name as it was given, or the end of that
// behind a '/'. An empty one means every scenario.
bool means_scenario(const std::string& glob, const std::string& scenario);

// Whether the rule is about this property of this scenario.
bool is_about(const GateRule& rule, const std::string& scenario, const std::string& property);

}  // namespace lastcall
