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

const std::string kLate =
    kNothing +
    "; not judged: 1 sent too shortly before the stop to know whether the target had read it";
const std::string kSlow =
    kNothing + "; not judged: 1 sent to a target that was not known to keep up";

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
TEST(InFlightFinished, WhatTheTargetHadClosedBeforeTheStopIsNotTheStops) {
  const auto story = [] { return h().ready().client(0).up(0).round_trips(0, 0, 3).sent(0, 3); };
  const std::string closed =
      kNothing + "; not judged: 1 on a connection that the target had closed before";
  EXPECT_EQ(in_flight(story().close_frame(0, 1011).wait(150).stop().closed(0).exited(0)), closed);
  EXPECT_EQ(in_flight(story().fin(0).wait(150).stop().closed(0).exited(0)), closed);
  EXPECT_THAT(in_flight(story().wait(150).stop().close_frame(0, 1001).closed(0).exited(0)),
              StartsWith("fail 1"));
}
TEST(InFlightFinished, ALateRequestMayNeverHaveBeenRead) {
  EXPECT_EQ(in_flight(under_way(99).stop().exited(0)), kLate);
  EXPECT_THAT(in_flight(under_way(100).stop().exited(0)),
              StartsWith("fail 1"));  // `settling` is included
}
TEST(InFlightFinished, ALateRequestWhoseAnswerHadBegunWasTakenOn) {
  EXPECT_THAT(
      in_flight(h(Protocol::http).ready().client(0).up(0).sent(0, 0).began(0, 0).stop().exited(0)),
      StartsWith("fail 1"));
  EXPECT_EQ(
      in_flight(h(Protocol::http).ready().client(0).up(0).sent(0, 0).stop().began(0, 0).exited(0)),
      kLate);
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
            kSlow);
}
TEST(InFlightFinished, AnswersOfLongAgoDoNotShowThatItKeepsUp) {
  EXPECT_EQ(in_flight(under_way(1100).stop().exited(0)), kSlow);
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
  EXPECT_EQ(in_flight(story.wait(200).stop().exited(0)),
            kNothing + "; not judged: 21 sent to a target that was not known to keep up");
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
  EXPECT_EQ(in_flight(story), kSlow);
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

// Client 1 has sent its first request, 120 bytes with all before it, `age` ms before the stop;
// nobody has ever been answered.
HistoryBuilder young(const std::string& sockets, int age = 14) {
  return h(Protocol::http)
      .ready()
      .client(1)
      .up(1)
      .sent(1, 0)
      .written(1, 0, 120)
      .wait(age - 3)
      .sockets(sockets)
      .stop();
}

TEST(InFlightFinished, WhatTheTargetHadReadWasTakenOnHoweverYoung) {
  const std::string lost =
      "fail 1: 1 of 1 requests got no answer, first: clients \"users\", client 2, request 1, sent "
      "14.0 ms before the stop, "
      "read by the target";
  EXPECT_EQ(in_flight(young("40001:120").exited(0)), lost);
  EXPECT_EQ(in_flight(young("40000:5 40001:130+7 40002:backlog").reset(1).exited(0)), lost);
  EXPECT_EQ(in_flight(young("40001:120").answered(1, 0).exited(0)), "pass 1: ");
  EXPECT_EQ(in_flight(young("40001:120").answered(1, 0, RequestEnd::refused).exited(0)),
            "pass 1: ");
}
TEST(InFlightFinished, WhatWasReadRestsOnNoTime) {
  EXPECT_THAT(in_flight(young("40001:120").lag(500).exited(0)), StartsWith("fail 1"));
}
TEST(InFlightFinished, WhatTheTargetHadNotReadIsCountedAndNotJudged) {
  const std::string unread = kNothing + "; not judged: 1 whose bytes the target had not read";
  EXPECT_EQ(in_flight(young("40001:0+120").exited(0)), unread);
  EXPECT_EQ(in_flight(young("40001:119+1").exited(0)), unread);
  EXPECT_EQ(in_flight(young("40001:119").exited(0)), unread);  // the rest is on its way
  EXPECT_EQ(in_flight(young("40001:backlog").exited(0)),
            kNothing + "; not judged: 1 whose connection the target had not accepted");
  // However old it is, and although the target was keeping up.
  EXPECT_EQ(in_flight(under_way(300).written(1, 0, 120).sockets("40001:0+120").stop().exited(0)),
            unread);
}
TEST(InFlightFinished, WhatGotItsAnswerUnreadIsNobodysBusiness) {
  EXPECT_EQ(in_flight(young("40001:0+120").answered(1, 0).exited(0)), kNothing);
}
TEST(InFlightFinished, OfSeveralRequestsThoseAreJudgedThatWereReadWhole) {
  auto story = h(Protocol::ws).ready().client(0).up(0);
  for (std::uint32_t r = 0; r < 3; ++r) story.sent(0, r).written(0, r, 100 * (r + 1));
  EXPECT_EQ(in_flight(story.sockets("40000:250+50").stop().closed(0).exited(0)),
            "fail 2: 2 of 2 requests got no answer, first: clients \"users\", client 1, request 1, "
            "sent 7.00 ms before the "
            "stop, read by the target; not judged: 1 whose bytes the target had not read");
}
TEST(InFlightFinished, APassSaysWhatWasNotJudged) {
  EXPECT_EQ(in_flight(h(Protocol::http)
                          .ready()
                          .client(0)
                          .up(0)
                          .client(1)
                          .up(1)
                          .sent(0, 0)
                          .written(0, 0, 120)
                          .sent(1, 0)
                          .written(1, 0, 120)
                          .sockets("40000:120 40001:backlog")
                          .stop()
                          .answered(0, 0)
                          .exited(0)),
            "pass 1: not judged: 1 whose connection the target had not accepted");
}
TEST(InFlightFinished, WhatCameAfterTheKernelWasAskedIsJudgedByTimeAlone) {
  const auto story = [](int wait) {
    return h(Protocol::http)
        .ready()
        .client(0)
        .up(0)
        .client(1)
        .up(1)
        .round_trips(0, 0, 3)
        .sockets("40000:300 40001:120")
        .sent(1, 0)
        .written(1, 0, 120)
        .wait(wait)
        .stop()
        .exited(0);
  };
  EXPECT_EQ(in_flight(story(50)), kLate);
  EXPECT_EQ(in_flight(story(150)),
            "fail 1: 1 of 1 requests got no answer, first: clients \"users\", client 2, request 1, "
            "sent 152 ms before the stop");
}
TEST(InFlightFinished, WithoutAMatchOrWithAProblemOnlyTimeJudges) {
  for (const auto* list : {"", "40002:120", "40001:x", "40001:120 40001:120"})
    EXPECT_EQ(in_flight(young(list).exited(0)), kLate) << list;
  const auto refused = [](int age) {
    return under_way(age).written(1, 0, 120).sockets("", "Permission denied").stop().exited(0);
  };
  EXPECT_EQ(in_flight(refused(50)), kLate);
  EXPECT_THAT(in_flight(refused(150)), StartsWith("fail 1"));
}
TEST(InFlightFinished, AListWithoutCountsTellsEmptyQueuesOnly) {
  EXPECT_THAT(in_flight(young("40001:?").exited(0)), StartsWith("fail 1"));
  EXPECT_EQ(in_flight(young("40001:?", 5).exited(0)), kLate);  // it may be on its way
  EXPECT_EQ(in_flight(young("40001:?+120").exited(0)),
            kNothing + "; not judged: 1 whose bytes the target had not read");
}
TEST(InFlightFinished, WhatWasNotWrittenWholeWasNotRead) {
  EXPECT_EQ(in_flight(h(Protocol::http)
                          .ready()
                          .client(1)
                          .up(1)
                          .sent(1, 0)
                          .wait(20)
                          .sockets("40001:0")
                          .stop()
                          .exited(0)),
            kNothing + "; not judged: 1 whose bytes the target had not read");
}
TEST(InFlightFinished, WhoseClientWentAwayBeforeTheStopIsNotCounted) {
  EXPECT_EQ(in_flight(h(Protocol::http)
                          .ready()
                          .client(1)
                          .up(1)
                          .sent(1, 0)
                          .misbehaved(1, "reset")
                          .stop()
                          .exited(0)),
            kNothing);
}
TEST(InFlightFinished, SettlingFollowsTheMedianIfTheScenarioDoesNotSay) {
  const auto unsaid = [](HistoryBuilder story) {
    story.plan.scenario.properties["in-flight-finished"].settling.reset();
    return in_flight(story.stop().exited(0));
  };
  // Answers within 1 ms: 50 ms are enough, less is not.
  EXPECT_THAT(unsaid(under_way(50)), StartsWith("fail 1"));
  EXPECT_EQ(unsaid(under_way(49)), kNothing +
                                       "; not judged: 1 sent too shortly before the stop to know "
                                       "whether the target had read it");
  // Answers within 8 ms: ten times that. Within 200 ms: 100 ms.
  for (const auto& [answer, settling] : {std::pair(8, 80), std::pair(200, 100)}) {
    const auto story = [answer = answer](int age) {
      auto slow = h(Protocol::http).ready().client(0).up(0).client(1).up(1);
      for (std::uint32_t r = 0; r < 3; ++r) slow.sent(0, r).wait(answer - 1).answered(0, r);
      return slow.sent(1, 0).wait(age - 1);
    };
    EXPECT_THAT(unsaid(story(settling)), StartsWith("fail 1")) << answer;
    EXPECT_THAT(unsaid(story(settling - 1)), StartsWith("not-applicable")) << answer;
  }
}

}  // namespace
}  // namespace lastcall
