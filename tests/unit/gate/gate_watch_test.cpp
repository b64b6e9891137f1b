#include "gate/gate_watch.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"
#include "unit/gate/campaigns.hpp"

namespace lastcall {
namespace {

constexpr auto kToday = "2026-06-15";

class Watch : public ::testing::Test {
 protected:
  void begin(const std::string& toml, int scenarios = 1) {
    CampaignSummary summary;
    for (int i = 0; i < scenarios; ++i) {
      auto& scenario = summary.scenarios.emplace_back();
      scenario.scenario = std::string(1, static_cast<char>('a' + i));
      summarise(scenario, Scenario());
    }
    watch_.emplace(std::get<GatePolicy>(parse_policy(toml, "gate.toml")), summary, kToday);
  }
  TrialSummary trial(std::uint32_t number, Outcome outcome, const std::string& reason = "") {
    TrialSummary trial;
    trial.number = number;
    trial.verdicts.push_back(
        {.property = "deadline", .outcome = outcome, .judged = 1, .reason = reason});
    return trial;
  }
  void add(Outcome outcome, std::size_t scenario = 0, const std::string& reason = "") {
    watch_->add(scenario, trial(++number_, outcome, reason));
  }
  // Trials of the first scenario until it needs no more.
  std::uint32_t run(Outcome outcome) {
    while (watch_->needs_more(0) && number_ < 5000) add(outcome);
    return number_;
  }

  std::optional<GateWatch> watch_;
  std::uint32_t number_ = 0;
};

TEST_F(Watch, CleanTrialsPassAtTheNumberThatTheBoundSays) {
  begin("");
  EXPECT_TRUE(watch_->needs_more(0));
  EXPECT_EQ(run(Outcome::pass), 377U);
}
TEST_F(Watch, ABadTargetFailsAfterAFewTrials) {
  begin("");
  EXPECT_LE(run(Outcome::fail), 3U);
}
TEST_F(Watch, WhatWasUnderWayAsItFailedDoesNotBeginItAgain) {
  begin("");
  (void)run(Outcome::fail);
  for (int i = 0; i < 300; ++i) add(Outcome::pass);
  EXPECT_FALSE(watch_->needs_more(0));
}
TEST_F(Watch, LeastTrialsAreRun) {
  begin("[gate]\nfails_at_most = \"50 %\"\nleast_trials = 70\n");
  EXPECT_EQ(run(Outcome::pass), 70U);
}
TEST_F(Watch, AnUnknownTrialThatIsNotAllowedEndsIt) {
  begin("");
  add(Outcome::unknown);
  EXPECT_FALSE(watch_->needs_more(0));
  begin("[gate]\nunknown_at_most = \"10 %\"\n");
  number_ = 0;
  add(Outcome::unknown);
  EXPECT_TRUE(watch_->needs_more(0));
  EXPECT_EQ(run(Outcome::pass), 378U);
}
TEST_F(Watch, NothingJudgedIsNotEnough) {
  begin("");
  for (int i = 0; i < 10; ++i) add(Outcome::not_applicable);
  EXPECT_TRUE(watch_->needs_more(0));
}
TEST_F(Watch, AScenarioThatIsSettledRunsNoMore) {
  begin("[[rules]]\nscenario = \"a\"\nfails_at_most = \"20 %\"\n", 2);
  while (watch_->needs_more(0)) {
    add(Outcome::pass, 0);
    add(Outcome::pass, 1);
  }
  EXPECT_TRUE(watch_->needs_more(1));
  while (watch_->needs_more(1)) add(Outcome::fail, 1);
  EXPECT_FALSE(watch_->needs_more(0));
}
TEST_F(Watch, KnownFailuresDoNotEndIt) {
  begin(
      "[[known]]\nproperty = \"deadline\"\nreason = \"lock\"\nuntil = \"2026-12-31\"\nlink = "
      "\"x\"\n");
  for (int i = 0; i < 50; ++i) add(Outcome::fail, 0, "a lock cycle");
  EXPECT_TRUE(watch_->needs_more(0));
  EXPECT_EQ(run(Outcome::pass), 50U + 377U);
}
// A slow failure of an early trial is heard before the quick passes of later ones settle anything.
TEST_F(Watch, LaterTrialsWaitForEarlierOnes) {
  begin("[gate]\nfails_at_most = \"50 %\"\n");
  for (std::uint32_t number = 2; number < 100; ++number)
    watch_->add(0, trial(number, Outcome::pass));
  EXPECT_TRUE(watch_->needs_more(0));
  watch_->add(0, trial(1, Outcome::fail));
  EXPECT_FALSE(watch_->needs_more(0));
}

// Of targets that fail twice as often as is allowed, at most 1 in 10 passes at 90 %; of those that
// fail a fifth as often, most do, and after fewer trials than the limit.
TEST_F(Watch, StopsEarlyEitherWayAndIsWrongAsRarelyAsItSays) {
  Prng random(5);
  const auto campaign = [&](std::uint64_t in_thousand) {
    begin("[gate]\nfails_at_most = \"5 %\"\nconfidence = \"90 %\"\n");
    number_ = 0;
    std::uint64_t failures = 0;
    while (watch_->needs_more(0) && number_ < 800) {
      const bool fails = random.between(1, 1000) <= in_thousand;
      failures += fails ? 1 : 0;
      add(fails ? Outcome::fail : Outcome::pass);
    }
    return number_ < 800 && failures * 20 <= number_;  // it passed
  };
  int wrong = 0;
  int right = 0;
  for (int i = 0; i < 30; ++i) {
    wrong += campaign(100) ? 1 : 0;
    right += campaign(10) ? 1 : 0;
  }
  EXPECT_LE(wrong, 7);  // 10 % and three standard errors
  EXPECT_GE(right, 25);
}

}  // namespace
}  // namespace lastcall
