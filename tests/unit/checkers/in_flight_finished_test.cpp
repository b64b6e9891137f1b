#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/checkers/history_builder.hpp"

namespace lastcall {
namespace {

using testing::h;
using testing::HistoryBuilder;
using ::testing::StartsWith;

std::string in_flight(const HistoryBuilder& b) { return testing::said(b, "in-flight-finished"); }

const std::string kNothing =
    "not-applicable 0: no request was demonstrably taken on and unanswered at the stop";

// Client 0 shows that the target keeps up; client 1 has a request under way for `age` ms.
HistoryBuilder under_way(int age) {
  return h(Protocol::http)
      .ready()
      .client(0)
      .up(0)
      .client(1)
      .up(1)
      .round_trips(0, 0, 3)
      .sent(1, 0)
      .wait(age - 1);
}

TEST(InFlightFinished, HoldsIfWhatWasTakenOnIsAnswered) {
  EXPECT_EQ(in_flight(under_way(150).stop().answered(1, 0).exited(0)), "pass 1: ");
  EXPECT_EQ(in_flight(under_way(150).stop().answered(1, 0, RequestEnd::refused).exited(0)),
            "pass 1: ");
}
TEST(InFlightFinished, FailsIfItIsNot) {
  const std::string no_answer =
      "fail 1: 1 of 1 requests got no answer, first: clients \"users\", client 2, request 1, sent "
      "150 ms before the stop";
  EXPECT_EQ(in_flight(under_way(150).stop().answered(1, 0, RequestEnd::unknown).reset(1).exited(0)),
            no_answer);
  EXPECT_EQ(in_flight(under_way(150).stop().exited(0)), no_answer);
  EXPECT_EQ(in_flight(under_way(150).stop().closed(1, ConnectionEndReason::harness)), no_answer);
  EXPECT_EQ(in_flight(under_way(150).stop().event(DeadlinePassed{}).forced().signalled(SIGKILL)),
            no_answer);
}
TEST(InFlightFinished, ALateRequestMayNeverHaveBeenRead) {
  EXPECT_EQ(in_flight(under_way(99).stop().exited(0)), kNothing);
  EXPECT_THAT(in_flight(under_way(100).stop().exited(0)),
              StartsWith("fail 1"));  // `settling` is included
}
TEST(InFlightFinished, ALateRequestWhoseAnswerHadBegunWasTakenOn) {
  EXPECT_THAT(
      in_flight(h(Protocol::http).ready().client(0).up(0).sent(0, 0).began(0, 0).stop().exited(0)),
      StartsWith("fail 1"));
  EXPECT_EQ(
      in_flight(h(Protocol::http).ready().client(0).up(0).sent(0, 0).stop().began(0, 0).exited(0)),
      kNothing);
}
TEST(InFlightFinished, TellsAnAnswerThatWasCutFromNone) {
  auto story = under_way(150).client(2).up(2).sent(2, 0).began(2, 0).stop();
  story.answered(1, 0, RequestEnd::unknown).reset(1).answered(2, 0, RequestEnd::unknown).reset(2);
  const std::string none =
      "1 of 2 requests got no answer, first: clients \"users\", client 2, "
      "request 1, sent 154 ms before the stop";
  const std::string sent =
      ", first: clients \"users\", client 3, request 1, sent 2.00 ms before the stop";
  EXPECT_EQ(in_flight(HistoryBuilder(story).exited(0)),
            "fail 2: " + none + "; 1 of 2 requests got an answer that was cut" + sent);
}
TEST(InFlightFinished, WhatLastcallCutAtTheDeadlineIsCalledUnfinished) {
  const auto begun = h(Protocol::http).ready().client(0).up(0).sent(0, 0).began(0, 0).stop();
  const std::string who =
      ", first: clients \"users\", client 1, request 1, sent 2.00 ms before the stop";
  EXPECT_EQ(in_flight(HistoryBuilder(begun)
                          .event(DeadlinePassed{})
                          .forced()
                          .answered(0, 0, RequestEnd::unknown)
                          .reset(0)
                          .signalled(SIGKILL)),
            "fail 1: 1 of 1 requests got an answer that was not finished" + who);
  EXPECT_EQ(in_flight(HistoryBuilder(begun)
                          .answered(0, 0, RequestEnd::unknown)
                          .reset(0)
                          .event(DeadlinePassed{})
                          .forced()
                          .signalled(SIGKILL)),
            "fail 1: 1 of 1 requests got an answer that was cut" + who);
}
TEST(InFlightFinished, SettlingIsTheScenarios) {
  auto story = under_way(99).stop().exited(0);
  story.plan.scenario.properties["in-flight-finished"].settling = std::chrono::milliseconds(50);
  EXPECT_THAT(in_flight(story), StartsWith("fail 1"));
}
TEST(InFlightFinished, ATargetThatAnsweredTooLittleIsNotKnownToKeepUp) {
  EXPECT_EQ(in_flight(h(Protocol::http)
                          .ready()
                          .client(0)
                          .up(0)
                          .client(1)
                          .up(1)
                          .round_trips(0, 0, 2)
                          .sent(1, 0)
                          .wait(300)
                          .stop()
                          .exited(0)),
            kNothing);
}
TEST(InFlightFinished, AnswersOfLongAgoDoNotShowThatItKeepsUp) {
  EXPECT_EQ(in_flight(under_way(1100).stop().exited(0)), kNothing);
}
TEST(InFlightFinished, ASlowEndpointIsJudgedByItsOwnPace) {
  auto story = h(Protocol::http).ready();
  for (std::uint32_t n = 0; n < 4; ++n) story.client(n).up(n).sent(n, 0);
  story.wait(2'000);
  for (std::uint32_t n = 0; n < 4; ++n) story.answered(n, 0).sent(n, 1);
  EXPECT_THAT(in_flight(story.wait(500).stop().exited(0)),
              StartsWith("fail 4: 4 of 4 requests got no answer"));
}
TEST(InFlightFinished, AGrowingQueueIsNotKeepingUp) {
  auto story = h().ready().client(0).up(0).round_trips(0, 0, 3);
  for (std::uint32_t r = 3; r < 24; ++r) story.sent(0, r);  // 21 waiting, 20 clients
  EXPECT_EQ(in_flight(story.wait(200).stop().exited(0)), kNothing);
}
TEST(InFlightFinished, OtherGroupsDoNotShowThatThisOneKeepsUp) {
  auto story = h(Protocol::http);
  story.plan.scenario.clients.push_back(story.plan.scenario.clients[0]);
  story.ready()
      .client(0)
      .up(0)
      .client(1, 1)
      .up(1)
      .round_trips(0, 0, 3)
      .sent(1, 0)
      .wait(200)
      .stop()
      .exited(0);
  EXPECT_EQ(in_flight(story), kNothing);
}
TEST(InFlightFinished, RequestsAfterTheStopOrEndedBeforeItAreNotJudged) {
  EXPECT_EQ(in_flight(h(Protocol::http)
                          .ready()
                          .client(0)
                          .up(0)
                          .round_trips(0, 0, 3)
                          .stop()
                          .sent(0, 3)
                          .exited(0)),
            kNothing);
}
TEST(InFlightFinished, NeedsAStopThatIsNoKill) {
  EXPECT_EQ(in_flight(h()), "not-applicable 0: the trial did not come to a stop");
  EXPECT_EQ(in_flight(under_way(150).exited(1).stop()),
            "not-applicable 0: the target had ended before the stop");
  EXPECT_EQ(in_flight(under_way(150).stop().fault(SIGKILL).signalled(SIGKILL)),
            "not-applicable 0: lastcall sent SIGKILL");
}
TEST(InFlightFinished, IsUnknownIfTheOutcomeWasNotSeen) {
  EXPECT_EQ(in_flight(under_way(150).stop()), "unknown 0: the outcome of 1 requests was not seen");
}

}  // namespace
}  // namespace lastcall
