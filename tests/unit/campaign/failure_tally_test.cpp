#include "campaign/failure_tally.hpp"

#include <gtest/gtest.h>

namespace lastcall {
namespace {

TrialResult with(std::vector<Verdict> verdicts) {
  TrialResult result;
  result.verdicts = std::move(verdicts);
  return result;
}
Verdict of(const char* property, Outcome outcome) {
  return {.property = property, .outcome = outcome, .reason = "because"};
}

TEST(FailureTally, CountsTheFailuresThatAreWantedAmongTheTrialsThatJudgedThem) {
  FailureTally tally{.wanted = {"no-panic"}};
  EXPECT_TRUE(count(tally, with({of("no-panic", Outcome::fail)})));
  EXPECT_FALSE(count(tally, with({of("no-panic", Outcome::pass), of("released", Outcome::fail)})));
  EXPECT_FALSE(count(tally, with({of("no-panic", Outcome::unknown)})));
  EXPECT_FALSE(count(tally, with({of("no-panic", Outcome::not_applicable)})));
  EXPECT_EQ(tally.came_back, 1U);
  EXPECT_EQ(tally.judged, 2U);
  EXPECT_EQ(tally.unknown, 2U);
  EXPECT_EQ(tally.first_unknown, "no-panic: because");
  EXPECT_EQ(tally.failures.at("released"), 1U);
  EXPECT_EQ(tally.first_reason, "no-panic: because");
}

TEST(FailureTally, TellsTheCauseRatherThanItsConsequence) {
  FailureTally tally;
  auto consequence = of("clean-exit", Outcome::fail);
  consequence.consequence_of = "no-panic";
  EXPECT_TRUE(count(tally, with({consequence, of("no-panic", Outcome::fail)})));
  EXPECT_EQ(tally.first_reason, "no-panic: because");
}

TEST(FailureTally, OfATrialThatBrokeSaysWhyAndCountsNothing) {
  FailureTally tally;
  TrialResult broken;
  broken.broken = "no disk";
  EXPECT_FALSE(count(tally, broken));
  EXPECT_EQ(tally.broken, "no disk");
  EXPECT_EQ(tally.judged + tally.unknown, 0U);
}

}  // namespace
}  // namespace lastcall
