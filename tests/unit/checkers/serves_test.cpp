#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/checkers/history_builder.hpp"

namespace lastcall::serves_test {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using testing::h;
using testing::HistoryBuilder;
using ::testing::StartsWith;

std::string serves(const HistoryBuilder& b) { return testing::said(b, "serves"); }

const std::string kUndecided =
    "not-applicable 0: nothing was decided before the stop: let it come later ([[faults]] when)";

TEST(Serves, CountsConnectionsAndAcknowledgementsBeforeTheStop) {
  EXPECT_EQ(serves(h().ready().client(0).up(0).round_trips(0, 0, 2).stop()), "pass 3: ");
  EXPECT_EQ(serves(h(Protocol::wss).ready().client(0).up(0).stop().round_trips(0, 0, 2)),
            "pass 1: ");
  EXPECT_EQ(serves(h(Protocol::https).ready().client(0).up(0).stop()), "pass 1: ");
}
TEST(Serves, APlainTcpConnectionProvesNothing) {
  EXPECT_EQ(serves(h(Protocol::http).ready().client(0).up(0).sent(0, 0).stop()), kUndecided);
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
  EXPECT_EQ(serves(HistoryBuilder(plain).stop()), kUndecided);
  EXPECT_EQ(serves(opened(HistoryBuilder(plain).stop())), kUndecided);
  EXPECT_EQ(serves(HistoryBuilder(plain).failed(0, Layer::script).stop()).substr(0, 4), "fail");
  // Who only sends has seen nothing.
  opening = {Step{.send = "EHLO me", .expect = ""}};
  EXPECT_EQ(serves(opened(plain).stop()), kUndecided);
}
TEST(Serves, WhatComesAfterTheStopIsNotJudged) {
  EXPECT_EQ(serves(h().ready().client(0).up(0).stop().client(1).failed(1, Layer::tcp).reset(0)),
            "pass 1: ");
}
TEST(Serves, FailsIfALayerDoesNotComeUp) {
  EXPECT_EQ(serves(h(Protocol::wss).ready().client(0).up(0).client(1).failed(1, Layer::tls).stop()),
            "fail 2: 1 of 2 connections got no tls (refused), first: clients \"users\", client 2");
}
TEST(Serves, FailsForAnotherAnswerAndNamesBoth) {
  auto story = h(Protocol::http).ready().client(0).up(0).sent(0, 0);
  story.event(RequestEnded{testing::connection(0), RequestId{0}, RequestEnd::refused, 503, 1});
  story.stop();
  const std::string got = "fail 1: 1 of 1 requests got status 503 instead of ";
  const std::string who = ", first: clients \"users\", client 1, request 1";
  EXPECT_EQ(serves(story), got + "2xx or 3xx" + who);
  story.plan.scenario.clients[0].status = {200, 201};
  EXPECT_EQ(serves(story), got + "200 or 201" + who);
}
TEST(Serves, QuotesWhatTheServerSaidInPlaceOfAnAnswer) {
  auto story = h(Protocol::http).ready().client(0).up(0);
  for (std::uint32_t r = 0; r < 2; ++r) {
    const auto said = r == 0 ? "database pool is closed" : "another id";
    story.sent(0, r).event(
        RequestEnded{testing::connection(0), RequestId{r}, RequestEnd::refused, 500, 1, said});
  }
  EXPECT_EQ(serves(story.stop()),
            "fail 2: 2 of 2 requests got status 500 instead of 2xx or 3xx, first: clients "
            "\"users\", client 1, request 1: \"database pool is closed\"");
  const LayerFailed declined{testing::connection(0), Layer::websocket, "declined", "login first"};
  EXPECT_EQ(serves(h().ready().client(0).event(declined).stop()),
            "fail 1: 1 of 1 connections got no websocket (declined), first: clients \"users\", "
            "client 1: \"login first\"");
}
// Requests 0, 1, … of one client, answered with these statuses.
HistoryBuilder answered_with(const std::vector<int>& statuses) {
  auto story = h(Protocol::http).ready().client(0).up(0);
  for (std::uint32_t r = 0; r < statuses.size(); ++r) {
    const auto end = statuses[r] == 200 ? RequestEnd::ok : RequestEnd::refused;
    story.sent(0, r).event(RequestEnded{testing::connection(0), RequestId{r}, end, statuses[r], 1});
  }
  return story;
}
TEST(Serves, AGroupWhoseEveryAnswerIsTheSame4xxHasTheWrongUrl) {
  const std::string why =
      " requests of clients \"users\" (every answer was 404: say status = 404 if that is right, or "
      "another url)";
  EXPECT_EQ(serves(answered_with({404, 404}).stop()), "not-applicable 0: not judged: 2" + why);
  EXPECT_EQ(testing::verdict(answered_with({404, 404}).stop(), "serves").not_judged,
            (std::vector<Counted>{{why.substr(1), 2}}));
  // What comes later is another question.
  EXPECT_EQ(serves(answered_with({404}).stop().sent(0, 1).answered(0, 1)),
            "not-applicable 0: not judged: 1" + why);
  // Whatever else the target did to them is judged.
  EXPECT_EQ(
      serves(answered_with({404}).reset(0).stop()),
      "fail 1: 1 of 1 connections were reset, first: clients \"users\", client 1; not judged: "
      "1" +
          why);
  auto wanted = answered_with({404, 404}).stop();
  wanted.plan.scenario.clients[0].status = {200};
  EXPECT_THAT(serves(wanted), StartsWith("fail 2: 2 of 2 requests got status 404 instead of 200"));
}
TEST(Serves, ATargetThatContradictsItselfOrSaysErrorFails) {
  EXPECT_THAT(serves(answered_with({200, 404}).stop()), StartsWith("fail 2: 1 of 2 requests got"));
  EXPECT_THAT(serves(answered_with({404, 200}).stop()), StartsWith("fail 2: 1 of 2 requests got"));
  EXPECT_THAT(serves(answered_with({404, 403}).stop()), StartsWith("fail 2: 1 of 2 requests got"));
  EXPECT_THAT(serves(answered_with({404, 403, 404}).stop()), StartsWith("fail 3"));
  EXPECT_THAT(serves(answered_with({500, 500}).stop()), StartsWith("fail 2: 2 of 2 requests got"));
}
TEST(Serves, FailsForBadEnds) {
  const auto up = h().ready().client(0).up(0);
  const std::string some = "fail 1: 1 of 1 connections ";
  EXPECT_EQ(serves(HistoryBuilder(up).reset(0).stop()),
            some + "were reset, first: clients \"users\", client 1");
  EXPECT_EQ(serves(HistoryBuilder(up).closed(0, ConnectionEndReason::timeout).stop()),
            some + "got no answer in time, first: clients \"users\", client 1");
  EXPECT_EQ(serves(HistoryBuilder(up).closed(0, ConnectionEndReason::protocol).stop()),
            some + "met broken protocol (detail), first: clients \"users\", client 1");
}
TEST(Serves, DoesNotBlameAServerThatLostPatienceWithAClientThatWasHeldUp) {
  const LayerFailed broken{testing::connection(0), Layer::websocket, "Broken pipe", ""};
  const auto held_up = [&](int silence, int lag) {
    auto story = h().ready().client(0).wait(silence);
    if (lag > 0) story.lag(lag, "clients-0");
    return story;
  };
  const std::string why = "; but lastcall itself lagged 2.00 s in clients-0 meanwhile";
  EXPECT_THAT(serves(held_up(10'000, 2'000).event(broken).stop()),
              AllOf(StartsWith("unknown"), EndsWith(why)));
  EXPECT_THAT(serves(held_up(10'000, 2'000).reset(0).stop()),
              AllOf(StartsWith("unknown"), EndsWith(why)));
  EXPECT_THAT(serves(held_up(10'000, 0).event(broken).stop()), StartsWith("fail 1"));
  EXPECT_THAT(serves(held_up(10'000, 500).event(broken).stop()), StartsWith("fail 1"));
  // Nobody loses patience so soon.
  EXPECT_THAT(serves(held_up(300, 200).event(broken).stop()), StartsWith("fail 1"));
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
            "fail 1: 1 of 1 connections were closed by the server without a Close frame, first: "
            "clients \"users\", client 1");
}
// Whatever becomes of the connection: TCP may stay open beyond the stop.
TEST(Serves, ACloseFrameThatIsNoGoodbyeFailsAtThatMoment) {
  const auto up = h().ready().client(0).up(0);
  for (const int code : {1002, 1003, 1007, 1008, 1009, 1010, 1011, 1013, 1014, 3000, 3003, 5000}) {
    const auto told = HistoryBuilder(up).close_frame(0, static_cast<std::uint16_t>(code));
    for (const auto& story :
         {HistoryBuilder(told).stop(), HistoryBuilder(told).closed(0).stop(),
          HistoryBuilder(told).reset(0).stop(),
          HistoryBuilder(told).closed(0, ConnectionEndReason::protocol).stop(),
          HistoryBuilder(told).closed(0, ConnectionEndReason::timeout).stop()}) {
      EXPECT_THAT(serves(story),
                  StartsWith("fail 1: 1 of 1 connections got Close code " + std::to_string(code)));
    }
  }
  EXPECT_EQ(serves(HistoryBuilder(up).stop().close_frame(0, 1011)), "pass 1: ");
}
TEST(Serves, AConnectionThatGoesBadAfterItsUpgradeIsOneItem) {
  auto story = h().ready().client(0).up(0).close_frame(0, 1011).client(1).up(1);
  EXPECT_EQ(serves(HistoryBuilder(story).close_frame(1, 1011).stop()),
            "fail 2: 2 of 2 connections got Close code 1011 (internal error) before any answer, "
            "first: clients \"users\", client 1");
  EXPECT_EQ(serves(story.round_trips(1, 0, 2).close_frame(1, 1011).stop()),
            "fail 4: 1 of 2 connections got Close code 1011 (internal error) before any answer, "
            "first: clients \"users\", client 1; 1 of 2 connections got Close code 1011 (internal "
            "error), first: clients \"users\", client 2");
}
// The frame is seen as its bytes come, the answer when the client has read it.
TEST(Serves, AnAnswerThatCameTogetherWithTheCloseFrameCameBeforeIt) {
  EXPECT_EQ(
      serves(h().ready().client(0).up(0).sent(0, 0).close_frame(0, 1011).answered(0, 0).stop()),
      "fail 2: 1 of 1 connections got Close code 1011 (internal error), first: clients \"users\", "
      "client 1");
}
TEST(Serves, ShowsTheServersOwnWordsInItsCloseFrame) {
  EXPECT_EQ(
      serves(h().ready()
                 .client(0)
                 .up(0)
                 .event(CloseFrame{testing::connection(0), Direction::received, 1007,
                                   "Invalid payload"})
                 .stop()),
      "fail 1: 1 of 1 connections got Close code 1007 (invalid frame payload data) before any "
      "answer, first: clients \"users\", client 1: \"Invalid payload\"");
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
TEST(Serves, ACloseCodeOfTheApplicationsIsSaid) {
  const auto up = h().ready().client(0).up(0);
  const std::string said =
      "1 of 1 connections got Close code 4408, whose meaning only the application knows, first: "
      "clients \"users\", client 1";
  const auto told = HistoryBuilder(up).close_frame(0, 4408);
  EXPECT_EQ(serves(HistoryBuilder(told).stop()), "pass 1: " + said);
  EXPECT_EQ(serves(HistoryBuilder(told).closed(0).stop()), "pass 1: " + said);
  EXPECT_EQ(serves(HistoryBuilder(told).reset(0).stop()), "pass 1: " + said);
  // What the connection does wrong after it fails as after a goodbye.
  EXPECT_EQ(serves(HistoryBuilder(told).closed(0, ConnectionEndReason::timeout).stop()),
            "fail 1: 1 of 1 connections were left open after the Close frame, first: clients "
            "\"users\", client 1; " +
                said);
  // In answer to the client's own it says nothing.
  EXPECT_EQ(serves(HistoryBuilder(up)
                       .close_frame(0, 1000, Direction::sent)
                       .close_frame(0, 4408)
                       .closed(0, ConnectionEndReason::finished)
                       .stop()),
            "pass 1: ");
}
TEST(Serves, ACloseCodeOfTheApplicationsPassesIfItIsAgreedOn) {
  auto story = h().ready().client(0).up(0).close_frame(0, 4001).closed(0).stop();
  auto& codes = settings<property::CloseHandshake>(story.plan).codes;
  codes = {1001, 4000};
  EXPECT_THAT(serves(story), StartsWith("fail 1"));
  codes = {1001, 4001};
  EXPECT_EQ(serves(story), "pass 1: ");
  // An error stays one: what is agreed on is how to stop.
  auto error = h().ready().client(0).up(0).close_frame(0, 1011).closed(0).stop();
  settings<property::CloseHandshake>(error.plan).codes = {1011};
  EXPECT_THAT(serves(error), StartsWith("fail 1"));
}
TEST(Serves, ABrokenCloseFrameIsBrokenProtocol) {
  EXPECT_THAT(serves(h().ready()
                         .client(0)
                         .up(0)
                         .close_frame(0, 1005)
                         .closed(0, ConnectionEndReason::protocol)
                         .stop()),
              StartsWith("fail 1: 1 of 1 connections met broken protocol (detail)"));
}
TEST(Serves, AWebSocketThatIsLeftOpenAfterItsGoodbyeIsSaidAsThat) {
  EXPECT_THAT(serves(h().ready()
                         .client(0)
                         .up(0)
                         .close_frame(0, 1001)
                         .wait(2000)
                         .closed(0, ConnectionEndReason::timeout)
                         .stop()),
              StartsWith("fail 1: 1 of 1 connections were left open after the Close frame"));
}
TEST(Serves, AnHttpServerMayCloseAfterAnAnswerOnly) {
  const auto up = h(Protocol::http).ready().client(0).up(0);
  EXPECT_EQ(serves(HistoryBuilder(up).round_trips(0, 0, 1).fin(0).closed(0).stop()), "pass 1: ");
  EXPECT_EQ(
      serves(HistoryBuilder(up)
                 .sent(0, 0)
                 .fin(0)
                 .answered(0, 0, RequestEnd::unknown)
                 .closed(0)
                 .stop()),
      "fail 1: 1 of 1 connections were closed by the server without an answer, first: clients "
      "\"users\", client 1");
}
TEST(Serves, AnHttpServerMustNotCloseInTheMiddleOfAnAnswer) {
  const auto cut = [](HistoryBuilder story, std::uint32_t r) {
    return story.sent(0, r).began(0, r).fin(0).answered(0, r, RequestEnd::unknown).closed(0).stop();
  };
  const std::string what =
      " requests were cut off: the server closed the connection before the answer was as long as "
      "its "
      "header says (Content-Length, or chunks), first: clients \"users\", client 1, request ";
  const auto up = h(Protocol::http).ready().client(0).up(0);
  EXPECT_EQ(serves(cut(up, 0)), "fail 1: 1 of 1" + what + "1");
  EXPECT_EQ(serves(cut(HistoryBuilder(up).round_trips(0, 0, 2), 2)), "fail 3: 1 of 3" + what + "3");
  // The server need not wait forever for a client that reads slowly.
  auto slow = HistoryBuilder(up).all_are(Behaviour::slow_reader).round_trips(0, 0, 2);
  EXPECT_EQ(serves(cut(slow, 2)), "pass 2: ");
  // Bytes that do not answer what a tcp client asked are not half an answer.
  EXPECT_THAT(serves(cut(h(Protocol::tcp).ready().client(0).up(0), 0)),
              StartsWith("fail 1: 1 of 1 connections were closed by the server without an answer"));
}
TEST(Serves, CountsConnectionsAndRequestsApart) {
  auto story = h(Protocol::http).ready().client(0).up(0).client(1).up(1).round_trips(1, 0, 3);
  story.sent(0, 0).began(0, 0).fin(0).answered(0, 0, RequestEnd::unknown).closed(0).reset(1).stop();
  EXPECT_EQ(serves(story),
            "fail 5: 1 of 2 connections were reset, first: clients \"users\", client 2; 1 of 4 "
            "requests were cut off: the server closed the connection before the answer was as long "
            "as its header says (Content-Length, or chunks), first: clients \"users\", client 1, "
            "request 1");
  EXPECT_FALSE(testing::verdict(story, "serves").rests_on_absence) << "the reset was seen";
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
TEST(Serves, WhatLastcallEndedBeforeItWasReadyIsNotJudged) {
  const auto said = [](HistoryBuilder story) {
    return serves(story.event(TargetNotReady{"the target ended first"}));
  };
  const auto hup = [] { return h().fault(SIGHUP).done(); };
  EXPECT_EQ(said(hup().signalled(SIGHUP)),
            "not-applicable 0: lastcall sent SIGHUP before the target was ready");
  EXPECT_EQ(said(h().event(TargetForced{SIGABRT, "its watchdog expired"}).signalled(SIGABRT)),
            "not-applicable 0: lastcall ended the target because its watchdog expired before the "
            "target was ready");
  // Its own end, and what it needs.
  EXPECT_EQ(said(hup().exited(1)), "fail 1: never ready: the target ended first");
  EXPECT_EQ(
      said(h().event(TargetForced{SIGKILL, "the kernel, at the memory limit"}).signalled(SIGKILL)),
      "fail 1: never ready: the kernel ended the target at its memory limit");
  EXPECT_EQ(serves(h().event(TargetNotReady{"not within 1 s"}).forced().signalled(SIGKILL)),
            "fail 1: never ready: not within 1 s");
}
TEST(Serves, HasNothingToJudgeInAStopDuringTheStart) {
  EXPECT_EQ(serves(h().stop().exited(0)),
            "not-applicable 0: the stop came before the target was ready: let it come later "
            "([[faults]] when)");
}
TEST(Serves, JudgesUntilTheEndWithoutAStop) {
  EXPECT_EQ(serves(h().ready().client(0).up(0).forced().reset(0)), "pass 1: ");
  EXPECT_EQ(serves(h().ready().client(0).up(0).exited(0).event(LeftProcessesEnded{1}).reset(0)),
            "pass 1: ");
  EXPECT_EQ(serves(h().ready().client(0).up(0).signalled(SIGSEGV).reset(0)),
            "fail 1: 1 of 1 connections were reset, first: clients \"users\", client 1");
}
TEST(Serves, IsUnknownForASilentHistory) {
  EXPECT_EQ(serves(h()), "unknown 0: the target was not seen ready");
  EXPECT_EQ(serves(h().ready().stop()), kUndecided);
}

}  // namespace
}  // namespace lastcall::serves_test
