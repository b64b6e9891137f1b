#include "gate/policy.hpp"

#include <fnmatch.h>

#include <algorithm>

#include "scenario/build.hpp"
#include "scenario/check.hpp"
#include "scenario/section.hpp"

namespace lastcall {
namespace {

std::vector<Key> demand_keys(bool with_defaults) {
  const auto fallback = [&](std::string_view text) {
    return with_defaults ? text : std::string_view();
  };
  return {{.name = "fails_at_most",
           .kind = Kind::percent,
           .about = "The largest probability of a failure that is allowed. \"0 %\": no failure at "
                    "all.",
           .fallback = fallback(R"("1 %")"),
           .high = 999'999},
          {.name = "confidence",
           .kind = Kind::percent,
           .about = "How sure that must be.",
           .fallback = fallback(R"("95 %")"),
           .low = 500'000,
           .high = 999'999},
          {.name = "least_trials",
           .kind = Kind::integer,
           .about = "How many trials at least must have judged the property.",
           .fallback = fallback("1"),
           .low = 1,
           .high = 1'000'000'000,
           .instead_of = {"min_trials", "trials"}},
          {.name = "unknown_at_most",
           .kind = Kind::percent,
           .about = "How many of the trials may break, or be unable to judge the property. "
                    "\"100 %\": they do not matter.",
           .fallback = fallback(R"("0 %")"),
           .high = 1'000'000}};
}

const Key kScenario{.name = "scenario",
                    .kind = Kind::plain,
                    .about =
                        "A scenario's file, or a glob of those; also the end of its path. "
                        "Default: every scenario.",
                    .low = 1};

const Table& gate_table() {
  static const Table table{.where = "[gate]", .keys = demand_keys(true)};
  return table;
}

const Table& rules_table() {
  static const Table table{
      .where = "[[rules]]",
      .keys = concatenated({kScenario,
                            {.name = "property",
                             .kind = Kind::property,
                             .shape = Shape::one_or_list,
                             .about = "The properties that it is about, which must be judged. "
                                      "Default: all that a scenario judges.",
                             .instead_of = {"properties"}}},
                           demand_keys(false)),
      .at_least_one_of = {"fails_at_most", "confidence", "least_trials", "unknown_at_most"}};
  return table;
}

const Table& known_table() {
  static const Table table{
      .where = "[[known]]",
      .keys = {kScenario,
               {.name = "property",
                .kind = Kind::property,
                .about = "The property that fails.",
                .required = true},
               {.name = "reason",
                .kind = Kind::pattern,
                .about = "Only failures in whose reason this is found. Default: all.",
                .low = 1},
               {.name = "until",
                .kind = Kind::date,
                .about = "The last day (UTC) on which it passes.",
                .required = true,
                .instead_of = {"expires"}},
               {.name = "link",
                .kind = Kind::plain,
                .about = "Where it is being dealt with.",
                .required = true,
                .low = 1}}};
  return table;
}

const Table& regression_table() {
  static const Table table{
      .where = "[regression]",
      .keys = {{.name = "confidence",
                .kind = Kind::percent,
                .about = "How sure it must be that a property got worse, over all of them, for the "
                         "gate to fail.",
                .fallback = R"("95 %")",
                .low = 500'000,
                .high = 999'999},
               {.name = "baseline",
                .kind = Kind::plain,
                .about = "The results directory or store to compare with, from the folder of the "
                         "policy. Default: --baseline.",
                .low = 1}}};
  return table;
}

const Table& policy_table() {
  static const Table table{
      .where = "the policy",
      .keys = {{.name = "scenarios",
                .kind = Kind::plain,
                .shape = Shape::list,
                .about = "Files or globs, each of which must be in the results.",
                .low = 1},
               {.name = "gate",
                .kind = Kind::table,
                .about = "What holds unless a rule says otherwise.",
                .table = &gate_table()},
               {.name = "rules",
                .kind = Kind::table,
                .shape = Shape::list,
                .about = "What some properties or scenarios have to show.",
                .table = &rules_table()},
               {.name = "known",
                .kind = Kind::table,
                .shape = Shape::list,
                .about = "Failures that pass until a day.",
                .table = &known_table()},
               {.name = "regression",
                .kind = Kind::table,
                .about = "Nothing may get worse than a baseline.",
                .table = &regression_table()}}};
  return table;
}

double percent_of(const Value& value) { return parse_percent(value.text).value_or(0); }

std::uint64_t count_of(const Value& value) { return static_cast<std::uint64_t>(value.integer); }

Demand usual_of(const Section& section) {
  return {.fails_at_most = percent_of(section["fails_at_most"]),
          .confidence = percent_of(section["confidence"]),
          .least_trials = count_of(section["least_trials"]),
          .unknown_at_most = percent_of(section["unknown_at_most"])};
}

GateRule rule_of(const Section& section) {
  GateRule rule{.scenario = section["scenario"].text,
                .properties = texts_of(section["property"]),
                .line = section.place().line};
  if (section.has("fails_at_most")) rule.fails_at_most = percent_of(section["fails_at_most"]);
  if (section.has("confidence")) rule.confidence = percent_of(section["confidence"]);
  if (section.has("least_trials")) rule.least_trials = count_of(section["least_trials"]);
  if (section.has("unknown_at_most")) rule.unknown_at_most = percent_of(section["unknown_at_most"]);
  return rule;
}

KnownFailure known_of(const Section& section) {
  KnownFailure known{.scenario = section["scenario"].text,
                     .property = section["property"].text,
                     .until = section["until"].text,
                     .link = section["link"].text};
  if (section.has("reason") && section.sound("reason"))
    known.reason = Pattern(section["reason"].text);
  return known;
}

}  // namespace

std::variant<GatePolicy, std::vector<ScenarioError>> parse_policy(std::string_view toml,
                                                                  std::string_view file) {
  Errors errors(file);
  Value document = read_toml(toml, errors);
  if (!errors.empty()) return errors.take();  // one syntax error hides what follows
  check(policy_table(), document, errors);
  if (!errors.empty()) return errors.take();
  const Section whole(policy_table(), document);
  GatePolicy policy{.usual = usual_of(whole.sub("gate")),
                    .scenarios = texts_of(whole["scenarios"])};
  for (const auto& section : whole.each("rules")) policy.rules.push_back(rule_of(section));
  for (const auto& section : whole.each("known")) policy.known.push_back(known_of(section));
  if (whole.has("regression")) {
    const auto section = whole.sub("regression");
    policy.regression = {.confidence = percent_of(section["confidence"]),
                         .baseline = section["baseline"].text};
  }
  return policy;
}

bool means_scenario(const std::string& glob, const std::string& scenario) {
  return glob.empty() || ::fnmatch(glob.c_str(), scenario.c_str(), 0) == 0 ||
         ::fnmatch(("*/" + glob).c_str(), scenario.c_str(), 0) == 0;
}

bool is_about(const GateRule& rule, const std::string& scenario, const std::string& property) {
  return means_scenario(rule.scenario, scenario) &&
         (rule.properties.empty() || std::ranges::count(rule.properties, property) > 0);
}

Demand demand(const GatePolicy& policy, const std::string& scenario, const std::string& property) {
  Demand demand = policy.usual;
  for (const auto& rule : policy.rules) {
    if (!is_about(rule, scenario, property)) continue;
    demand.fails_at_most = rule.fails_at_most.value_or(demand.fails_at_most);
    demand.confidence = rule.confidence.value_or(demand.confidence);
    demand.least_trials = rule.least_trials.value_or(demand.least_trials);
    demand.unknown_at_most = rule.unknown_at_most.value_or(demand.unknown_at_most);
    demand.is_named = demand.is_named || !rule.properties.empty();
  }
  return demand;
}

}  // namespace lastcall
