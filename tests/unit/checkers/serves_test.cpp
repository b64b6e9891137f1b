#include <gtest/gtest.h>

#include "unit/checkers/history_builder.hpp"

namespace lastcall {
namespace {

using testing::h;
using testing::HistoryBuilder;

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
TEST(Serves, WhatComesAfterTheStopIsNotJudged) {
  EXPECT_EQ(serves(h().ready().client(0).up(0).stop().client(1).failed(1, Layer::tcp).reset(0)),
            "pass 1: ");
}
TEST(Serves, FailsIfALayerDoesNotComeUp) {
  EXPECT_EQ(serves(h(Protocol::wss).ready().client(0).up(0).client(1).failed(1, Layer::tls).stop()),
            "fail 2: 1 of 2 connections and requests got no tls (refused), first: clients "
            "\"users\", client 2");
}
TEST(Serves, FailsForAnotherAnswer) {
  EXPECT_EQ(serves(h(Protocol::http)
                       .ready()
                       .client(0)
                       .up(0)
                       .sent(0, 0)
                       .answered(0, 0, RequestEnd::refused)
                       .stop()),
            "fail 1: 1 of 1 connections and requests got another answer than the scenario wants, "
            "first: clients \"users\", client 1");
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
TEST(Serves, AWebSocketClosedByTheServerMustBeClosedInOrder) {
  const auto up = h().ready().client(0).up(0);
  EXPECT_EQ(serves(HistoryBuilder(up).close_frame(0, 1001).closed(0).stop()), "pass 1: ");
  EXPECT_EQ(serves(HistoryBuilder(up).close_frame(0, 1000).closed(0).stop()), "pass 1: ");
  const std::string out_of_order =
      "fail 2: 1 of 2 connections and requests were closed by the server out of order, first: "
      "clients \"users\", client 1";
  EXPECT_EQ(serves(HistoryBuilder(up).close_frame(0, 1011).closed(0).stop()), out_of_order);
  EXPECT_EQ(serves(HistoryBuilder(up).fin(0).closed(0).stop()), out_of_order);
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
