#include "checkers/never_judged.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "unit/checkers/history_builder.hpp"

namespace lastcall {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Plan plan_with(std::vector<int> signals) {
  auto plan = testing::h(Protocol::http).plan;
  plan.scenario.target.stop.signals = {SIGTERM};
  plan.faults.clear();
  for (const int signal : signals) plan.faults.push_back({{}, SendSignals{.steps = {{signal}}}});
  return plan;
}

TEST(NeverJudged, IsTheStopWhereNoFaultStopsTheTarget) {
  for (const auto* property : {"deadline", "released", "close-handshake", "stops-accepting"}) {
    EXPECT_THAT(never_judged(property, plan_with({SIGKILL})), HasSubstr("what = \"stop\""));
    EXPECT_THAT(never_judged(property, plan_with({SIGTERM})), IsEmpty()) << property;
  }
  EXPECT_THAT(never_judged("clean-exit", plan_with({SIGKILL})), IsEmpty());
  EXPECT_THAT(never_judged("no-panic", plan_with({SIGKILL})), IsEmpty());
}
TEST(NeverJudged, IsRepeatSignalWithoutASecondStopSignal) {
  EXPECT_THAT(never_judged("repeat-signal", plan_with({SIGTERM})), HasSubstr("double-signal"));
  EXPECT_THAT(never_judged("repeat-signal", plan_with({SIGTERM, SIGHUP})),
              HasSubstr("double-signal"));
  EXPECT_THAT(never_judged("repeat-signal", plan_with({SIGTERM, SIGTERM})), IsEmpty());
  auto plan = plan_with({SIGTERM});
  plan.faults.push_back({{}, SendSignals{.steps = {{SIGTERM}}, .to = Recipient::child}});
  EXPECT_THAT(never_judged("repeat-signal", plan), HasSubstr("double-signal"));
  plan.faults.erase(plan.faults.begin());
  EXPECT_THAT(never_judged("deadline", plan), IsEmpty()) << "the stop goes to a child";
}
TEST(NeverJudged, IsInFlightFinishedWhereNobodyAsks) {
  auto plan = plan_with({SIGTERM});
  EXPECT_THAT(never_judged("in-flight-finished", plan), IsEmpty());
  plan.scenario.clients[0].mix = {{Behaviour::silent, 1}};
  EXPECT_THAT(never_judged("in-flight-finished", plan), HasSubstr("no client sends a request"));
  plan.scenario.clients[0].mix = {{Behaviour::steady, 1}};
  plan.scenario.clients[0].protocol = Protocol::tcp;
  plan.scenario.clients[0].message.clear();
  EXPECT_THAT(never_judged("in-flight-finished", plan), HasSubstr("no client sends a request"));
}
TEST(NeverJudged, IsWhatTheScenarioDoesNotAskFor) {
  EXPECT_THAT(never_judged("recovers", plan_with({SIGTERM})), ::testing::Not(IsEmpty()));
  EXPECT_THAT(never_judged("nothing-of-ours", plan_with({})), IsEmpty());
}

}  // namespace
}  // namespace lastcall
