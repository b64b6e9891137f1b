// Lags of lastcall, pauses of the target, a moved deadline, lost events: when a fail is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkers/interference.hpp"
#include "unit/checkers/history_builder.hpp"

namespace lastcall::time_claims_test {
namespace {

using std::chrono::milliseconds;
using testing::h;
using ::testing::HasSubstr;
using testing::HistoryBuilder;
using testing::said;
using ::testing::StartsWith;

// Stops, and is still there at the deadline; what happened meanwhile is `story`'s.
HistoryBuilder hung(HistoryBuilder story) {
  return story.event(DeadlinePassed{}).forced().signalled(SIGKILL);
}
HistoryBuilder stopped() { return h().ready().stop(); }

TEST(Interference, CountsTheUnionOfLagsWithinTheClaim) {
  // Overlapping lags of 100 ms at 100 and 151 ms after the stop; the third is before it.
  auto story = h().lag(500).ready().stop().wait(99).lag(100).wait(50).lag(100, "clients-0");
  const auto history = story.history();
  const auto stop = history.time(*history.stop());
  const TimeClaim claim{stop, stop + milliseconds(10'000), milliseconds(1)};
  const auto all = interference(history, claim, true);
  EXPECT_EQ(all.total, milliseconds(151));
  EXPECT_EQ(all.text, "lastcall itself lagged 151 ms in clients-0 and trial");
  EXPECT_EQ(interference(history, claim, false).total, milliseconds(100));
  EXPECT_EQ(interference(history, {stop, stop + milliseconds(40), milliseconds(1)}, true).total,
            milliseconds(40));
}
TEST(Interference, ALagAndAPauseAtTheSameTimeCountOnce) {
  auto story = stopped().fault(SIGSTOP).done().wait(98).lag(100).fault(SIGCONT).done();
  const auto history = story.history();
  const auto stop = history.time(*history.stop());
  const auto found = interference(history, {stop, stop + milliseconds(500), {}}, true);
  EXPECT_EQ(found.total, milliseconds(102));
  EXPECT_EQ(interference(history, {stop, stop + milliseconds(500), {}, false}, true).total,
            milliseconds(100));
}
TEST(Interference, AStopSignalThatReachedNobodyPausesNothing) {
  const auto paused = [](int error) {
    const auto history =
        stopped().fault(SIGSTOP).done(error).wait(98).fault(SIGCONT).done().history();
    return paused_between(history, TimePoint::min(), TimePoint::max());
  };
  EXPECT_EQ(paused(0), milliseconds(101));
  EXPECT_EQ(paused(ESRCH), milliseconds(0));
}
TEST(Interference, APauseWithoutEndLastsUntilTheTargetEnds) {
  const auto history = stopped().fault(SIGSTOP).done().wait(98).signalled(SIGKILL).wait(50).lag(20);
  EXPECT_EQ(paused_between(history.history(), TimePoint::min(), TimePoint::max()),
            milliseconds(100));
}

TEST(DeadlineByTime, ALagOfATenthOfItMakesAFailUnknown) {
  EXPECT_EQ(said(hung(stopped().wait(5000).lag(499)), "deadline"),
            "fail 1: still running 5 s after SIGTERM");
  EXPECT_EQ(
      said(hung(stopped().wait(5000).lag(500)), "deadline"),
      "unknown 1: still running 5 s after SIGTERM; but lastcall itself lagged 500 ms in trial "
      "meanwhile");
  EXPECT_THAT(said(hung(stopped().wait(5000).lag(500, "clients-0")), "deadline"),
              StartsWith("unknown 1"));
  EXPECT_THAT(said(hung(stopped().wait(5000).lag(500)), "clean-exit"),
              StartsWith("unknown 1: did not end by itself after SIGTERM; but lastcall"));
  EXPECT_THAT(said(stopped().wait(5299).lag(600).exited(0), "deadline"), StartsWith("unknown 1"));
}
TEST(DeadlineByTime, HalfOfItWithoutAProcessorMakesAFailUnknown) {
  const auto starved = [](int ms, int worked) {
    auto story = stopped().wait(5000).lag(ms, "target");
    return said(hung(story.event(ProcessorUsed{std::int64_t{worked} * 1'000'000})), "deadline");
  };
  EXPECT_EQ(starved(2600, 100),
            "unknown 1: still running 5 s after SIGTERM; but the target waited 2.60 s for a "
            "processor meanwhile");
  EXPECT_THAT(starved(2400, 100), StartsWith("fail 1"));
  // Its own threads were in each other's way.
  EXPECT_THAT(starved(4900, 4950), StartsWith("fail 1"));
}
TEST(DeadlineByTime, AShortOneToleratesFiftyMilliseconds) {
  auto story = hung(stopped().wait(100).lag(49));
  story.plan.scenario.target.stop.deadline = milliseconds(100);
  EXPECT_THAT(said(story, "deadline"), StartsWith("fail"));
  story = hung(stopped().wait(100).lag(50));
  story.plan.scenario.target.stop.deadline = milliseconds(100);
  EXPECT_THAT(said(story, "deadline"), StartsWith("unknown"));
}
TEST(DeadlineByTime, ALagBeforeTheStopExcusesNothing) {
  EXPECT_THAT(said(hung(h().ready().lag(900).stop().wait(5000)), "deadline"), StartsWith("fail"));
}
TEST(DeadlineByTime, ALagIsNoReasonToDoubtAPass) {
  EXPECT_THAT(said(stopped().wait(900).lag(900).exited(0), "deadline"), StartsWith("pass 1"));
}
TEST(DeadlineByTime, PausesAreNotTheTargetsTime) {
  auto story = stopped().fault(SIGSTOP).done().wait(998).fault(SIGCONT).done().wait(4500).exited(0);
  EXPECT_EQ(said(story, "deadline"),
            "pass 1: gone after 4.50 s, not counting 1.00 s that lastcall had paused it");
  story = stopped().fault(SIGSTOP).done().wait(998).fault(SIGCONT).done().wait(5500).exited(0);
  EXPECT_THAT(said(story, "deadline"), StartsWith("fail 1: gone after 5.50 s, not counting"));
}
TEST(DeadlineByTime, ItPassedOnlyBecauseOfAPause) {
  const auto cut = hung(stopped().fault(SIGSTOP).done().wait(98).fault(SIGCONT).done().wait(4890));
  EXPECT_EQ(said(cut, "deadline"),
            "unknown 1: still running 5 s after SIGTERM; but lastcall had paused it for 101 ms "
            "meanwhile");
  EXPECT_THAT(said(cut, "clean-exit"), StartsWith("unknown"));
  // With all its own time over, the pause is no excuse.
  const auto over =
      hung(stopped().fault(SIGSTOP).done().wait(998).fault(SIGCONT).done().wait(5000));
  EXPECT_EQ(said(over, "deadline"), "fail 1: still running 5 s after SIGTERM");
}
TEST(DeadlineByTime, TheTargetMayHaveMovedIt) {
  const auto extended = [](int ms) {
    return stopped().event(DeadlineExtended{std::int64_t{ms} * 1'000'000});
  };
  EXPECT_THAT(said(extended(8000).wait(7000).exited(0), "deadline"), StartsWith("pass"));
  EXPECT_THAT(said(extended(6000).wait(7000).exited(0), "deadline"),
              ::testing::EndsWith("later than 6 s"));
  EXPECT_EQ(said(hung(extended(8000).wait(8000)), "deadline"),
            "fail 1: still running 8 s after SIGTERM");
}
TEST(DeadlineByTime, AKillByLastcallIsNoEndInTime) {
  EXPECT_EQ(said(stopped().fault(SIGKILL).signalled(SIGKILL), "deadline"),
            "not-applicable 0: lastcall sent SIGKILL");
  EXPECT_THAT(said(hung(stopped().wait(5000).event(DeadlinePassed{}).fault(SIGKILL)), "deadline"),
              StartsWith("fail"));
}

// What lastcall cut off at a deadline in doubt.
TEST(DeadlineInDoubt, MakesUnknownWhatItCutOff) {
  const auto story = [](int lag, Protocol protocol = Protocol::https) {
    return h(protocol)
        .ready()
        .client(0)
        .up(0)
        .sent(0, 0)
        .began(0, 0)
        .stop()
        .wait(5000)
        .lag(lag)
        .event(DeadlinePassed{})
        .forced()
        .answered(0, 0, RequestEnd::unknown)
        .reset(0)
        .signalled(SIGKILL);
  };
  EXPECT_THAT(said(story(400), "in-flight-finished"), StartsWith("fail 1"));
  EXPECT_THAT(said(story(400), "close-handshake"), StartsWith("fail 1"));
  EXPECT_EQ(said(story(600), "in-flight-finished"),
            "unknown 0: the outcome of 1 requests was not seen: the deadline passed, but lastcall "
            "itself lagged 600 ms in trial meanwhile");
  EXPECT_THAT(said(story(600), "close-handshake"),
              StartsWith("unknown 0: the end of 1 connections was not seen: the deadline passed"));
  // A plain connection is owed nothing until then, and may have been closed without the lag.
  EXPECT_THAT(said(story(400, Protocol::http), "close-handshake"), StartsWith("not-applicable 0"));
  EXPECT_THAT(said(story(600, Protocol::http), "close-handshake"),
              StartsWith("unknown 0: the end of 1 connections was not seen: the deadline passed"));
}
TEST(DeadlineInDoubt, ExcusesNothingThatCameBefore) {
  auto cut = h().ready().client(0).up(0).stop().close_frame(0, 1011).fin(0).closed(0);
  EXPECT_THAT(said(hung(cut.wait(5000).lag(600)), "close-handshake"), StartsWith("fail 1"));
}

// Three quick round trips, then one request 150 ms before the stop that is not answered.
HistoryBuilder settled(int lag_at, int lag) {
  auto story = h(Protocol::http).ready().client(0).up(0).client(1).up(1).round_trips(0, 0, 3);
  story.sent(1, 0).wait(lag_at - 1).lag(lag, "clients-0").wait(149 - lag_at).stop();
  return story.answered(1, 0, RequestEnd::unknown).reset(1).exited(0);
}

TEST(InFlightByTime, TakenOnBySettlingRestsOnTime) {
  EXPECT_THAT(said(settled(149, 49), "in-flight-finished"), StartsWith("fail 1"));
  EXPECT_EQ(said(settled(149, 51), "in-flight-finished"),
            "unknown 1: 1 of 1 requests got no answer, first: clients \"users\", client 2, request "
            "1, sent 150 ms before the "
            "stop; but lastcall itself lagged 51.0 ms in clients-0 meanwhile");
}
TEST(InFlightByTime, AnAnswerThatHadBegunIsProofAtAnyTime) {
  auto story = h(Protocol::http).ready().client(0).up(0).sent(0, 0).began(0, 0).wait(200).lag(90);
  story.stop().answered(0, 0, RequestEnd::unknown).reset(0).exited(0);
  EXPECT_THAT(said(story, "in-flight-finished"), StartsWith("fail 1"));
}

TEST(ServesByTime, AClientsOwnLimitRestsOnTime) {
  const auto waited = [](int lag) {
    auto story = h(Protocol::http).ready().client(0).up(0).sent(0, 0).wait(2000).lag(lag);
    return story.answered(0, 0, RequestEnd::unknown).closed(0, ConnectionEndReason::timeout).stop();
  };
  EXPECT_THAT(said(waited(190), "serves"), StartsWith("fail 1"));
  EXPECT_THAT(said(waited(210), "serves"), StartsWith("unknown 1: 1 of 1"));
  const auto greeted = [](int lag) {
    return h(Protocol::wss)
        .ready()
        .client(0)
        .wait(20'000)
        .lag(lag, "clients-0")
        .event(LayerFailed{testing::connection(0), Layer::tls, "no answer within 20.0 s"})
        .stop();
  };
  EXPECT_THAT(said(greeted(1000), "serves"), StartsWith("fail 1"));
  EXPECT_THAT(said(greeted(2100), "serves"), StartsWith("unknown 1"));
}
TEST(ServesByTime, AResetDoesNot) {
  EXPECT_THAT(said(h().ready().client(0).up(0).wait(900).lag(900).reset(0).stop(), "serves"),
              StartsWith("fail"));
}

TEST(LostEvents, MakeAFailByAbsenceUnknown) {
  const auto silent = h().ready().client(0).up(0).stop().fin(0).closed(0).exited(0);
  EXPECT_THAT(said(silent, "close-handshake"), StartsWith("fail 1"));
  EXPECT_EQ(said(HistoryBuilder(silent).lost("clients-0"), "close-handshake"),
            "unknown 1: 1 of 1 connections got no Close frame, first: clients \"users\", client 1; "
            "but events of clients-0 "
            "were lost: cut off");
  const auto closed = h().ready().client(0).up(0).fin(0).closed(0).stop();
  EXPECT_THAT(said(HistoryBuilder(closed).lost("clients-0"), "serves"), StartsWith("unknown"));
  const auto unanswered =
      h(Protocol::http).ready().client(0).up(0).sent(0, 0).began(0, 0).stop().exited(0);
  EXPECT_THAT(said(HistoryBuilder(unanswered).lost("clients-0"), "in-flight-finished"),
              StartsWith("unknown"));
}
TEST(LostEvents, DoNotExcuseWhatWasSeen) {
  const auto story =
      h().ready().client(0).up(0).client(1).up(1).stop().close_frame(0, 1011).fin(0).closed(0);
  EXPECT_THAT(
      said(HistoryBuilder(story).fin(1).closed(1).exited(0).lost("clients-0"), "close-handshake"),
      StartsWith("fail 2"));
  EXPECT_THAT(said(h().ready().client(0).up(0).reset(0).stop().lost("clients-0"), "serves"),
              StartsWith("fail"));
}
TEST(LostEvents, MayHoldTheStopOfAWorker) {
  auto story = h().ready().exited(0).lost("clients-0");
  EXPECT_THAT(said(story, "clean-exit"), StartsWith("fail 1: ended before it was told to"));
  EXPECT_THAT(said(story, "deadline"), StartsWith("not-applicable"));
  story.plan.faults = {Fault{NthEvent{ClientEvent::sent, 3}, SendSignals{{{SIGTERM, {}}}}}};
  EXPECT_THAT(said(story, "clean-exit"), StartsWith("unknown 1: ended before it was told to"));
  EXPECT_THAT(said(story, "deadline"), StartsWith("unknown"));
  EXPECT_THAT(said(story, "released"), StartsWith("unknown"));
}
TEST(LostEvents, MayHoldTheSignalThatEndedIt) {
  auto story = h().ready().signalled(SIGABRT).lost("trial");
  EXPECT_THAT(said(story, "no-panic"), StartsWith("fail 1: ended by SIGABRT"));
  story.plan.faults = {Fault{PhaseMoment{Phase::load, {}}, SendSignals{{{SIGABRT, {}}}}}};
  EXPECT_THAT(said(story, "no-panic"), StartsWith("unknown 1: ended by SIGABRT"));
}

TEST(Kill, BeforeTheStopLeavesNothingToJudge) {
  const auto story =
      h().ready().client(0).up(0).fault(SIGKILL).done().signalled(SIGKILL).reset(0).missed(0);
  for (const auto* property : {"clean-exit", "deadline", "in-flight-finished", "close-handshake",
                               "released", "stops-accepting", "repeat-signal"}) {
    EXPECT_THAT(said(story, property), StartsWith("not-applicable 0: ")) << property;
  }
  EXPECT_THAT(said(story, "deadline"), HasSubstr("lastcall sent SIGKILL"));
  EXPECT_EQ(said(story, "serves"), "pass 1: ");
  EXPECT_THAT(said(story, "no-panic"), StartsWith("pass"));
}
TEST(Kill, BeforeReadinessIsTheScenariosWish) {
  auto story = h().fault(SIGKILL).done().signalled(SIGKILL).missed(0);
  EXPECT_EQ(said(story, "serves"),
            "not-applicable 0: lastcall sent SIGKILL before the target was ready");
  EXPECT_EQ(said(story, "deadline"), "not-applicable 0: lastcall sent SIGKILL");
  EXPECT_THAT(said(story, "no-panic"), StartsWith("pass"));
  // What comes next is judged.
  story.plan.scenario.target.recovery = Recovery{{"server"}, std::nullopt};
  settings<property::CheckpointIntact>(story.plan).files = {"*.json"};
  EXPECT_THAT(
      said(HistoryBuilder(story).event(RecoveryStarted{7}).event(RecoveryReady{}), "recovers"),
      StartsWith("pass 1"));
  EXPECT_THAT(
      said(HistoryBuilder(story).event(RecoveryStarted{7}).event(RecoveryFailed{"no"}), "recovers"),
      StartsWith("fail 1"));
  EXPECT_THAT(said(HistoryBuilder(story).event(CheckpointInspected{"a.json", "empty"}),
                   "checkpoint-intact"),
              StartsWith("fail 1"));
  EXPECT_EQ(said(HistoryBuilder(story).event(CheckpointInspected{"*.json", "no such file"}),
                 "checkpoint-intact"),
            "not-applicable 0: no file matches *.json: there was no checkpoint yet");
}
TEST(Kill, BySomebodyElseBeforeReadinessIsNot) {
  EXPECT_THAT(
      said(h().signalled(SIGKILL).event(TargetNotReady{"the target ended first"}), "serves"),
      StartsWith("fail 1: never ready"));
}
TEST(Kill, OfAChildSwitchesNothingOff) {
  const auto killed =
      h().ready().fault_to_child(SIGKILL).done().wait(100).client(0).up(0).wait(200);
  const auto good = HistoryBuilder(killed).stop().close_frame(0, 1001).fin(0).closed(0).exited(0);
  for (const auto* property : {"serves", "clean-exit", "deadline", "close-handshake"}) {
    EXPECT_THAT(said(HistoryBuilder(good).searched(), property), StartsWith("pass")) << property;
  }
  EXPECT_THAT(said(HistoryBuilder(killed).stop().exited(3), "clean-exit"), StartsWith("fail"));
  EXPECT_THAT(said(HistoryBuilder(killed).stop().signalled(SIGKILL), "clean-exit"),
              StartsWith("fail"));
  EXPECT_THAT(said(HistoryBuilder(killed).stop().wait(6000).exited(0), "deadline"),
              StartsWith("fail"));
  EXPECT_THAT(said(HistoryBuilder(killed).stop().fin(0).closed(0).exited(0), "close-handshake"),
              StartsWith("fail"));
  auto lines = HistoryBuilder(killed).stop().exited(0);
  settings<property::LogComplete>(lines.plan).lines = {"bye"};
  EXPECT_THAT(said(lines, "log-complete"), StartsWith("fail"));
  // It did not end the target either.
  EXPECT_THAT(said(h().ready().fault_to_child(SIGKILL).done().signalled(SIGKILL), "clean-exit"),
              StartsWith("fail 1: ended before it was told to: SIGKILL"));
  EXPECT_THAT(
      said(h().ready().fault_to_child(SIGKILL).done().exited(137), "clean-exit"),
      StartsWith("fail 1: ended before it was told to: exit 137, after lastcall had killed a "
                 "child of it"));
  EXPECT_THAT(said(h().ready().fault_to_child(SIGABRT).done().signalled(SIGABRT), "no-panic"),
              StartsWith("fail 1: ended by SIGABRT"));
  EXPECT_THAT(said(h().ready().fault(SIGABRT).done().signalled(SIGABRT), "no-panic"),
              StartsWith("pass"));
}
TEST(Kill, OfAChildExcusesTheConnectionsThatItMayHaveHad) {
  const auto up = h().ready().client(0).up(0);
  // Cut by the kill, before the stop and during it.
  EXPECT_THAT(
      said(HistoryBuilder(up).fault_to_child(SIGKILL).stop().reset(0).exited(0), "close-handshake"),
      StartsWith("not-applicable"));
  EXPECT_THAT(
      said(HistoryBuilder(up).stop().fault_to_child(SIGKILL).reset(0).exited(0), "close-handshake"),
      StartsWith("not-applicable"));
  EXPECT_THAT(said(HistoryBuilder(up).fault_to_child(SIGKILL).reset(0).stop().exited(0), "serves"),
              StartsWith("pass 1"));
  // Another process has it: it answered later.
  EXPECT_THAT(
      said(
          HistoryBuilder(up).fault_to_child(SIGKILL).round_trips(0, 0, 1).stop().reset(0).exited(0),
          "close-handshake"),
      StartsWith("fail 1"));
  const auto asking = h(Protocol::http).ready().client(0).up(0).round_trips(0, 0, 3);
  const auto cut = [](HistoryBuilder b) {
    return b.sent(0, 9).began(0, 9).stop().answered(0, 9, RequestEnd::unknown).closed(0).exited(0);
  };
  EXPECT_THAT(said(cut(asking), "in-flight-finished"), StartsWith("fail 1"));
  EXPECT_THAT(said(HistoryBuilder(asking)
                       .sent(0, 9)
                       .began(0, 9)
                       .stop()
                       .fault_to_child(SIGKILL)
                       .answered(0, 9, RequestEnd::unknown)
                       .closed(0)
                       .exited(0),
                   "in-flight-finished"),
              StartsWith("not-applicable"));
}
// Client 0 asks, and is refused with this status.
HistoryBuilder refused_with(HistoryBuilder b, std::uint32_t r, int status) {
  return b.sent(0, r).event(
      RequestEnded{testing::connection(0), RequestId{r}, RequestEnd::refused, status, 1});
}
TEST(Kill, OfAChildLeavesTheOthersToServe) {
  const auto before = h(Protocol::http).ready().client(0).up(0).round_trips(0, 0, 1);
  const auto after =
      h(Protocol::http).ready().fault_to_child(SIGKILL).done().wait(100).client(0).up(0);
  // The one that was started in its place answers nothing but 500.
  EXPECT_THAT(said(refused_with(after, 0, 500).stop(), "serves"),
              StartsWith("fail 1: 1 of 1 requests got status 500"));
  EXPECT_THAT(
      said(refused_with(HistoryBuilder(before).fault_to_child(SIGKILL), 1, 500).stop(), "serves"),
      StartsWith("fail 2: 1 of 2 requests got status 500"));
  // Nor is it the end of what must be served if the target's end comes by the same signal.
  const auto told = h(Protocol::http).ready().fault_to_child(SIGTERM).client(0).up(0);
  EXPECT_THAT(said(refused_with(told, 0, 500).stop().signalled(SIGTERM), "serves"),
              StartsWith("fail 1: 1 of 1 requests got status 500"));
  // What was under way when it was killed is nobody else's fault.
  auto under_way = HistoryBuilder(before).sent(0, 1).fault_to_child(SIGKILL);
  under_way.event(RequestEnded{testing::connection(0), RequestId{1}, RequestEnd::refused, 502, 1});
  EXPECT_EQ(said(under_way.round_trips(0, 2, 1).stop(), "serves"), "pass 2: ");
}
TEST(Kill, OfAChildExcusesWhoCameAsItDied) {
  const auto reset_after = [](int ms) {
    return said(h().ready().fault_to_child(SIGKILL).wait(ms).client(0).up(0).reset(0).stop(),
                "serves");
  };
  EXPECT_EQ(reset_after(5),
            "not-applicable 0: nothing was decided before the stop: let it come later ([[faults]] "
            "when)");
  EXPECT_THAT(reset_after(100), StartsWith("fail 1: 1 of 1 connections were reset"));
}
TEST(Kill, OfAChildMayTakeTheListenerAway) {
  const auto refused = [](Layer layer) {
    return said(h().ready().fault_to_child(SIGKILL).wait(100).client(0).failed(0, layer).stop(),
                "serves");
  };
  EXPECT_EQ(refused(Layer::tcp),
            "not-applicable 0: not judged: 1 connections that were refused after lastcall had "
            "killed a child of the target, which may have had the listener");
  EXPECT_THAT(refused(Layer::websocket), StartsWith("fail 1: 1 of 1 connections got no websocket"));
}
TEST(Kill, OfTheTargetByAnotherIsStillUnknownWithoutTheStop) {
  EXPECT_THAT(said(h().ready().signalled(SIGKILL).missed(0), "deadline"), StartsWith("unknown"));
}

}  // namespace
}  // namespace lastcall::time_claims_test
