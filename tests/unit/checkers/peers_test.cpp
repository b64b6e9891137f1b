// Clients that misbehave, connections that a fault disturbed, raw protocols, clients of the drain.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/checkers/history_builder.hpp"

namespace lastcall::peers_test {
namespace {

using testing::h;
using testing::HistoryBuilder;
using testing::said;
using ::testing::StartsWith;

std::string serves(const HistoryBuilder& b) { return said(b, "serves"); }
std::string in_flight(const HistoryBuilder& b) { return said(b, "in-flight-finished"); }
std::string close_handshake(const HistoryBuilder& b) { return said(b, "close-handshake"); }

const std::string kUndecided =
    "not-applicable 0: nothing was decided before the stop: let it come later ([[faults]] when)";

const std::string kNotJudged =
    "not-applicable 0: no connection was up at the stop that the server had to close: have clients "
    "stay until then ([[clients]] messages, [[faults]] when)";

const std::string kResetAfter =
    "pass 1: 1 of 1 connections were reset after the Close frame, first: clients \"users\", client "
    "1";

HistoryBuilder up(Protocol protocol = Protocol::ws) { return h(protocol).ready().client(0).up(0); }
HistoryBuilder stopped(Protocol protocol = Protocol::ws) { return up(protocol).stop(); }

TEST(ServesDisturbed, CountsWhatWasBeforeAndNothingAfter) {
  EXPECT_EQ(serves(up().misbehaved(0, "reset").reset(0).stop()), "pass 1: ");
  EXPECT_EQ(serves(up().disturbed(0).closed(0, ConnectionEndReason::protocol).stop()), "pass 1: ");
  EXPECT_THAT(serves(up().reset(0).disturbed(0).stop()), StartsWith("fail 1"));
  EXPECT_EQ(serves(h(Protocol::wss)
                       .ready()
                       .client(0)
                       .misbehaved(0, "abort-handshake")
                       .failed(0, Layer::tls)
                       .stop()),
            kUndecided);
}
TEST(ServesDisturbed, AGentleBehaviourIsNoExcuse) {
  EXPECT_THAT(serves(up().misbehaved(0, "slow-reader").reset(0).stop()), StartsWith("fail"));
  EXPECT_THAT(serves(up().misbehaved(0, "abort-clients").reset(0).stop()), StartsWith("pass"));
}
TEST(ServesDisturbed, ASilentClientIsNoItem) {
  EXPECT_EQ(serves(h(Protocol::wss)
                       .all_are(Behaviour::silent)
                       .ready()
                       .client(0)
                       .event(LayerUp{testing::connection(0), Layer::tcp})
                       .event(LayerUp{testing::connection(0), Layer::tls})
                       .closed(0)
                       .stop()),
            kUndecided);
}
TEST(ServesDisturbed, ClientsOfTheDrainAreNoItems) {
  auto story = h();
  story.plan.scenario.clients.push_back(story.plan.scenario.clients[0]);
  story.plan.scenario.clients[1].during_drain = true;
  story.ready().client(0).up(0).client(1, 1).failed(1, Layer::tcp).stop();
  EXPECT_EQ(serves(story), "pass 1: ");
}
TEST(ServesRaw, CountsAcknowledgedRequestsAndTls) {
  EXPECT_EQ(serves(up(Protocol::tcp).stop()), kUndecided);
  EXPECT_EQ(serves(up(Protocol::tcp).round_trips(0, 0, 2).stop()), "pass 2: ");
  EXPECT_EQ(serves(up(Protocol::tls).round_trips(0, 0, 2).stop()), "pass 3: ");
  EXPECT_THAT(
      serves(
          up(Protocol::tcp).sent(0, 0).fin(0).answered(0, 0, RequestEnd::unknown).closed(0).stop()),
      StartsWith("fail 1"));
}
TEST(ServesRaw, ASignalOfLastcallsThatEndedTheTargetEndsWhatItMustServe) {
  EXPECT_EQ(serves(up().fault(SIGUSR1).signalled(SIGUSR1).reset(0)), "pass 1: ");
  EXPECT_THAT(serves(up().fault(SIGHUP).signalled(SIGSEGV).reset(0)), StartsWith("fail 1"));
}

HistoryBuilder under_way(Protocol protocol = Protocol::http) {
  return up(protocol).sent(0, 0).began(0, 0);
}

TEST(InFlightDisturbed, BlamesNobodyFromThereOn) {
  const std::string nothing =
      "not-applicable 0: no request was demonstrably taken on and unanswered at the stop: raise "
      "count in [[clients]], or name a url whose answers take longer";
  EXPECT_EQ(
      in_flight(
          under_way().stop().disturbed(0).answered(0, 0, RequestEnd::unknown).reset(0).exited(0)),
      nothing + "; not judged: 1 whose client, or a fault, was to blame");
  EXPECT_EQ(in_flight(under_way().misbehaved(0, "half-open").stop().exited(0)), nothing);
  EXPECT_THAT(
      in_flight(
          under_way().stop().answered(0, 0, RequestEnd::unknown).disturbed(0).reset(0).exited(0)),
      StartsWith("fail 1"));
}
TEST(InFlightDisturbed, ASlowReaderMayNotHaveComeToItsAnswer) {
  const auto story = [](Behaviour behaviour, ConnectionEndReason why) {
    return h(Protocol::http)
        .all_are(behaviour)
        .ready()
        .client(0)
        .up(0)
        .sent(0, 0)
        .began(0, 0)
        .stop()
        .exited(0)
        .answered(0, 0, RequestEnd::unknown)
        .closed(0, why);
  };
  EXPECT_THAT(in_flight(story(Behaviour::slow_reader, ConnectionEndReason::harness)),
              StartsWith("not-applicable"));
  EXPECT_THAT(in_flight(story(Behaviour::slow_reader, ConnectionEndReason::reset)),
              StartsWith("fail 1"));
  EXPECT_THAT(in_flight(story(Behaviour::steady, ConnectionEndReason::harness)),
              StartsWith("fail 1"));
}
TEST(InFlightRaw, IsJudgedAsAnyOther) {
  EXPECT_THAT(
      in_flight(up(Protocol::tcp).round_trips(0, 0, 1).sent(0, 1).began(0, 1).stop().exited(0)),
      StartsWith("fail 1"));
  EXPECT_EQ(in_flight(under_way(Protocol::tls).stop().answered(0, 0).exited(0)), "pass 1: ");
}
TEST(InFlightRaw, ClientsOfTheDrainAreNotJudged) {
  auto story = under_way().stop().exited(0);
  story.plan.scenario.clients[0].during_drain = true;
  EXPECT_THAT(in_flight(story), StartsWith("not-applicable"));
}

TEST(CloseDisturbed, IsJudgedByWhatWasSeenBefore) {
  EXPECT_EQ(close_handshake(stopped().disturbed(0).reset(0).exited(0)), kNotJudged);
  EXPECT_EQ(close_handshake(up().misbehaved(0, "reset").stop().reset(0).exited(0)), kNotJudged);
  EXPECT_EQ(close_handshake(stopped().disturbed(0).fin(0).closed(0).exited(0)), kNotJudged);
  EXPECT_THAT(close_handshake(stopped().fin(0).disturbed(0).closed(0).exited(0)),
              StartsWith("fail 1"));
  EXPECT_THAT(close_handshake(stopped().close_frame(0, 1011).disturbed(0).reset(0).exited(0)),
              StartsWith("fail 1"));
  EXPECT_EQ(close_handshake(stopped().close_frame(0, 1001).fin(0).disturbed(0).closed(0).exited(0)),
            "pass 1: ");
  EXPECT_EQ(close_handshake(stopped().close_frame(0, 1001).disturbed(0).reset(0).exited(0)),
            "pass 1: ");
  EXPECT_EQ(close_handshake(stopped()
                                .close_frame(0, 1001)
                                .disturbed(0)
                                .closed(0, ConnectionEndReason::protocol)
                                .exited(0)),
            "pass 1: ");
  EXPECT_EQ(
      close_handshake(stopped(Protocol::wss).close_frame(0, 1001).disturbed(0).reset(0).exited(0)),
      kNotJudged);
}
TEST(CloseDisturbed, ASilentClientIsOwedWhatCameUp) {
  const auto silent = [](Protocol protocol) {
    auto story = h(protocol).all_are(Behaviour::silent).ready().client(0);
    story.event(LayerUp{testing::connection(0), Layer::tcp});
    if (is_tls(protocol)) story.event(LayerUp{testing::connection(0), Layer::tls});
    return story.stop();
  };
  EXPECT_EQ(close_handshake(silent(Protocol::wss).close_notify(0).fin(0).closed(0).exited(0)),
            "pass 1: ");
  EXPECT_EQ(close_handshake(silent(Protocol::wss).fin(0).closed(0).exited(0)),
            "fail 1: 1 of 1 connections got no close_notify, first: clients \"users\", client 1");
  EXPECT_EQ(close_handshake(silent(Protocol::ws).fin(0).closed(0).exited(0)), "pass 1: ");
}
TEST(CloseDisturbed, OneThatNeverClosesMayBeResetAfterTheGoodbye) {
  const auto never = [] {
    return h().all_are(Behaviour::never_closes).ready().client(0).up(0).stop();
  };
  EXPECT_EQ(close_handshake(never().close_frame(0, 1001).fin(0).reset(0).exited(0)), kResetAfter);
  EXPECT_EQ(close_handshake(never().close_frame(0, 1001).fin(0).exited(0).closed(
                0, ConnectionEndReason::harness)),
            "pass 1: ");
  EXPECT_THAT(close_handshake(never().fin(0).reset(0).exited(0)), StartsWith("fail 1"));
}
TEST(CloseDisturbed, NotEvenStrictTakesAResetAmissThatItsClientMadeNecessary) {
  const auto strictly = [](HistoryBuilder story) {
    settings<property::CloseHandshake>(story.plan).strict = true;
    return close_handshake(story.reset(0).exited(0));
  };
  const auto one_that = [](Behaviour behaviour) {
    return h().all_are(behaviour).ready().client(0).up(0).stop().close_frame(0, 1001);
  };
  EXPECT_EQ(strictly(one_that(Behaviour::never_closes).fin(0)), kResetAfter);
  EXPECT_THAT(strictly(one_that(Behaviour::never_closes)), StartsWith("fail 1"));
  EXPECT_EQ(strictly(one_that(Behaviour::slow_reader)), kResetAfter);
  EXPECT_THAT(strictly(one_that(Behaviour::steady).fin(0)), StartsWith("fail 1"));
}
TEST(CloseDisturbed, OneThatNeverClosesIsOwedCloseNotifyBeforeFin) {
  EXPECT_THAT(close_handshake(h(Protocol::wss)
                                  .all_are(Behaviour::never_closes)
                                  .ready()
                                  .client(0)
                                  .up(0)
                                  .stop()
                                  .close_frame(0, 1001)
                                  .fin(0)
                                  .reset(0)
                                  .exited(0)),
              StartsWith("fail 1"));
}
TEST(CloseDisturbed, ASlowReaderIsJudgedIfItCameToTheEnd) {
  const auto slow = [] {
    return h().all_are(Behaviour::slow_reader).ready().client(0).up(0).stop().exited(0);
  };
  EXPECT_EQ(close_handshake(slow().closed(0, ConnectionEndReason::harness)), kNotJudged);
  EXPECT_THAT(close_handshake(slow().fin(0).closed(0)), StartsWith("fail 1"));
  EXPECT_EQ(close_handshake(slow().close_frame(0, 1001).fin(0).closed(0)), "pass 1: ");
}
TEST(CloseDisturbed, ASlowReaderMayBeResetOnceItHasReadTheGoodbye) {
  const auto slow = [] {
    return h().all_are(Behaviour::slow_reader).ready().client(0).up(0).stop();
  };
  EXPECT_EQ(close_handshake(slow().close_frame(0, 1001).reset(0).exited(0)), kResetAfter);
  EXPECT_THAT(close_handshake(slow().reset(0).exited(0)), StartsWith("fail 1"));
  EXPECT_THAT(close_handshake(slow().close_frame(0, 1006).reset(0).exited(0)),
              StartsWith("fail 1"));
}
TEST(CloseRaw, OwesTlsItsCloseNotifyAndTcpNoReset) {
  EXPECT_EQ(close_handshake(stopped(Protocol::tls).close_notify(0).fin(0).closed(0).exited(0)),
            "pass 1: ");
  EXPECT_EQ(close_handshake(stopped(Protocol::tls).fin(0).closed(0).exited(0)),
            "fail 1: 1 of 1 connections got no close_notify, first: clients \"users\", client 1");
  EXPECT_EQ(close_handshake(stopped(Protocol::tcp).fin(0).closed(0).exited(0)), "pass 1: ");
  EXPECT_EQ(close_handshake(up(Protocol::tcp).round_trips(0, 0, 1).stop().reset(0).exited(0)),
            "fail 1: 1 of 1 connections were reset, first: clients \"users\", client 1");
  EXPECT_EQ(close_handshake(stopped(Protocol::tcp).reset(0).exited(0)), kNotJudged);
}

TEST(Peers, ASessionThatWasNeverOpenedIsOwedNoGoodbye) {
  const auto stopped_while_opening = h(Protocol::tls).ready().client(0).up(0).stop();
  auto reset = stopped_while_opening;
  reset.failed(0, Layer::script).reset(0).exited(0).searched();
  EXPECT_EQ(verdict(reset, "close-handshake").outcome, Outcome::not_applicable);
  auto opened = stopped_while_opening;
  opened.reset(0).exited(0).searched();
  EXPECT_EQ(verdict(opened, "close-handshake").outcome, Outcome::fail);
}

}  // namespace
}  // namespace lastcall::peers_test
