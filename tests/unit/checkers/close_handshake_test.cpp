#include <gtest/gtest.h>

#include "unit/checkers/history_builder.hpp"

namespace lastcall {
namespace {

using testing::h;
using testing::HistoryBuilder;

std::string close_handshake(const HistoryBuilder& b) { return testing::said(b, "close-handshake"); }

const std::string kNothing =
    "not-applicable 0: no connection was up at the stop that the server had to close";

HistoryBuilder stopped(Protocol protocol) { return h(protocol).ready().client(0).up(0).stop(); }
std::string one(const std::string& what) {
  return "fail 1: 1 of 1 connections " + what + ", first: clients \"users\", client 1";
}

TEST(CloseHandshake, HoldsForAGoodbyeOfEachProtocol) {
  EXPECT_EQ(close_handshake(stopped(Protocol::ws).close_frame(0, 1001).fin(0).closed(0).exited(0)),
            "pass 1: ");
  EXPECT_EQ(
      close_handshake(
          stopped(Protocol::wss).close_frame(0, 1001).close_notify(0).fin(0).closed(0).exited(0)),
      "pass 1: ");
  EXPECT_EQ(close_handshake(stopped(Protocol::http).fin(0).closed(0).exited(0)), "pass 1: ");
  EXPECT_EQ(close_handshake(stopped(Protocol::https).close_notify(0).fin(0).closed(0).exited(0)),
            "pass 1: ");
}
TEST(CloseHandshake, FailsWithoutACloseFrame) {
  EXPECT_EQ(close_handshake(stopped(Protocol::ws).fin(0).closed(0).exited(0)),
            one("got no Close frame"));
  EXPECT_EQ(
      close_handshake(stopped(Protocol::ws).closed(0, ConnectionEndReason::timeout).exited(0)),
      one("got no Close frame"));
}
TEST(CloseHandshake, FailsForACodeThatWasNotAgreed) {
  EXPECT_EQ(close_handshake(stopped(Protocol::ws).close_frame(0, 1011).fin(0).closed(0).exited(0)),
            one("got Close code 1011"));
  auto story = stopped(Protocol::ws).close_frame(0, 1012).fin(0).closed(0).exited(0);
  story.plan.scenario.properties["close-handshake"].codes = {1012};
  EXPECT_EQ(close_handshake(story), "pass 1: ");
}
TEST(CloseHandshake, FailsForAReset) {
  EXPECT_EQ(close_handshake(stopped(Protocol::ws).reset(0).exited(0)),
            one("were reset without a Close frame"));
  EXPECT_EQ(close_handshake(stopped(Protocol::ws).close_frame(0, 1001).reset(0).exited(0)),
            one("were reset"));
  EXPECT_EQ(close_handshake(stopped(Protocol::wss).close_frame(0, 1001).reset(0).exited(0)),
            one("were reset"));
  EXPECT_EQ(
      close_handshake(
          h(Protocol::http).ready().client(0).up(0).round_trips(0, 0, 1).stop().reset(0).exited(0)),
      one("were reset"));
}
TEST(CloseHandshake, FailsWithoutCloseNotify) {
  EXPECT_EQ(close_handshake(stopped(Protocol::wss).close_frame(0, 1001).fin(0).closed(0).exited(0)),
            one("got no close_notify"));
  EXPECT_EQ(close_handshake(stopped(Protocol::https).fin(0).closed(0).exited(0)),
            one("got no close_notify"));
}
TEST(CloseHandshake, CountsAndNamesTheFirst) {
  auto story = h().ready();
  for (std::uint32_t n = 0; n < 5; ++n) story.client(n).up(n);
  story.stop();
  for (std::uint32_t n : {0U, 2U}) story.close_frame(n, 1001).fin(n).closed(n);
  story.fin(3).closed(3).fin(1).closed(1).reset(4).exited(0);
  EXPECT_EQ(
      close_handshake(story),
      "fail 5: 2 of 5 connections got no Close frame, first: clients \"users\", client 2; "
      "1 of 5 connections were reset without a Close frame, first: clients \"users\", client 5");
}
TEST(CloseHandshake, AResetThatCrossedARequestIsNotJudged) {
  const auto story = [](Protocol protocol) {
    return h(protocol).ready().client(0).up(0).round_trips(0, 0, 1).sent(0, 1);
  };
  EXPECT_EQ(close_handshake(story(Protocol::http).stop().reset(0).exited(0)), kNothing);
  EXPECT_EQ(close_handshake(story(Protocol::https).stop().reset(0).exited(0)), kNothing);
  EXPECT_EQ(close_handshake(story(Protocol::ws).stop().reset(0).exited(0)),
            one("were reset without a Close frame"));
  EXPECT_EQ(close_handshake(story(Protocol::http).wait(100).stop().reset(0).exited(0)),
            one("were reset"))
      << "so long after it was sent it had been read";
  EXPECT_EQ(close_handshake(story(Protocol::http).began(0, 1).stop().reset(0).exited(0)),
            one("were reset"));
}
TEST(CloseHandshake, AnHttpResetThatALateRequestMayHaveCausedIsNotJudged) {
  EXPECT_EQ(close_handshake(stopped(Protocol::http).sent(0, 0).reset(0).exited(0)), kNothing);
  EXPECT_EQ(close_handshake(stopped(Protocol::https).sent(0, 0).fin(0).closed(0).exited(0)),
            kNothing);
  EXPECT_EQ(close_handshake(
                stopped(Protocol::https).sent(0, 0).close_notify(0).fin(0).closed(0).exited(0)),
            "pass 1: ");
  // A WebSocket has its own handshake against that.
  EXPECT_EQ(close_handshake(stopped(Protocol::ws).sent(0, 0).reset(0).exited(0)),
            one("were reset without a Close frame"));
}
TEST(CloseHandshake, WhatWasOverOrNotYetUpAtTheStopIsNotJudged) {
  EXPECT_EQ(close_handshake(h().ready().client(0).up(0).fin(0).closed(0).stop().exited(0)),
            kNothing);
  EXPECT_EQ(close_handshake(h().ready()
                                .client(0)
                                .up(0)
                                .close_frame(0, 1000, Direction::sent)
                                .stop()
                                .reset(0)
                                .exited(0)),
            kNothing);
  EXPECT_EQ(close_handshake(h(Protocol::http)
                                .ready()
                                .client(0)
                                .up(0)
                                .fin(0, Direction::sent)
                                .stop()
                                .reset(0)
                                .exited(0)),
            kNothing);
  EXPECT_EQ(close_handshake(h().ready().client(0).stop().up(0).reset(0).exited(0)), kNothing);
  EXPECT_EQ(close_handshake(h().ready()
                                .client(0)
                                .event(LayerUp{testing::connection(0), Layer::tcp})
                                .stop()
                                .reset(0)
                                .exited(0)),
            kNothing);
}
TEST(CloseHandshake, AClientThatClosedFirstAfterTheStopIsNotJudged) {
  EXPECT_EQ(close_handshake(stopped(Protocol::ws)
                                .close_frame(0, 1000, Direction::sent)
                                .fin(0)
                                .closed(0, ConnectionEndReason::finished)
                                .exited(0)),
            kNothing);
  EXPECT_EQ(close_handshake(stopped(Protocol::http)
                                .fin(0, Direction::sent)
                                .fin(0)
                                .closed(0, ConnectionEndReason::finished)
                                .exited(0)),
            kNothing);
  // Its answer to the server's Close frame does not make it the first.
  EXPECT_EQ(close_handshake(stopped(Protocol::ws)
                                .close_frame(0, 1001)
                                .close_frame(0, 1001, Direction::sent)
                                .fin(0)
                                .closed(0, ConnectionEndReason::finished)
                                .exited(0)),
            "pass 1: ");
}
TEST(CloseHandshake, WhatLastcallHungUpIsUnknownUnlessTheDeadlineHadPassed) {
  EXPECT_EQ(
      close_handshake(stopped(Protocol::ws).exited(0).closed(0, ConnectionEndReason::harness)),
      "unknown 0: the end of 1 connections was not seen");
  EXPECT_EQ(close_handshake(stopped(Protocol::ws)
                                .event(DeadlinePassed{})
                                .closed(0, ConnectionEndReason::harness)
                                .forced()
                                .signalled(SIGKILL)),
            one("got no Close frame"));
}
TEST(CloseHandshake, IsUnknownIfAnEndWasNotSeen) {
  EXPECT_EQ(close_handshake(stopped(Protocol::ws).exited(0)),
            "unknown 0: the end of 1 connections was not seen");
  EXPECT_EQ(close_handshake(stopped(Protocol::http).exited(0)),
            "unknown 0: the end of 1 connections was not seen");
  EXPECT_EQ(close_handshake(stopped(Protocol::ws).close_frame(0, 1011).exited(0)),
            one("got Close code 1011"));
}
TEST(CloseHandshake, NeedsAStopThatIsNoKill) {
  EXPECT_EQ(close_handshake(h()), "not-applicable 0: the trial did not come to a stop");
  EXPECT_EQ(close_handshake(h().client(0).up(0).exited(1).stop().reset(0)),
            "not-applicable 0: the target had ended before the stop");
  EXPECT_EQ(close_handshake(stopped(Protocol::ws).fault(SIGKILL).signalled(SIGKILL).reset(0)),
            "not-applicable 0: lastcall sent SIGKILL");
}

// A server that closes its listener resets who is waiting in the backlog: connected, as a client
// sees it.
TEST(CloseHandshake, ResetOfAConnectionThatNobodyMayHaveAcceptedIsNotJudged) {
  EXPECT_EQ(close_handshake(
                h(Protocol::http).ready().client(0).up(0).sent(0, 0).stop().reset(0).exited(0)),
            kNothing);
  EXPECT_EQ(close_handshake(h(Protocol::http)
                                .ready()
                                .client(0)
                                .up(0)
                                .sent(0, 0)
                                .began(0, 0)
                                .stop()
                                .reset(0)
                                .exited(0)),
            one("were reset"));
}

// nginx closes right after its close_notify; the client's own close_notify then meets a closed
// socket.
TEST(CloseHandshake, ResetThatAnswersTheClientsCloseNotifyCutsNothingOff) {
  EXPECT_EQ(close_handshake(stopped(Protocol::https).close_notify(0).reset(0).exited(0)),
            "pass 1: ");
  EXPECT_EQ(close_handshake(
                stopped(Protocol::wss).close_frame(0, 1001).close_notify(0).reset(0).exited(0)),
            "pass 1: ");
}

}  // namespace
}  // namespace lastcall
