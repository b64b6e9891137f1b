#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/checkers/history_builder.hpp"

namespace lastcall::in_flight_finished_test {
namespace {

using ::testing::AllOf;
using testing::connection;
using ::testing::EndsWith;
using testing::h;
using ::testing::HasSubstr;
using testing::HistoryBuilder;
using ::testing::Not;
using ::testing::StartsWith;

std::string in_flight(const HistoryBuilder& b) { return testing::said(b, "in-flight-finished"); }

const std::string kNothing =
    "not-applicable 0: no request was demonstrably taken on and unanswered at the stop: raise "
    "count in [[clients]], or name a url whose answers take longer";

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
  EXPECT_EQ(in_flight(under_way(150).stop().wait(1).exited(0)), no_answer);
  EXPECT_EQ(in_flight(under_way(150).stop().closed(1, ConnectionEndReason::harness)), no_answer);
  EXPECT_EQ(in_flight(under_way(150).stop().event(DeadlinePassed{}).forced().signalled(SIGKILL)),
            no_answer);
}
TEST(InFlightFinished, IsUnknownIfAStarvedTargetMayHaveRunIntoATimeLimitOfItsOwn) {
  const auto cut = [](int after, int starved, std::string source) {
    return in_flight(under_way(150)
                         .began(1, 0)
                         .stop()
                         .wait(after)
                         .lag(starved, std::move(source))
                         .answered(1, 0, RequestEnd::unknown)
                         .reset(1)
                         .exited(0));
  };
  EXPECT_THAT(cut(1'000, 600, "machine"),
              AllOf(StartsWith("unknown 1: 1 of 1 requests got an answer that was cut"),
                    EndsWith("; but the target waited 600 ms for a processor meanwhile")));
  EXPECT_THAT(cut(1'000, 120, "clients-0"),
              StartsWith("unknown 1: 1 of 1 requests got an answer that was cut"));
  EXPECT_THAT(cut(1'000, 400, "machine"), StartsWith("fail 1"));
  EXPECT_THAT(cut(900, 600, "machine"), StartsWith("fail 1"));
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
TEST(InFlightFinished, WhatLastcallCutWithProcessesThatWereLeftIsNotJudged) {
  const auto cut = [](HistoryBuilder story) {
    story.event(LeftProcessesEnded{1}).answered(1, 0, RequestEnd::unknown).reset(1);
    return in_flight(story);
  };
  const auto left = [] { return under_way(150).stop().exited(0); };
  const std::string counted =
      kNothing + "; not judged: 1 cut as lastcall ended processes that were left";
  EXPECT_EQ(cut(left()), counted);
  EXPECT_EQ(cut(left().began(1, 0)), counted);
  EXPECT_EQ(in_flight(left().event(LeftProcessesEnded{1})), counted);
  EXPECT_EQ(in_flight(left().answered(1, 0).event(LeftProcessesEnded{1})), "pass 1: ");
  // What the target, or what it left, had cut before.
  const std::string no_answer = "fail 1: 1 of 1 requests got no answer";
  EXPECT_THAT(
      in_flight(left().answered(1, 0, RequestEnd::unknown).reset(1).event(LeftProcessesEnded{1})),
      StartsWith(no_answer));
  EXPECT_THAT(cut(left().fin(1)), StartsWith(no_answer));
  // It hung, and lastcall ended all of it.
  EXPECT_THAT(cut(under_way(150).stop().event(DeadlinePassed{}).forced().signalled(SIGKILL)),
              StartsWith(no_answer));
}
TEST(InFlightFinished, SettlingIsTheScenarios) {
  auto story = under_way(99).stop().exited(0);
  settings<property::InFlightFinished>(story.plan).settling = std::chrono::milliseconds(50);
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
  EXPECT_THAT(in_flight(young("40001:120").exited(0)), StartsWith(lost));
  EXPECT_THAT(in_flight(young("40000:5 40001:130+7 40002:backlog").reset(1).exited(0)),
              StartsWith(lost));
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
  auto story = h(Protocol::ws).ready().client(1).up(1).round_trips(1, 0, 1).client(0).up(0);
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
        .wait(1)
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
    settings<property::InFlightFinished>(story.plan).settling.reset();
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

// Client 0 gets answers of these lengths, each ended by its connection; that of client 1, of
// `length` bytes, is on its way at the stop.
HistoryBuilder until_eof(std::initializer_list<std::uint32_t> before, std::uint32_t length,
                         RequestEnd end = RequestEnd::ok, int status = 200) {
  auto story = h(Protocol::http).ready().client(0).up(0).client(1).up(1);
  std::uint32_t r = 0;
  for (const auto bytes : before) {
    story.sent(0, r).event(AnswerEndedByEof{connection(0), RequestId{r}});
    story.event(RequestEnded{connection(0), RequestId{r++}, RequestEnd::ok, 200, bytes});
  }
  story.sent(1, 0).began(1, 0).stop().event(AnswerEndedByEof{connection(1), RequestId{0}});
  story.event(RequestEnded{connection(1), RequestId{0}, end, status, length});
  return story.closed(1).exited(0);
}

TEST(InFlightFinished, AnAnswerThatItsConnectionEndedWasCutIfItIsShorterThanAllBefore) {
  EXPECT_EQ(
      in_flight(until_eof({50, 50, 50}, 20)),
      "fail 1: 1 of 1 requests got an answer that was cut, first: clients \"users\", client 2, "
      "request 1, sent 2.00 ms before the stop");
  EXPECT_THAT(in_flight(until_eof({50, 50, 50}, 0)), StartsWith("fail 1"));
  EXPECT_THAT(in_flight(until_eof({50, 60, 70}, 0)), StartsWith("fail 1"));
  EXPECT_EQ(in_flight(until_eof({50, 50, 50}, 50)), "pass 1: ");
  EXPECT_EQ(in_flight(until_eof({50, 50, 50}, 51)), "pass 1: ");
  EXPECT_EQ(in_flight(until_eof({50, 50, 50}, 5, RequestEnd::refused, 503)), "pass 1: ");
  EXPECT_THAT(in_flight(until_eof({50, 50, 50}, 20).lost("clients-0")), StartsWith("unknown 1"));
}
// The same, of answers that say themselves where they end.
HistoryBuilder whole(std::initializer_list<std::uint32_t> before, std::uint32_t length,
                     RequestEnd end = RequestEnd::ok, int status = 200) {
  auto story = h(Protocol::http).ready().client(0).up(0).client(1).up(1);
  std::uint32_t r = 0;
  for (const auto bytes : before) {
    story.sent(0, r).event(RequestEnded{connection(0), RequestId{r++}, RequestEnd::ok, 200, bytes});
  }
  story.sent(1, 0).began(1, 0).stop();
  return story.event(RequestEnded{connection(1), RequestId{0}, end, status, length}).exited(0);
}

TEST(InFlightFinished, AWholeAnswerOfAnotherKindThanBeforeIsSaid) {
  const std::string is_short = "pass 1: 1 whose answer was shorter than all before the stop";
  EXPECT_EQ(in_flight(whole({50, 50, 50}, 49)), is_short);
  EXPECT_EQ(in_flight(whole({50, 60, 70}, 25)), is_short);
  EXPECT_EQ(in_flight(whole({50, 60, 70}, 0)), is_short);
  EXPECT_EQ(in_flight(whole({50, 50, 50}, 0, RequestEnd::ok, 204)),
            "pass 1: 1 answered with a status that none had before the stop");
  EXPECT_THAT(
      testing::verdict(whole({9, 9, 9}, 1), "in-flight-finished").noted,
      ::testing::ElementsAre(Counted{"whose answer was shorter than all before the stop", 1}));
  for (const auto& usual :
       {whole({50, 50, 50}, 50), whole({50, 50, 50}, 51), whole({50, 60, 70}, 26),
        whole({0, 0, 0}, 0), whole({50, 50}, 20), whole({50, 50}, 0, RequestEnd::ok, 204),
        whole({50, 50, 50}, 5, RequestEnd::refused, 503)}) {
    EXPECT_EQ(in_flight(usual), "pass 1: ");
  }
}
TEST(InFlightFinished, OfAnAnswerThatItsConnectionEndedNobodyMayKnowTheLength) {
  const std::string unclear =
      kNothing + "; not judged: 1 whose answer ended with its connection and may have been cut";
  EXPECT_EQ(in_flight(until_eof({}, 20)), unclear);
  EXPECT_EQ(in_flight(until_eof({50, 50}, 20)), unclear);
  EXPECT_EQ(in_flight(until_eof({50, 50, 51}, 20)), unclear);
  EXPECT_EQ(in_flight(until_eof({50, 0, 51}, 0)), unclear);
  EXPECT_EQ(in_flight(until_eof({50, 50, 50}, 20, RequestEnd::ok, 201)), unclear);
  // What a fault cut tells nothing of the others.
  auto story = h(Protocol::http).ready().client(2).up(2).sent(2, 0).disturbed(2);
  story.event(AnswerEndedByEof{connection(2), RequestId{0}}).answered(2, 0).client(0).up(0);
  for (std::uint32_t r = 0; r < 3; ++r) {
    story.sent(0, r).event(AnswerEndedByEof{connection(0), RequestId{r}});
    story.event(RequestEnded{connection(0), RequestId{r}, RequestEnd::ok, 200, 50});
  }
  story.sent(0, 3).began(0, 3).stop().event(AnswerEndedByEof{connection(0), RequestId{3}});
  EXPECT_THAT(in_flight(story.answered(0, 3).closed(0).exited(0)), StartsWith("fail 1"));
}

RequestEnded refused(std::uint32_t n, std::uint32_t r, int status) {
  return {connection(n), RequestId{r}, RequestEnd::refused, status, 1};
}

TEST(InFlightFinished, AnErrorThatNobodyGotBeforeTheStopIsNoAnswer) {
  for (const int status : {500, 502, 504}) {
    EXPECT_EQ(in_flight(under_way(150).stop().event(refused(1, 0, status)).exited(0)),
              "fail 1: 1 of 1 requests got status " + std::to_string(status) +
                  ", as none did before the stop, first: clients \"users\", client 2, request 1, "
                  "sent 150 ms before the stop");
  }
  for (const int status : {404, 429, 501, 503})
    EXPECT_EQ(in_flight(under_way(150).stop().event(refused(1, 0, status)).exited(0)), "pass 1: ");
  auto told = refused(1, 0, 500);
  told.said = "database pool is closed";
  EXPECT_THAT(in_flight(under_way(150).stop().event(told).exited(0)),
              EndsWith("sent 150 ms before the stop: \"database pool is closed\""));
  const RequestEnded wanted{connection(1), RequestId{0}, RequestEnd::ok, 500, 1};
  EXPECT_EQ(in_flight(under_way(150).stop().event(wanted).exited(0)),
            "pass 1: 1 answered with a status that none had before the stop");
  EXPECT_THAT(
      in_flight(under_way(150).stop().event(refused(1, 0, 500)).exited(0).lost("clients-0")),
      StartsWith("unknown 1"))
      << "an earlier one may be lost";
}
TEST(InFlightFinished, AnErrorAsBeforeTheStopIsNotTheStops) {
  for (const int status : {500, 503}) {
    auto story = h(Protocol::http).ready().client(0).up(0).client(1).up(1).round_trips(0, 0, 3);
    story.sent(0, 3).event(refused(0, 3, status)).sent(1, 0).wait(150).stop();
    EXPECT_EQ(in_flight(story.event(refused(1, 0, 500)).exited(0)), "pass 1: ") << status;
  }
  EXPECT_EQ(in_flight(young("40001:120").event(refused(1, 0, 500)).exited(0)),
            kNothing +
                "; not judged: 1 that got an error in a group that was not answered before "
                "the stop");
  EXPECT_EQ(in_flight(young("40001:0+120").event(refused(1, 0, 500)).exited(0)), kNothing);
}

TEST(InFlightFinished, NobodyOwesAnAnswerWhereTheProtocolKnowsNone) {
  const auto pushed = [](Protocol protocol) {
    auto story = h(protocol).ready().client(0).up(0).client(1).up(1).sent(0, 0).written(0, 0, 120);
    return story.sockets("40000:120").stop();
  };
  for (const auto protocol : {Protocol::ws, Protocol::wss, Protocol::tcp, Protocol::tls}) {
    EXPECT_EQ(in_flight(pushed(protocol).closed(0).exited(0)),
              kNothing + "; not judged: 1 sent by a group that was never answered");
    EXPECT_THAT(in_flight(pushed(protocol).round_trips(1, 0, 1).closed(0).exited(0)),
                StartsWith("fail 1: 1 of 1 requests got no answer"));
  }
  EXPECT_THAT(in_flight(pushed(Protocol::http).closed(0).exited(0)), StartsWith("fail 1"));
  auto in_process = pushed(Protocol::ws).closed(0).exited(0);
  in_process.plan.scenario.clients[0].url = "";
  EXPECT_THAT(in_flight(in_process), StartsWith("fail 1"));
}

TEST(InFlightFinished, BytesOverTcpMayBeMeantForAnybody) {
  const auto pushed = [](const std::string& socket) {
    auto story = h(Protocol::tcp).ready().client(0).up(0).client(1).up(1).round_trips(1, 0, 1);
    story.sent(0, 0).written(0, 0, 120).began(0, 0).sockets(socket).stop().closed(0).exited(0);
    return in_flight(story);
  };
  EXPECT_EQ(pushed("40000:0+120"),
            kNothing + "; not judged: 1 whose bytes the target had not read");
  EXPECT_THAT(
      pushed("40000:120"),
      StartsWith("fail 1: 1 of 1 requests got bytes, but not what acknowledges them (ack)"));
}

// An answer that begins after the stop.
HistoryBuilder begun_later(Protocol protocol = Protocol::http) {
  return h(protocol).ready().client(0).up(0).round_trips(0, 0, 3).stop().sent(0, 3).began(0, 3);
}
HistoryBuilder cut_later(ConnectionEndReason why = ConnectionEndReason::server_closed,
                         Protocol protocol = Protocol::http) {
  return begun_later(protocol).answered(0, 3, RequestEnd::unknown).closed(0, why).exited(0);
}

TEST(InFlightFinished, AnAnswerToARequestAfterTheStopThatIsCutIsCountedOnly) {
  const std::string counted =
      kNothing + "; not judged: 1 sent after the stop, whose answer was cut";
  EXPECT_EQ(in_flight(cut_later()), counted);
  EXPECT_EQ(in_flight(cut_later(ConnectionEndReason::reset)), counted);
  auto of_the_drain = cut_later();
  of_the_drain.plan.scenario.clients[0].during_drain = true;
  EXPECT_EQ(in_flight(of_the_drain), counted);
  EXPECT_EQ(in_flight(begun_later().answered(0, 3).closed(0).exited(0)), kNothing);
}
TEST(InFlightFinished, AnAnswerAfterTheStopThatTheTargetDidNotCutIsNotJudged) {
  using enum ConnectionEndReason;
  for (const auto why : {finished, harness, protocol})
    EXPECT_EQ(in_flight(cut_later(why)), kNothing) << name(why);
  for (const auto raw : {Protocol::tcp, Protocol::tls})
    EXPECT_EQ(in_flight(cut_later(server_closed, raw)), kNothing);
  const auto end = [](HistoryBuilder story) {
    return in_flight(story.answered(0, 3, RequestEnd::unknown).closed(0).signalled(SIGKILL));
  };
  EXPECT_EQ(end(begun_later().event(DeadlinePassed{}).forced()), kNothing);
  EXPECT_EQ(end(begun_later().disturbed(0)), kNothing);
  EXPECT_EQ(end(h(Protocol::http).ready().client(0).up(0).round_trips(0, 0, 3).stop().sent(0, 3)),
            kNothing);
  EXPECT_EQ(in_flight(begun_later().misbehaved(0, "reset").closed(0, finished).exited(0)),
            kNothing);
}
TEST(InFlightFinished, WhatWasUnreadAtTheStopIsFinishedOnceItIsBegun) {
  const auto cut = [](HistoryBuilder story) {
    return in_flight(story.began(1, 0).answered(1, 0, RequestEnd::unknown).closed(1).exited(0));
  };
  EXPECT_EQ(
      cut(young("40001:0+120")),
      "fail 1: 1 of 1 requests got an answer that was cut, first: clients \"users\", client 2, "
      "request 1, sent 14.0 ms before the stop; the target exited 4.00 ms after SIGTERM, before it "
      "had answered anybody");
  // Nor does it rest on time.
  EXPECT_THAT(cut(under_way(100).lag(60, "clients-0").stop()), StartsWith("fail 1"));
}

TEST(InFlightFinished, SaysThatTheTargetWasGoneSoonerThanItAnswers) {
  const auto story = [] {
    auto slow = h(Protocol::http).ready().client(0).up(0).client(1).up(1);
    for (std::uint32_t r = 0; r < 3; ++r) slow.sent(0, r).wait(7).answered(0, r);
    return slow.sent(1, 0).wait(149).stop();
  };
  const std::string first =
      "fail 1: 1 of 1 requests got no answer, first: clients \"users\", client 2, request 1, sent "
      "150 ms before the stop";
  const std::string took = "15.0 ms after SIGTERM, its answers took 8.00 ms (median)";
  EXPECT_EQ(in_flight(story().wait(14).exited(0)), first + "; the target exited " + took);
  EXPECT_EQ(in_flight(story().wait(14).signalled(SIGTERM)), first + "; the target ended " + took);
  EXPECT_EQ(in_flight(story().wait(15).exited(0)), first);
  EXPECT_EQ(in_flight(story().wait(9).forced().signalled(SIGKILL)), first);
  EXPECT_THAT(in_flight(story().event(refused(1, 0, 500)).exited(0)),
              AllOf(StartsWith("fail 1"), Not(HasSubstr("the target exited"))));
}

TEST(InFlightFinished, SaysWhichSignalIsTheGracefulOneOfAWellKnownServer) {
  const auto lost = [](std::string program, int signal) {
    return in_flight(under_way(150)
                         .event(HandlerAtStop{80, signal, true, "", std::move(program)})
                         .stop(signal)
                         .exited(0));
  };
  EXPECT_THAT(lost("nginx", SIGTERM),
              EndsWith("; nginx documents SIGQUIT for a graceful stop, and SIGTERM for a fast one: "
                       "signal in [target.stop]"));
  EXPECT_THAT(lost("php-fpm8.2", SIGINT), HasSubstr("php-fpm documents SIGQUIT"));
  EXPECT_THAT(lost("nginx", SIGQUIT), Not(HasSubstr("documents")));
  EXPECT_THAT(lost("python3.11", SIGTERM), Not(HasSubstr("documents")));
}

TEST(InFlightFinished, SaysThatTheTargetWasGoneBeforeItsFirstAnswer) {
  const auto story = [] {
    return h(Protocol::http).ready().client(0).up(0).client(1).up(1).sent(1, 0).began(1, 0).stop();
  };
  EXPECT_THAT(
      in_flight(story().wait(14).exited(0)),
      EndsWith("; the target exited 15.0 ms after SIGTERM, before it had answered anybody"));
  EXPECT_THAT(in_flight(story().sent(0, 0).answered(0, 0).exited(0)), Not(HasSubstr("exited")));
}

}  // namespace
}  // namespace lastcall::in_flight_finished_test
