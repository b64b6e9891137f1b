#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/reports.hpp"
#include "unit/reports/every_outcome.hpp"

namespace lastcall {
namespace {

using ::lastcall::testing::every_outcome;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Openmetrics, HasASampleForEachOutcomeAndBound) {
  auto campaign = every_outcome();
  campaign.scenarios[0].trials[0].stop = std::chrono::milliseconds(250);
  const auto text = reports::openmetrics(campaign);
  EXPECT_THAT(text, HasSubstr("# TYPE lastcall_property_trials gauge\n"));
  EXPECT_THAT(text, HasSubstr(R"(lastcall_property_trials{scenario="scenarios/chat.toml",)"
                              R"(property="clean-exit",outcome="fail"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(property="in-flight-finished",outcome="unknown"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(lastcall_property_failure_bound{scenario="scenarios/chat.toml",)"
                              R"(property="serves"} 0.631)"));
  EXPECT_THAT(text,
              HasSubstr(R"(lastcall_stop_seconds{scenario="scenarios/chat.toml",q="1"} 0.25)"));
  EXPECT_THAT(text, HasSubstr("lastcall_campaign_exit_code 4\n"));
  EXPECT_THAT(text, EndsWith("\n# EOF\n"));
}
TEST(Openmetrics, ALabelIsEscaped) {
  auto campaign = every_outcome();
  campaign.scenarios[0].scenario = "a\"b\\c\nd";
  EXPECT_THAT(reports::openmetrics(campaign), HasSubstr(R"({scenario="a\"b\\c\nd",)"));
}

TEST(Github, HasAnErrorAFindingAndAWarningForWhatIsOpen) {
  const auto text = reports::github(every_outcome());
  EXPECT_THAT(text, HasSubstr("::error file=scenarios/chat.toml,line=1,title=clean-exit failed in "
                              "1 of 4 trials::exit 1 after SIGTERM"));
  EXPECT_THAT(text, HasSubstr("%0Alastcall replay 'my results/trial-2'\n"));
  EXPECT_THAT(text, HasSubstr("title=in-flight-finished unknown in 1 trial::events of clients-0"));
  EXPECT_THAT(text, HasSubstr("title=trial 4 broke::cannot lease a port\n"));
}
TEST(Github, NothingThatATargetSaysEndsACommand) {
  auto campaign = every_outcome();
  campaign.scenarios[0].scenario = "a,b:c.toml";
  campaign.scenarios[0].findings[0].reason = "100 %\n::set-output name=x::y";
  const auto text = reports::github(campaign);
  EXPECT_THAT(text, HasSubstr("file=a%2Cb%3Ac.toml,"));
  EXPECT_THAT(text, HasSubstr("::100 %25%0A::set-output name=x::y"));
  EXPECT_THAT(text, Not(HasSubstr("\n::set-output")));
}
TEST(Github, ACampaignInWhichAllHeldIsANotice) {
  CampaignSummary campaign;
  EXPECT_EQ(reports::github(campaign),
            "::notice title=lastcall::Safe to ship as far as it was tested: every judged property "
            "held.\n");
  campaign.interrupted = true;
  campaign.exit_code = 130;
  EXPECT_THAT(reports::github(campaign),
              HasSubstr("::warning title=lastcall::Not decided: the campaign was interrupted"));
}

TEST(Junit, AFailingCaseHasTheStacksThatProveIt) {
  auto campaign = every_outcome();
  campaign.scenarios[0].trials[1].verdicts[1].evidence_text = {
      R"({"t":"1","kind":"stacks_taken","pid":7,"text":"main\n  drain"})", "no JSON", "{}"};
  EXPECT_THAT(reports::junit(campaign), HasSubstr("\nmain\n  drain\n"));
}
TEST(Junit, WhatIsEmptyOrBlankIsStillATokenOfItsSchema) {
  auto campaign = every_outcome();
  campaign.host = " ";
  campaign.started_utc = "";
  campaign.scenarios[0].scenario = "";
  const auto text = reports::junit(campaign);
  EXPECT_THAT(text, HasSubstr(R"(<testsuite name="lastcall" package="lastcall" id="0" )"
                              R"(timestamp="1970-01-01T00:00:00" hostname="localhost")"));
}

}  // namespace
}  // namespace lastcall
