#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/checkers/history_builder.hpp"

namespace lastcall::close_handshake_test {
namespace {

using testing::h;
using testing::HistoryBuilder;
using ::testing::StartsWith;

std::string close_handshake(const HistoryBuilder& b) { return testing::said(b, "close-handshake"); }

const std::string kNothing =
    "not-applicable 0: no connection was up at the stop that the server had to close: have clients "
    "stay until then ([[clients]] messages, [[faults]] when)";

HistoryBuilder stopped(Protocol protocol) { return h(protocol).ready().client(0).up(0).stop(); }
HistoryBuilder with_codes(HistoryBuilder story, std::vector<int> codes) {
  settings<property::CloseHandshake>(story.plan).codes = std::move(codes);
  return story;
}
HistoryBuilder strict(HistoryBuilder story) {
  settings<property::CloseHandshake>(story.plan).strict = true;
  return story;
}
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
TEST(CloseHandshake, IsUnknownIfTheTargetHadNoProcessorWhileItsClientWaited) {
  const auto gave_up = [](int starved) {
    auto story = stopped(Protocol::wss).close_frame(0, 1001).wait(2'000).lag(starved, "target");
    return close_handshake(story.closed(0, ConnectionEndReason::timeout).exited(0));
  };
  EXPECT_EQ(gave_up(500),
            "unknown 0: the end of 1 connections was not seen: their clients gave up, but the "
            "target waited up to 500 ms of that for a processor");
  EXPECT_EQ(gave_up(100), one("got no close_notify"));
}
TEST(CloseHandshake, IsUnknownIfAStarvedTargetMayHaveRunIntoATimeLimitOfItsOwn) {
  const auto closed = [](int after, int starved, std::string source) {
    auto story = stopped(Protocol::ws).wait(after).lag(starved, std::move(source));
    return close_handshake(story.fin(0).closed(0).exited(0));
  };
  EXPECT_EQ(closed(1'000, 600, "machine"),
            "unknown 1: 1 of 1 connections got no Close frame, first: clients \"users\", client 1; "
            "but the target waited 600 ms for a processor meanwhile");
  EXPECT_THAT(closed(1'000, 120, "clients-0"), StartsWith("unknown 1: 1 of 1 connections got no"));
  EXPECT_EQ(closed(1'000, 400, "machine"), one("got no Close frame"));
  EXPECT_EQ(closed(900, 600, "machine"), one("got no Close frame"));  // too soon for a limit
}
TEST(CloseHandshake, ATargetThatWasStillThereAtTheDeadlineMayHaveBeenStarved) {
  const auto hung = [](int starved) {
    auto story = stopped(Protocol::ws).wait(5'000).lag(starved, "target").event(DeadlinePassed{});
    return close_handshake(story.forced().closed(0).signalled(SIGKILL));
  };
  EXPECT_EQ(hung(2'600),
            "unknown 0: the end of 1 connections was not seen: the deadline passed, but the target "
            "waited 2.60 s for a processor meanwhile");
  EXPECT_EQ(hung(2'000), one("got no Close frame"));
}
TEST(CloseHandshake, AWrongCodeIsWrongHoweverLongItTook) {
  EXPECT_THAT(close_handshake(stopped(Protocol::ws)
                                  .wait(2'000)
                                  .lag(1'000, "target")
                                  .close_frame(0, 1011)
                                  .fin(0)
                                  .closed(0)
                                  .exited(0)),
              StartsWith("fail 1: 1 of 1 connections got Close code 1011"));
}
// A Close frame, an orderly end.
HistoryBuilder closed_with(std::uint16_t code, std::string reason = "") {
  return stopped(Protocol::ws)
      .event(CloseFrame{testing::connection(0), Direction::received, code, std::move(reason)})
      .fin(0)
      .closed(0)
      .exited(0);
}
TEST(CloseHandshake, HoldsForWhateverAServerThatStopsMaySay) {
  for (const int code : {1000, 1001, 1005, 1012}) {
    EXPECT_EQ(close_handshake(closed_with(static_cast<std::uint16_t>(code))), "pass 1: ") << code;
  }
}
TEST(CloseHandshake, FailsForACodeThatSaysError) {
  EXPECT_EQ(close_handshake(closed_with(1011)),
            one("got Close code 1011 (internal error) instead of 1000, 1001 or 1012"));
  EXPECT_EQ(close_handshake(closed_with(1013)),
            one("got Close code 1013 (try again later) instead of 1000, 1001 or 1012"));
  EXPECT_EQ(close_handshake(closed_with(3008)),
            one("got Close code 3008 (timeout) instead of 1000, 1001 or 1012"));
  EXPECT_EQ(close_handshake(closed_with(2999)),
            one("got Close code 2999 instead of 1000, 1001 or 1012"));
}
TEST(CloseHandshake, SaysWhatTheServerWroteBesideTheCode) {
  EXPECT_EQ(close_handshake(closed_with(1011, "shutting down")),
            one("got Close code 1011 (internal error) instead of 1000, 1001 or 1012") +
                ": \"shutting down\"");
}
TEST(CloseHandshake, CountsTheApplicationsOwnCodesAndDoesNotFailThem) {
  EXPECT_EQ(close_handshake(closed_with(4001, "bye")),
            "pass 1: 1 of 1 connections got Close code 4001, whose meaning only the application "
            "knows, first: clients \"users\", client 1: \"bye\"");
  EXPECT_EQ(testing::verdict(closed_with(4001, "bye"), "close-handshake").noted,
            (std::vector<Counted>{
                {"connections got Close code 4001, whose meaning only the application knows", 1}}));
  EXPECT_TRUE(testing::verdict(closed_with(1001), "close-handshake").noted.empty());
  EXPECT_EQ(close_handshake(closed_with(4999)).substr(0, 6), "pass 1");
  EXPECT_EQ(close_handshake(closed_with(3999)),
            one("got Close code 3999 instead of 1000, 1001 or 1012"));
  EXPECT_EQ(close_handshake(closed_with(5000)),
            one("got Close code 5000 instead of 1000, 1001 or 1012"));
}
TEST(CloseHandshake, FailsForACodeThatWasNotAgreed) {
  EXPECT_EQ(close_handshake(with_codes(closed_with(1012), {1012})), "pass 1: ");
  EXPECT_EQ(close_handshake(with_codes(closed_with(1001), {1012})),
            one("got Close code 1001 (going away) instead of 1012"));
  EXPECT_EQ(close_handshake(with_codes(closed_with(4001), {1001})),
            one("got Close code 4001 instead of 1001"));
  EXPECT_EQ(close_handshake(with_codes(closed_with(4001), {4001})), "pass 1: ");
  EXPECT_EQ(close_handshake(with_codes(closed_with(1005), {1001})),
            one("got a Close frame without a code instead of 1001"));
  EXPECT_EQ(close_handshake(with_codes(closed_with(1011), {1001, 1005, 4001})),
            one("got Close code 1011 (internal error) instead of 1001, no code or 4001"));
  EXPECT_EQ(close_handshake(with_codes(closed_with(1005), {1005})), "pass 1: ");
}
// Half a code, 1005 on the wire, a reason that is not UTF-8: what the client rejects.
TEST(CloseHandshake, ABrokenCloseFrameIsNoGoodbye) {
  const auto broken = [](std::uint16_t code) {
    return stopped(Protocol::ws)
        .close_frame(0, code)
        .closed(0, ConnectionEndReason::protocol)
        .exited(0);
  };
  EXPECT_EQ(close_handshake(broken(1005)), one("got a Close frame and broken protocol (detail)"));
  EXPECT_EQ(close_handshake(broken(1001)), one("got a Close frame and broken protocol (detail)"));
  EXPECT_EQ(close_handshake(with_codes(broken(1005), {1001})),
            one("got a Close frame and broken protocol (detail)"));
  EXPECT_EQ(close_handshake(broken(1014)),
            one("got Close code 1014 (bad gateway) instead of 1000, 1001 or 1012"));
}
TEST(CloseHandshake, FailsForAResetInsteadOfTheGoodbye) {
  EXPECT_EQ(close_handshake(stopped(Protocol::ws).reset(0).exited(0)),
            one("were reset without a Close frame"));
  EXPECT_EQ(close_handshake(stopped(Protocol::wss).reset(0).exited(0)),
            one("were reset without a Close frame or close_notify"));
  EXPECT_EQ(close_handshake(stopped(Protocol::wss).close_frame(0, 1001).reset(0).exited(0)),
            one("were reset after the Close frame, without close_notify"));
  EXPECT_EQ(close_handshake(stopped(Protocol::https).reset(0).exited(0)),
            one("were reset without close_notify"));
  EXPECT_EQ(close_handshake(stopped(Protocol::tls).reset(0).exited(0)),
            one("were reset without close_notify"));
  EXPECT_EQ(
      close_handshake(
          h(Protocol::http).ready().client(0).up(0).round_trips(0, 0, 1).stop().reset(0).exited(0)),
      one("were reset"));
}
// Whoever closes without waiting for the client's own goodbye answers it by a reset.
TEST(CloseHandshake, CountsAResetAfterTheGoodbyeAndFailsItOnlyIfStrict) {
  const std::string who = ", first: clients \"users\", client 1";
  const auto after = [](Protocol protocol) {
    return h(protocol).ready().client(0).up(0).round_trips(0, 0, 1).stop();
  };
  const std::vector<std::pair<HistoryBuilder, std::string>> stories{
      {after(Protocol::ws).close_frame(0, 1001), "the Close frame"},
      {after(Protocol::ws).close_frame(0, 1001).fin(0), "the Close frame"},
      {after(Protocol::wss).close_frame(0, 1001).close_notify(0), "close_notify"},
      {after(Protocol::https).close_notify(0), "close_notify"},
      {after(Protocol::tls).close_notify(0), "close_notify"},
      {after(Protocol::http).fin(0), "FIN"},
  };
  for (const auto& [story, what] : stories) {
    const auto reset = HistoryBuilder(story).reset(0).exited(0);
    EXPECT_EQ(close_handshake(reset), "pass 1: 1 of 1 connections were reset after " + what + who);
    EXPECT_EQ(close_handshake(strict(reset)), one("were reset after " + what));
    EXPECT_EQ(close_handshake(strict(HistoryBuilder(story).fin(0).closed(0).exited(0))),
              "pass 1: ");
  }
}
TEST(CloseHandshake, SaysAResetAfterTheGoodbyeAlsoOfAFailure) {
  const auto story = stopped(Protocol::ws).close_frame(0, 1011).reset(0).exited(0);
  EXPECT_EQ(testing::verdict(story, "close-handshake").noted,
            (std::vector<Counted>{{"connections were reset after the Close frame", 1}}));
  EXPECT_EQ(close_handshake(story),
            one("got Close code 1011 (internal error) instead of 1000, 1001 or 1012") +
                "; 1 of 1 connections were reset after the Close frame, first: clients \"users\", "
                "client 1");
}
// A client whose write fails learns of the reset before it has read the goodbye, which came first.
TEST(CloseHandshake, AGoodbyeThatIsReadAfterTheResetCameBeforeIt) {
  EXPECT_EQ(close_handshake(stopped(Protocol::ws)
                                .event(Reset{testing::connection(0)})
                                .close_frame(0, 1001)
                                .closed(0, ConnectionEndReason::reset)
                                .exited(0)),
            "pass 1: 1 of 1 connections were reset after the Close frame, first: clients "
            "\"users\", client 1");
}
TEST(CloseHandshake, WhatLastcallsOwnKillResetIsNobodys) {
  const auto killed = [](HistoryBuilder story) {
    return close_handshake(story.forced().reset(0).signalled(SIGKILL));
  };
  const auto late = [](Protocol protocol) { return stopped(protocol).event(DeadlinePassed{}); };
  EXPECT_EQ(killed(late(Protocol::ws)), one("got no Close frame"));
  EXPECT_EQ(killed(late(Protocol::https)), one("got no close_notify"));
  EXPECT_EQ(killed(late(Protocol::ws).close_frame(0, 1001)), "pass 1: ");
  EXPECT_EQ(killed(strict(late(Protocol::ws).close_frame(0, 1001))), "pass 1: ");
  EXPECT_EQ(killed(late(Protocol::http).round_trips(0, 0, 1)), kNothing);
  // Its threads wait for one another forever: lastcall does not wait for the deadline.
  EXPECT_EQ(killed(stopped(Protocol::ws)), one("got no Close frame"));
  EXPECT_EQ(killed(h(Protocol::http).ready().client(0).up(0).round_trips(0, 0, 1).stop()),
            kNothing);
  // FIN, too, is the kernel's then.
  EXPECT_EQ(close_handshake(late(Protocol::http).forced().fin(0).closed(0).signalled(SIGKILL)),
            kNothing);
  // What the target itself had reset before stays its doing.
  EXPECT_EQ(close_handshake(
                stopped(Protocol::ws).reset(0).event(DeadlinePassed{}).forced().signalled(SIGKILL)),
            one("were reset without a Close frame"));
}
TEST(CloseHandshake, WhatLastcallCutWithProcessesThatWereLeftIsNotJudged) {
  const auto cut = [](HistoryBuilder story) {
    return close_handshake(story.exited(0).event(LeftProcessesEnded{1}).reset(0));
  };
  const std::string counted =
      kNothing + "; not judged: 1 cut as lastcall ended processes that were left";
  EXPECT_EQ(cut(stopped(Protocol::ws)), counted);
  EXPECT_EQ(cut(stopped(Protocol::https)), counted);
  EXPECT_EQ(cut(stopped(Protocol::wss).close_frame(0, 1001)), counted);
  EXPECT_EQ(cut(h(Protocol::http).ready().client(0).up(0).round_trips(0, 0, 1).stop()), counted);
  EXPECT_EQ(cut(stopped(Protocol::ws).close_frame(0, 1001)), "pass 1: ");
  EXPECT_EQ(cut(strict(stopped(Protocol::ws).close_frame(0, 1001))), "pass 1: ");
  // What the target, or what it left, had said or done before stays its doing.
  EXPECT_EQ(close_handshake(stopped(Protocol::ws)
                                .exited(0)
                                .event(LeftProcessesEnded{1})
                                .close_frame(0, 1011)
                                .reset(0)),
            one("got Close code 1011 (internal error) instead of 1000, 1001 or 1012"));
  EXPECT_EQ(cut(stopped(Protocol::ws).close_frame(0, 1011)),
            one("got Close code 1011 (internal error) instead of 1000, 1001 or 1012"));
  EXPECT_EQ(cut(stopped(Protocol::ws).fin(0)), one("got no Close frame"));
  EXPECT_EQ(close_handshake(stopped(Protocol::ws).reset(0).exited(0).event(LeftProcessesEnded{1})),
            one("were reset without a Close frame"));
  // It hung, and lastcall ended all of it.
  EXPECT_EQ(cut(stopped(Protocol::ws).event(DeadlinePassed{}).forced()), one("got no Close frame"));
}
TEST(CloseHandshake, FailsWithoutCloseNotify) {
  EXPECT_EQ(close_handshake(stopped(Protocol::wss).close_frame(0, 1001).fin(0).closed(0).exited(0)),
            one("got no close_notify"));
  EXPECT_EQ(close_handshake(stopped(Protocol::wss).fin(0).closed(0).exited(0)),
            one("got neither a Close frame nor close_notify"));
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
const std::string kUnanswered =
    "; not judged: 1 whose client closed first, and got no Close frame in answer to its own";

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
            kNothing + kUnanswered);
  EXPECT_EQ(close_handshake(h().ready()
                                .client(0)
                                .up(0)
                                .close_frame(0, 1000, Direction::sent)
                                .stop()
                                .close_frame(0, 1001)
                                .fin(0)
                                .closed(0, ConnectionEndReason::finished)
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
            kNothing + kUnanswered);
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
  EXPECT_EQ(
      close_handshake(
          h(Protocol::http).ready().client(0).up(0).sent(0, 0).answered(0, 0).stop().exited(0)),
      "unknown 0: the end of 1 connections was not seen");
  EXPECT_EQ(close_handshake(stopped(Protocol::http).exited(0)), kNothing)
      << "nothing shows that the server has accepted it";
  EXPECT_EQ(close_handshake(stopped(Protocol::ws).close_frame(0, 1011).exited(0)),
            one("got Close code 1011 (internal error) instead of 1000, 1001 or 1012"));
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
TEST(CloseHandshake, TheKernelSaysWhetherTheyHadBeenAccepted) {
  const auto story = [](const std::string& sockets) {
    auto waits = h(Protocol::http).ready().client(0).up(0).sent(0, 0).wait(150).sockets(sockets);
    return close_handshake(waits.stop().reset(0).exited(0));
  };
  EXPECT_EQ(story("40000:0+90"), one("were reset"));
  EXPECT_EQ(story("40000:90"), one("were reset"));
  EXPECT_EQ(story("40000:?"), one("were reset"));
  EXPECT_EQ(story("40000:backlog"), kNothing);
  EXPECT_EQ(story("40001:0+90"), kNothing);
  EXPECT_EQ(close_handshake(h(Protocol::http)
                                .ready()
                                .sockets("40000:0+90")
                                .client(0)
                                .up(0)
                                .stop()
                                .reset(0)
                                .exited(0)),
            kNothing)
      << "another connection had that port";
  // Accepted or not, what was sent so late need not have been read.
  EXPECT_EQ(close_handshake(h(Protocol::http)
                                .ready()
                                .client(0)
                                .up(0)
                                .sent(0, 0)
                                .sockets("40000:0+90")
                                .stop()
                                .reset(0)
                                .exited(0)),
            kNothing);
}
TEST(CloseHandshake, AWebSocketThatIsUpgradedAfterTheStopIsOwedItsGoodbyeToo) {
  const auto late = [](Protocol protocol) { return h(protocol).ready().stop().client(0).up(0); };
  EXPECT_EQ(close_handshake(late(Protocol::ws).wait(20).fin(0).closed(0).exited(0)),
            one("got no Close frame"));
  EXPECT_EQ(close_handshake(late(Protocol::ws).reset(0).wait(20).exited(0)),
            one("were reset without a Close frame"));
  EXPECT_EQ(
      close_handshake(late(Protocol::wss).close_frame(0, 1001).wait(20).fin(0).closed(0).exited(0)),
      one("got no close_notify"));
  EXPECT_EQ(
      close_handshake(late(Protocol::ws).wait(20).close_frame(0, 1001).fin(0).closed(0).exited(0)),
      "pass 1: ");
  EXPECT_EQ(close_handshake(h().ready().client(0).stop().up(0).wait(20).fin(0).closed(0).exited(0)),
            one("got no Close frame"))
      << "who came before the stop";
  // Whose client closes first, and what was never upgraded.
  EXPECT_EQ(close_handshake(late(Protocol::ws)
                                .close_frame(0, 1000, Direction::sent)
                                .wait(20)
                                .closed(0, ConnectionEndReason::finished)
                                .exited(0)),
            kNothing +
                "; not judged: 1 whose client closed first, and got no Close frame in "
                "answer to its own");
  for (const auto protocol : {Protocol::http, Protocol::https, Protocol::tls})
    EXPECT_EQ(close_handshake(late(protocol).wait(20).reset(0).exited(0)), kNothing);
  EXPECT_EQ(close_handshake(h(Protocol::ws)
                                .ready()
                                .stop()
                                .client(0)
                                .event(LayerUp{testing::connection(0), Layer::tcp})
                                .wait(20)
                                .reset(0)
                                .exited(0)),
            kNothing);
}
TEST(CloseHandshake, AnUpgradeAndTheExitMayHaveCrossed) {
  const auto late = [] { return h().ready().stop().client(0).up(0); };
  const std::string crossed = "; not judged: 1 upgraded too late for a goodbye";
  EXPECT_EQ(close_handshake(late().fin(0).closed(0).exited(0)), kNothing + crossed);
  EXPECT_EQ(close_handshake(h().ready().stop().exited(0).client(0).up(0).fin(0).closed(0)),
            kNothing + crossed);
  EXPECT_EQ(close_handshake(late().close_frame(0, 1001).fin(0).closed(0).exited(0)), kNothing);
  EXPECT_EQ(close_handshake(h().ready()
                                .stop()
                                .event(DeadlinePassed{})
                                .client(0)
                                .up(0)
                                .wait(20)
                                .forced()
                                .closed(0)
                                .signalled(SIGKILL)),
            kNothing + crossed);
}

}  // namespace
}  // namespace lastcall::close_handshake_test
