#include "gate/policy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lastcall {
namespace {

using ::testing::ElementsAre;

GatePolicy parsed(std::string_view toml) {
  auto policy = parse_policy(toml, "gate.toml");
  if (const auto* errors = std::get_if<std::vector<ScenarioError>>(&policy)) {
    ADD_FAILURE() << errors->front().text();
    return {};
  }
  return std::get<GatePolicy>(policy);
}

std::vector<std::string> errors_of(std::string_view toml) {
  std::vector<std::string> texts;
  auto policy = parse_policy(toml, "gate.toml");
  if (const auto* errors = std::get_if<std::vector<ScenarioError>>(&policy)) {
    for (const auto& error : *errors) texts.push_back(error.text());
  }
  return texts;
}

TEST(Policy, IsOnePercentAtNinetyFiveUnlessItSays) {
  const auto usual = demand(parsed(""), "a.toml", "deadline");
  EXPECT_DOUBLE_EQ(usual.fails_at_most, 0.01);
  EXPECT_DOUBLE_EQ(usual.confidence, 0.95);
  EXPECT_EQ(usual.least_trials, 1U);
  EXPECT_EQ(usual.unknown_at_most, 0);
  EXPECT_FALSE(usual.is_named);
}
TEST(Policy, LaterRulesOverrideWhatTheySay) {
  const auto policy = parsed(R"(
[gate]
fails_at_most = "5 %"
least_trials = 10
[[rules]]
property = ["deadline", "released"]
fails_at_most = "0.5%"
[[rules]]
scenario = "slow/*.toml"
confidence = "99 %"
unknown_at_most = "100 %"
)");
  const auto one = demand(policy, "/there/slow/a.toml", "deadline");
  EXPECT_DOUBLE_EQ(one.fails_at_most, 0.005);
  EXPECT_DOUBLE_EQ(one.confidence, 0.99);
  EXPECT_EQ(one.least_trials, 10U);
  EXPECT_EQ(one.unknown_at_most, 1);
  EXPECT_TRUE(one.is_named);
  EXPECT_DOUBLE_EQ(demand(policy, "slow/a.toml", "serves").fails_at_most, 0.05);
  EXPECT_DOUBLE_EQ(demand(policy, "fast/a.toml", "serves").confidence, 0.95);
  EXPECT_FALSE(demand(policy, "slow/a.toml", "serves").is_named);
}
TEST(Policy, AGlobMeansTheEndOfAPathFromASlashOn) {
  EXPECT_TRUE(means_scenario("stop.toml", "scenarios/reference/stop.toml"));
  EXPECT_TRUE(means_scenario("reference/*", "scenarios/reference/stop.toml"));
  EXPECT_TRUE(means_scenario("", "anything"));
  EXPECT_FALSE(means_scenario("stop.toml", "scenarios/nonstop.toml"));
}
TEST(Policy, ErrorsSayWhereAndWhatWasMeant) {
  EXPECT_THAT(errors_of("[gate]\nfails_at_mots = \"1 %\"\n"),
              ElementsAre("gate.toml:2:1: unknown key 'fails_at_mots' in [gate]; did you mean "
                          "'fails_at_most'? (allowed: fails_at_most, confidence, least_trials, "
                          "unknown_at_most)"));
  EXPECT_THAT(errors_of("[gates]\n"),
              ElementsAre("gate.toml:1:2: unknown key 'gates' in the policy; did you mean 'gate'? "
                          "(allowed: scenarios, gate, rules, known, regression)"));
  EXPECT_THAT(errors_of("[[rules]]\nproperty = \"deadlin\"\nleast_trials = 2\n"),
              ElementsAre("gate.toml:2:12: unknown property 'deadlin'; did you mean 'deadline'?"));
  EXPECT_THAT(errors_of("[[rules]]\nproperty = \"deadline\"\n"),
              ElementsAre(::testing::HasSubstr("[[rules]] takes at least one of 'fails_at_most'")));
  EXPECT_THAT(errors_of("[gate\n"), ElementsAre(::testing::StartsWith("gate.toml:1:")));
}
TEST(Policy, RefusesWhatIsNoPercentage) {
  for (const auto* text :
       {"\"1\"", "\"-1 %\"", "\"101 %\"", "\"nan %\"", "\"1e1 %\"", "1", "0.01"}) {
    EXPECT_THAT(errors_of("[gate]\nfails_at_most = " + std::string(text) + "\n"),
                ElementsAre(::testing::AllOf(::testing::StartsWith("gate.toml:2:17: "),
                                             ::testing::HasSubstr("a percentage such as"))));
  }
  EXPECT_THAT(errors_of("[gate]\nconfidence = \"100 %\"\n"),
              ElementsAre("gate.toml:2:14: must be from 50 % to 99.9999 %, found \"100 %\""));
}
TEST(Policy, AKnownFailureNeedsADayAndALink) {
  EXPECT_THAT(
      errors_of("[[known]]\nproperty = \"deadline\"\nuntil = 2026-12-31\nlink = \"x\"\n"),
      ElementsAre("gate.toml:3:9: expected a date in quotes such as \"2026-12-31\", found a "
                  "date or time"));
  EXPECT_THAT(
      errors_of("[[known]]\nproperty = \"deadline\"\nuntil = \"2026-02-30\"\nlink = \"x\"\n"),
      ElementsAre(::testing::HasSubstr("found \"2026-02-30\"")));
  EXPECT_THAT(errors_of("[[known]]\nproperty = \"deadline\"\n"),
              ElementsAre("gate.toml:1:1: missing key 'until' in [[known]]",
                          "gate.toml:1:1: missing key 'link' in [[known]]"));
}

}  // namespace
}  // namespace lastcall
