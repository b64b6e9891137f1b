#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/checkers/history_builder.hpp"

namespace lastcall {
namespace {

using testing::h;
using testing::HistoryBuilder;
using ::testing::StartsWith;

std::string serves(const HistoryBuilder& b) { return testing::said(b, "serves"); }

TEST(Serves, CountsConnectionsAndAcknowledgementsBeforeTheStop) {
  EXPECT_EQ(serves(h().ready().client(0).up(0).round_trips(0, 0, 2).stop()), "pass 3: ");
  EXPECT_EQ(serves(h(Protocol::wss).ready().client(0).up(0).stop().round_trips(0, 0, 2)),
            "pass 1: ");
  EXPECT_EQ(serves(h(Protocol::https).ready().client(0).up(0).stop()), "pass 1: ");
}
TEST(Serves, APlainTcpConnectionProvesNothing) {
  EXPECT_EQ(serves(h(Protocol::http).ready().client(0).up(0).sent(0, 0).stop()),
            "not-applicable 0: nothing was decided before the stop");
  EXPECT_EQ(serves(h(Protocol::http).ready().client(0).up(0).round_trips(0, 0, 1).stop()),
            "pass 1: ");
}
TEST(Serves, ASatisfiedOpeningOfAPlainConnectionCounts) {
  auto plain = h(Protocol::tcp).ready().client(0).up(0);
  const auto opened = [](HistoryBuilder b) {
    return b.event(LayerUp{testing::connection(0), Layer::script});
  };
  auto& opening = plain.plan.scenario.clients[0].opening;
  opening = {Step{.send = "", .expect = "220 "}, Step{.send = "EHLO me", .expect = ""}};
  EXPECT_EQ(serves(opened(plain).stop()), "pass 1: ");
  EXPECT_EQ(serves(HistoryBuilder(plain).stop()),
            "not-applicable 0: nothing was decided before the stop");
  EXPECT_EQ(serves(opened(HistoryBuilder(plain).stop())),
            "not-applicable 0: nothing was decided before the stop");
  EXPECT_EQ(serves(HistoryBuilder(plain).failed(0, Layer::script).stop()).substr(0, 4), "fail");
  // Who only sends has seen nothing.
  opening = {Step{.send = "EHLO me", .expect = ""}};
  EXPECT_EQ(serves(opened(plain).stop()), "not-applicable 0: nothing was decided before the stop");
}
TEST(Serves, WhatComesAfterTheStopIsNotJudged) {
  EXPECT_EQ(serves(h().ready().client(0).up(0).stop().client(1).failed(1, Layer::tcp).reset(0)),
            "pass 1: ");
}
TEST(Serves, FailsIfALayerDoesNotComeUp) {
  EXPECT_EQ(serves(h(Protocol::wss).ready().client(0).up(0).client(1).failed(1, Layer::tls).stop()),
            "fail 2: 1 of 2 connections and requests got no tls (refused), first: clients "
            "\"users\", client 2");
}
TEST(Serves, FailsForAnotherAnswerAndNamesBoth) {
  auto story = h(Protocol::http).ready().client(0).up(0).sent(0, 0);
  story.event(RequestEnded{testing::connection(0), RequestId{0}, RequestEnd::refused, 503, 1});
  story.stop();
  const std::string got = "fail 1: 1 of 1 connections and requests got status 503 instead of ";
  EXPECT_EQ(serves(story), got + "2xx, first: clients \"users\", client 1");
  story.plan.scenario.clients[0].status = {200, 201};
  EXPECT_EQ(serves(story), got + "200 or 201, first: clients \"users\", client 1");
}
TEST(Serves, FailsForBadEnds) {
  const auto up = h().ready().client(0).up(0);
  const std::string some = "fail 2: 1 of 2 connections and requests ";
  EXPECT_EQ(serves(HistoryBuilder(up).reset(0).stop()),
            some + "were reset, first: clients \"users\", client 1");
  EXPECT_EQ(serves(HistoryBuilder(up).closed(0, ConnectionEndReason::timeout).stop()),
            some + "got no answer in time, first: clients \"users\", client 1");
  EXPECT_EQ(serves(HistoryBuilder(up).closed(0, ConnectionEndReason::protocol).stop()),
            some + "met broken protocol (detail), first: clients \"users\", client 1");
}
TEST(Serves, AWebSocketMayBeClosedWithAGoodbye) {
  const auto up = h().ready().client(0).up(0);
  for (const int code : {1000, 1001, 1005, 1012}) {
    const auto told = HistoryBuilder(up).close_frame(0, static_cast<std::uint16_t>(code));
    EXPECT_EQ(serves(HistoryBuilder(told).closed(0).stop()), "pass 1: ") << code;
    EXPECT_EQ(serves(HistoryBuilder(told).reset(0).stop()), "pass 1: ") << code;
    EXPECT_EQ(serves(HistoryBuilder(told).stop().closed(0)), "pass 1: ") << code;
  }
}
TEST(Serves, AWebSocketClosedByTheServerMustGetACloseFrame) {
  EXPECT_EQ(serves(h().ready().client(0).up(0).fin(0).closed(0).stop()),
            "fail 2: 1 of 2 connections and requests were closed by the server without a Close "
            "frame, first: clients \"users\", client 1");
}
// Whatever becomes of the connection: TCP may stay open beyond the stop.
TEST(Serves, ACloseFrameThatIsNoGoodbyeFailsAtThatMoment) {
  const auto up = h().ready().client(0).up(0);
  for (const int code : {1002, 1003, 1007, 1008, 1009, 1010, 1011, 1013, 1014, 3000, 3003, 4001}) {
    const auto told = HistoryBuilder(up).close_frame(0, static_cast<std::uint16_t>(code));
    for (const auto& story :
         {HistoryBuilder(told).stop(), HistoryBuilder(told).closed(0).stop(),
          HistoryBuilder(told).reset(0).stop(),
          HistoryBuilder(told).closed(0, ConnectionEndReason::protocol).stop(),
          HistoryBuilder(told).closed(0, ConnectionEndReason::timeout).stop()}) {
      EXPECT_THAT(serves(story),
                  StartsWith("fail 2: 1 of 2 connections and requests got Close code " +
                             std::to_string(code)));
    }
  }
  EXPECT_EQ(serves(HistoryBuilder(up).stop().close_frame(0, 1011)), "pass 1: ");
}
TEST(Serves, ShowsTheServersOwnWordsInItsCloseFrame) {
  EXPECT_EQ(serves(h().ready()
                       .client(0)
                       .up(0)
                       .event(CloseFrame{testing::connection(0), Direction::received, 1007,
                                         "Invalid payload"})
                       .stop()),
            "fail 2: 1 of 2 connections and requests got Close code 1007 (invalid frame payload "
            "data), first: clients \"users\", client 1: \"Invalid payload\"");
}
TEST(Serves, ACloseFrameThatAnswersTheClientsIsNotTheServersOwn) {
  EXPECT_EQ(serves(h().ready()
                       .client(0)
                       .up(0)
                       .close_frame(0, 1000, Direction::sent)
                       .close_frame(0, 1011)
                       .closed(0, ConnectionEndReason::finished)
                       .stop()),
            "pass 1: ");
}
TEST(Serves, ACloseCodeOfTheApplicationsPassesIfItIsAgreedOn) {
  auto story = h().ready().client(0).up(0).close_frame(0, 4001).closed(0).stop();
  auto& codes = story.plan.scenario.properties["close-handshake"].codes;
  codes = {1001, 4000};
  EXPECT_THAT(serves(story), StartsWith("fail 2"));
  codes = {1001, 4001};
  EXPECT_EQ(serves(story), "pass 1: ");
  // An error stays one: what is agreed on is how to stop.
  auto error = h().ready().client(0).up(0).close_frame(0, 1011).closed(0).stop();
  error.plan.scenario.properties["close-handshake"].codes = {1011};
  EXPECT_THAT(serves(error), StartsWith("fail 2"));
}
TEST(Serves, ABrokenCloseFrameIsBrokenProtocol) {
  EXPECT_THAT(serves(h().ready()
                         .client(0)
                         .up(0)
                         .close_frame(0, 1005)
                         .closed(0, ConnectionEndReason::protocol)
                         .stop()),
              StartsWith("fail 2: 1 of 2 connections and requests met broken protocol (detail)"));
}
TEST(Serves, AWebSocketThatIsLeftOpenAfterItsGoodbyeIsSaidAsThat) {
  EXPECT_THAT(serves(h().ready()
                         .client(0)
                         .up(0)
                         .close_frame(0, 1001)
                         .wait(2000)
                         .closed(0, ConnectionEndReason::timeout)
                         .stop()),
              StartsWith("fail 2: 1 of 2 connections and requests were left open after the Close "
                         "frame"));
}
TEST(Serves, AnHttpServerMayCloseAfterAnAnswerOnly) {
  const auto up = h(Protocol::http).ready().client(0).up(0);
  EXPECT_EQ(serves(HistoryBuilder(up).round_trips(0, 0, 1).fin(0).closed(0).stop()), "pass 1: ");
  EXPECT_EQ(serves(HistoryBuilder(up)
                       .sent(0, 0)
                       .fin(0)
                       .answered(0, 0, RequestEnd::unknown)
                       .closed(0)
                       .stop()),
            "fail 1: 1 of 1 connections and requests were closed by the server without an answer, "
            "first: clients \"users\", client 1");
}
TEST(Serves, NamesGroupsThatNothingIsKnownAbout) {
  auto story = h();
  story.plan.scenario.clients.push_back(story.plan.scenario.clients[0]);
  story.plan.scenario.clients[1].name = "admins";
  EXPECT_EQ(serves(story.ready().client(0).up(0).client(1, 1).stop()),
            "pass 1: nothing was decided before the stop for clients \"admins\"");
}
TEST(Serves, FailsIfTheTargetNeverBecameReady) {
  EXPECT_EQ(serves(h().event(TargetNotReady{"no answer within 5s"})),
            "fail 1: never ready: no answer within 5s");
}
TEST(Serves, HasNothingToJudgeInAStopDuringTheStart) {
  EXPECT_EQ(serves(h().stop().exited(0)),
            "not-applicable 0: the stop came before the target was ready");
}
TEST(Serves, JudgesUntilTheEndWithoutAStop) {
  EXPECT_EQ(serves(h().ready().client(0).up(0).forced().reset(0)), "pass 1: ");
  EXPECT_EQ(
      serves(h().ready().client(0).up(0).signalled(SIGSEGV).reset(0)),
      "fail 2: 1 of 2 connections and requests were reset, first: clients \"users\", client 1");
}
TEST(Serves, IsUnknownForASilentHistory) {
  EXPECT_EQ(serves(h()), "unknown 0: the target was not seen ready");
  EXPECT_EQ(serves(h().ready().stop()), "not-applicable 0: nothing was decided before the stop");
}

}  // namespace
}  // namespace lastcall
