#include "campaign/summary.hpp"

#include <gtest/gtest.h>

#include "campaign/statistics.hpp"
#include "cli/exit_codes.hpp"
#include "scenario/property_names.hpp"
#include "scenario/scenario.hpp"

namespace lastcall {
namespace {

class Summary : public ::testing::Test {
 protected:
  Scenario wanted_;
  CampaignSummary campaign_;
  ScenarioSummary& scenario_ = campaign_.scenarios.emplace_back();

  TrialSummary& trial(Outcome outcome, const std::string& property = "serves",
                      std::string reason = "") {
    auto& trial = scenario_.trials.emplace_back();
    trial.number = static_cast<std::uint32_t>(scenario_.trials.size());
    trial.verdicts.push_back(
        {.property = property, .outcome = outcome, .judged = 2, .reason = std::move(reason)});
    return trial;
  }
  const PropertySummary& serves() {
    summarise(scenario_, wanted_);
    return scenario_.properties.at(0);
  }
  int code() {
    summarise(scenario_, wanted_);
    return exit_code(campaign_);
  }
};

TEST_F(Summary, CountsTrialsAndItemsOfEveryProperty) {
  for (const auto outcome :
       {Outcome::pass, Outcome::pass, Outcome::fail, Outcome::unknown, Outcome::not_applicable}) {
    trial(outcome);
  }
  EXPECT_EQ(serves().pass, 2U);
  EXPECT_EQ(serves().fail, 1U);
  EXPECT_EQ(serves().unknown, 1U);
  EXPECT_EQ(serves().not_applicable, 1U);
  EXPECT_EQ(serves().judged, 10U);
  EXPECT_EQ(serves().failing_trials, std::vector<std::uint32_t>{3});
  EXPECT_EQ(scenario_.properties.size(), kProperties.size());
}
TEST_F(Summary, TheBoundCountsOnlyTrialsThatJudged) {
  for (int i = 0; i < 20; ++i) trial(Outcome::pass);
  for (int i = 0; i < 20; ++i) trial(Outcome::not_applicable);
  EXPECT_DOUBLE_EQ(serves().upper_bound, upper_bound(0, 20));
}
TEST_F(Summary, TheFirstFailuresReasonComesBeforeUnknowns) {
  trial(Outcome::unknown, "serves", "lost");
  EXPECT_EQ(serves().first_reason, "lost");
  trial(Outcome::fail, "serves", "first");
  trial(Outcome::fail, "serves", "second");
  trial(Outcome::unknown, "serves", "late");
  EXPECT_EQ(serves().first_reason, "first");
}
TEST_F(Summary, NamesTheFirstTwentyFailingTrials) {
  for (int i = 0; i < 30; ++i) trial(Outcome::fail);
  EXPECT_EQ(serves().failing_trials.size(), 20U);
  EXPECT_EQ(serves().fail, 30U);
}
TEST_F(Summary, SaysWhatIsSwitchedOffAndRequired) {
  wanted_.properties["serves"] = {
      .judged = false, .why = "no endpoint", .allow = {}, .codes = {}, .settling = {}};
  wanted_.required = {"deadline"};
  EXPECT_EQ(serves().switched_off, "no endpoint");
  EXPECT_FALSE(serves().required);
  EXPECT_TRUE(scenario_.properties.at(3).required);
}
TEST_F(Summary, BrokenTrialsCountForNothing) {
  trial(Outcome::fail).broken = "no port";
  EXPECT_EQ(serves().fail, 0U);
  EXPECT_EQ(serves().upper_bound, 1);
}

TEST_F(Summary, ExitsWithTheFirstCodeThatMatches) {
  trial(Outcome::pass);
  EXPECT_EQ(code(), exit_codes::kHeld);
  trial(Outcome::not_applicable);
  EXPECT_EQ(code(), exit_codes::kHeld);
  trial(Outcome::unknown);
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  trial(Outcome::fail);
  EXPECT_EQ(code(), exit_codes::kFailed);
  trial(Outcome::pass).broken = "no port";
  EXPECT_EQ(code(), exit_codes::kBroken);
}
TEST_F(Summary, ARequiredPropertyMustHaveBeenJudged) {
  trial(Outcome::pass);
  wanted_.required = {"deadline"};
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  trial(Outcome::not_applicable, "deadline");
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  trial(Outcome::pass, "deadline");
  EXPECT_EQ(code(), exit_codes::kHeld);
}
TEST_F(Summary, ACampaignThatJudgedNothingDidNotHold) {
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  trial(Outcome::not_applicable);
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  EXPECT_EQ(exit_code(CampaignSummary{}), exit_codes::kNotJudged);
}

}  // namespace
}  // namespace lastcall
