// stops-accepting, repeat-signal and the measure of prompt-exit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/checkers/history_builder.hpp"

namespace lastcall::stop_rules_test {
namespace {

using property::RepeatPolicy;
using std::chrono::milliseconds;
using testing::h;
using ::testing::HasSubstr;
using testing::HistoryBuilder;
using testing::said;
using ::testing::StartsWith;

std::string accepting(const HistoryBuilder& b) { return said(b, "stops-accepting"); }
std::string repeat(const HistoryBuilder& b) { return said(b, "repeat-signal"); }

HistoryBuilder stopped(Protocol protocol = Protocol::http) {
  return h(protocol).ready().client(0).up(0).stop();
}
// The same, 150 ms later.
HistoryBuilder later(Protocol protocol = Protocol::http) { return stopped(protocol).wait(150); }

TEST(StopsAccepting, FailsForARequestThatIsAcknowledged) {
  EXPECT_EQ(accepting(later().round_trips(0, 0, 1).exited(0)),
            "fail 1: 1 request on an old connection was answered, 151 ms after the stop (allowed: "
            "100 ms): the target goes on taking requests; first: clients \"users\", client 1");
}
TEST(StopsAccepting, SaysWhereTheyCameAndUntilWhen) {
  const auto story = later(Protocol::tcp).client(1).up(1).round_trips(1, 0, 1).wait(200);
  EXPECT_EQ(accepting(HistoryBuilder(story).round_trips(1, 1, 1).exited(0)),
            "fail 3: 2 requests on new connections were answered, the last 355 ms after the stop "
            "(allowed: 100 ms): the target goes on accepting; first: clients \"users\", client 2");
  EXPECT_EQ(
      accepting(HistoryBuilder(story).round_trips(0, 0, 1).exited(0)),
      "fail 3: 1 request on a new connection was answered, 153 ms after the stop (allowed: "
      "100 ms): the target goes on accepting; first: clients \"users\", client 2; 1 request on "
      "an old connection was answered, 355 ms after the stop (allowed: 100 ms): the target "
      "goes on taking requests; first: clients \"users\", client 1");
}
TEST(StopsAccepting, FailsForAWebSocketThatIsUpgraded) {
  EXPECT_THAT(accepting(later(Protocol::wss).client(1).up(1).exited(0)),
              HasSubstr("1 WebSocket was upgraded, 151 ms after the stop (allowed: 100 ms): the "
                        "target goes on accepting; first: clients \"users\", client 2"));
}
TEST(StopsAccepting, HoldsForWhateverIsNotTakenOn) {
  EXPECT_EQ(accepting(later().sent(0, 0).answered(0, 0, RequestEnd::refused).exited(0)),
            "pass 1: ");
  EXPECT_EQ(accepting(later().sent(0, 0).answered(0, 0, RequestEnd::unknown).exited(0)),
            "pass 1: ");
  EXPECT_EQ(accepting(later().sent(0, 0).reset(0).exited(0)), "pass 1: ");
  EXPECT_EQ(accepting(later().client(1).failed(1, Layer::tcp).exited(0)), "pass 1: ");
  EXPECT_EQ(accepting(later().client(1).up(1).exited(0)), "pass 1: ");
  EXPECT_EQ(accepting(later(Protocol::https).client(1).up(1).exited(0)), "pass 1: ");
}
TEST(StopsAccepting, HasNothingToJudgeIfNobodyTried) {
  const std::string nobody =
      "not-applicable 0: nobody tried anything new later than 100 ms after the stop, while the "
      "target was there: add [[clients]] during = \"drain\"";
  EXPECT_EQ(accepting(stopped().wait(90).round_trips(0, 0, 1).exited(0)), nobody);
  EXPECT_EQ(accepting(later().exited(0).client(1).failed(1, Layer::tcp)), nobody);
  EXPECT_EQ(accepting(later().forced().round_trips(0, 0, 1).signalled(SIGKILL)), nobody);
  EXPECT_THAT(accepting(h().ready().stop().fault(SIGKILL).signalled(SIGKILL)),
              StartsWith("not-applicable 0: lastcall sent SIGKILL"));
}
TEST(StopsAccepting, WithinIsTheScenarios) {
  auto story = later().round_trips(0, 0, 1).exited(0);
  settings<property::StopsAccepting>(story.plan).within = milliseconds(200);
  EXPECT_THAT(accepting(story), StartsWith("not-applicable"));
}
TEST(StopsAccepting, ALagThatCoversTheDelayExcuses) {
  EXPECT_THAT(accepting(later().lag(60).round_trips(0, 0, 1).exited(0)), StartsWith("unknown 1"));
  EXPECT_THAT(accepting(later().lag(40).round_trips(0, 0, 1).exited(0)), StartsWith("fail 1"));
  auto paused = stopped().fault(SIGSTOP).done().wait(100).fault(SIGCONT).done().wait(40);
  EXPECT_THAT(accepting(HistoryBuilder(paused).round_trips(0, 0, 1).exited(0)),
              StartsWith("unknown 1"));
  EXPECT_THAT(accepting(paused.wait(90).round_trips(0, 0, 1).exited(0)), StartsWith("fail 1"));
}

TEST(StopsAccepting, WhatCameBeforeTheTargetHadRunForThatLongIsCountedAndNotJudged) {
  const std::string why =
      "not-applicable 0: nobody tried anything new once the target had had 100 ms to run after the "
      "stop: run fewer trials at once (--jobs); not judged: 1 ";
  for (const auto* source : {"tracer", "target", "machine"}) {
    const auto starved = later().lag(60, source);
    EXPECT_EQ(accepting(HistoryBuilder(starved).round_trips(0, 0, 1).exited(0)),
              why + "taken on before the target had had 100 ms to run");
    EXPECT_EQ(accepting(HistoryBuilder(starved).client(1).failed(1, Layer::tcp).exited(0)),
              why + "tried before the target had had 100 ms to run");
  }
  EXPECT_THAT(accepting(later().lag(40, "tracer").round_trips(0, 0, 1).exited(0)),
              StartsWith("fail 1"));
}
TEST(StopsAccepting, WhatCameLaterIsJudgedAllTheSame) {
  const auto starved = later(Protocol::ws).lag(60, "target").client(1).up(1).wait(60);
  EXPECT_EQ(accepting(HistoryBuilder(starved).client(2).failed(2, Layer::tcp).exited(0)),
            "pass 1: not judged: 1 taken on before the target had had 100 ms to run");
  const auto story = HistoryBuilder(starved).client(2).up(2).exited(0);
  EXPECT_THAT(accepting(story), StartsWith("fail 1: 1 WebSocket was upgraded, 2"));
  EXPECT_THAT(accepting(story), HasSubstr("; not judged: 1 taken on before"));
  EXPECT_THAT(
      testing::verdict(story, "stops-accepting").not_judged,
      ::testing::ElementsAre(Counted{"taken on before the target had had 100 ms to run", 1}));
}
TEST(StopsAccepting, ALagOfLastcallNeedsToCoverOnlyWhatIsLeftOfTheDelay) {
  const auto starved = later().lag(40, "target");
  EXPECT_THAT(accepting(HistoryBuilder(starved).lag(5).round_trips(0, 0, 1).exited(0)),
              StartsWith("fail 1"));
  EXPECT_THAT(accepting(HistoryBuilder(starved).lag(20).round_trips(0, 0, 1).exited(0)),
              StartsWith("unknown 1"));
}

HistoryBuilder with_policy(HistoryBuilder story, RepeatPolicy policy) {
  auto& told = settings<property::RepeatSignal>(story.plan);
  told.policy = policy;
  told.within = milliseconds(200);
  return story;
}

TEST(RepeatSignal, NeedsASecondOneThatArrived) {
  const std::string none =
      "not-applicable 0: no second stop signal reached the target during the stop: add [[faults]] "
      "what = \"double-signal\"";
  EXPECT_EQ(repeat(stopped().exited(0)), none);
  EXPECT_EQ(repeat(stopped().fault(SIGTERM).done(ESRCH).exited(0)), none);
  EXPECT_EQ(repeat(stopped().fault(SIGTERM).exited(0)), none);
  EXPECT_EQ(repeat(stopped().exited(0).again()), none);
  EXPECT_EQ(repeat(stopped().again(SIGHUP).exited(0)), none);
  auto child = stopped().again().exited(0);
  child.plan.faults = {Fault{}, Fault{{}, SendSignals{{{SIGTERM, {}}}, Recipient::child}}};
  EXPECT_EQ(repeat(child), none);
}
TEST(RepeatSignal, IgnoredMeansThatItMustNotCrash) {
  EXPECT_EQ(repeat(stopped().again().exited(0)), "pass 1: ");
  EXPECT_EQ(repeat(stopped().again().exited(1)), "pass 1: ");  // clean-exit says so
  EXPECT_EQ(repeat(stopped().again().signalled(SIGSEGV)),
            "fail 1: SIGSEGV after a second signal, expected exit 0 or SIGTERM");
  EXPECT_EQ(repeat(stopped().again().wait(4000).exited(0)), "pass 1: ");
}
TEST(RepeatSignal, HastenMustBeInTimeAndAsPromised) {
  const auto hasten = [](int ms, int code) {
    return with_policy(stopped().again().wait(ms).exited(code), RepeatPolicy::hasten);
  };
  EXPECT_EQ(repeat(hasten(100, 0)), "pass 1: ");
  EXPECT_EQ(repeat(hasten(100, 1)),
            "fail 1: exit 1 after a second signal, expected exit 0 or SIGTERM");
  EXPECT_EQ(repeat(hasten(300, 0)),
            "fail 1: gone 302 ms after the second signal, later than 200 ms");
  EXPECT_THAT(said(hasten(300, 0), "clean-exit"), StartsWith("pass"));
}
TEST(RepeatSignal, ATargetThatHadToBeForcedWasNotInTime) {
  const auto forced = [](int ms) {
    return with_policy(stopped().again().wait(ms).event(DeadlinePassed{}).forced(),
                       RepeatPolicy::hasten)
        .signalled(SIGKILL);
  };
  EXPECT_THAT(repeat(forced(300)), StartsWith("fail 1: still running 303 ms after"));
  EXPECT_THAT(repeat(forced(50)), StartsWith("unknown"));
}
TEST(RepeatSignal, LagsAndPausesExcuseAsMuchAsTheyCover) {
  const auto lagged = [](int lag) {
    return with_policy(stopped().again().wait(300).lag(lag).exited(0), RepeatPolicy::hasten);
  };
  EXPECT_THAT(repeat(lagged(90)), StartsWith("fail"));
  EXPECT_THAT(repeat(lagged(110)), StartsWith("unknown"));
  auto paused = stopped().again().fault(SIGSTOP).done().wait(200).fault(SIGCONT).done();
  EXPECT_EQ(repeat(with_policy(paused.wait(150).exited(0), RepeatPolicy::hasten)), "pass 1: ");
}
TEST(RepeatSignal, ForceTakesBackWhatTheStopPromised) {
  auto story = with_policy(stopped().again().exited(130), RepeatPolicy::force);
  EXPECT_THAT(repeat(story), StartsWith("fail 1: exit 130"));
  settings<property::RepeatSignal>(story.plan).ends = {{false, 130}};
  EXPECT_EQ(repeat(story), "pass 1: ");
  for (const auto* property :
       {"clean-exit", "in-flight-finished", "close-handshake", "released", "deadline"}) {
    EXPECT_EQ(said(story, property), "not-applicable 0: a second signal forced the end")
        << property;
  }
  auto once = with_policy(stopped().exited(130), RepeatPolicy::force);
  EXPECT_THAT(said(once, "clean-exit"), StartsWith("fail"));
  auto ignored = with_policy(stopped().again().exited(130), RepeatPolicy::ignore);
  EXPECT_THAT(said(ignored, "clean-exit"), StartsWith("fail"));
}

std::optional<Nanoseconds> tail(const HistoryBuilder& b) {
  return checkers::idle_tail(b.plan, b.history());
}

TEST(IdleTail, RunsFromTheLastObligationToTheEnd) {
  EXPECT_EQ(tail(stopped().wait(69).exited(0)), milliseconds(70));
  EXPECT_EQ(tail(stopped().sent(0, 0).wait(500).answered(0, 0).wait(29).exited(0)),
            milliseconds(30));
  EXPECT_EQ(tail(stopped(Protocol::ws).wait(500).close_frame(0, 1001).wait(29).exited(0)),
            milliseconds(30));
  EXPECT_EQ(tail(stopped().sent(0, 0).wait(100).answered(0, 0, RequestEnd::unknown).exited(0)),
            milliseconds(103));
}
TEST(IdleTail, TheExitItselfClosesConnectionsToo) {
  EXPECT_EQ(tail(stopped().wait(100).fin(0).closed(0).wait(19).exited(0)), milliseconds(20));
  EXPECT_EQ(tail(stopped().wait(97).fin(0).closed(0).exited(0)), milliseconds(100));
  EXPECT_EQ(tail(stopped(Protocol::ws).wait(97).close_frame(0, 1001).fin(0).exited(0)),
            milliseconds(2));
}
TEST(IdleTail, WhatTheTargetSaysIsNoObligation) {
  EXPECT_EQ(tail(stopped().wait(50).line("still here").wait(48).exited(0)), milliseconds(100));
}
TEST(IdleTail, PausesAreLeftOut) {
  EXPECT_EQ(tail(stopped().fault(SIGSTOP).done().wait(97).fault(SIGCONT).done().wait(8).exited(0)),
            milliseconds(10));
}
TEST(IdleTail, TheTracersWorkIsLeftOut) {
  EXPECT_EQ(tail(stopped().wait(98).lag(60, "tracer").exited(0)), milliseconds(40));
}
TEST(IdleTail, IsNotMeasuredWhereItWouldSayNothing) {
  EXPECT_EQ(tail(h().ready()), std::nullopt);
  EXPECT_EQ(tail(stopped()), std::nullopt);
  EXPECT_EQ(tail(stopped().forced().signalled(SIGKILL)), std::nullopt);
  EXPECT_EQ(tail(stopped().fault(SIGKILL).signalled(SIGKILL)), std::nullopt);
  EXPECT_EQ(tail(stopped().wait(50).lag(30, "clients-0").exited(0)), std::nullopt);
  EXPECT_EQ(tail(stopped().exited(0).lost("clients-0")), std::nullopt);
  EXPECT_EQ(tail(with_policy(stopped().again().exited(0), RepeatPolicy::force)), std::nullopt);
  // A lag before the tail does not matter.
  EXPECT_EQ(tail(stopped().sent(0, 0).wait(90).lag(80).answered(0, 0).wait(9).exited(0)),
            milliseconds(10));
}
TEST(IdleTail, SomebodyMayHaveKeptIt) {
  const auto silent = [](bool closed) {
    auto story = h(Protocol::http).all_are(Behaviour::silent).ready().client(0).up(0);
    if (closed) story.fin(0).closed(0);
    return story.stop().wait(99).exited(0);
  };
  EXPECT_EQ(tail(silent(false)), std::nullopt);
  EXPECT_EQ(tail(silent(true)), milliseconds(100));
  EXPECT_EQ(tail(stopped().misbehaved(0, "half-open").wait(99).exited(0)), std::nullopt);
}
TEST(PromptExit, IsNotJudgedByOneTrial) {
  EXPECT_EQ(said(stopped().exited(0), "prompt-exit"), "not-applicable 0: judged over a campaign");
}

}  // namespace
}  // namespace lastcall::stop_rules_test
