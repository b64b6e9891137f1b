// Which failures of a trial only follow from another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "unit/checkers/history_builder.hpp"

namespace lastcall::consequences_test {
namespace {

using property::RepeatPolicy;
using ::testing::ElementsAre;
using testing::h;
using testing::HistoryBuilder;
using ::testing::IsEmpty;
using ::testing::Pair;

// Each property that failed, with its cause; "" if it failed of itself.
std::map<std::string, std::string> causes(const HistoryBuilder& b) {
  std::map<std::string, std::string> causes;
  for (const auto& verdict : judge(b.plan, b.history())) {
    if (verdict.outcome == Outcome::fail) {
      causes[verdict.property] = verdict.consequence_of;
    } else {
      EXPECT_EQ(verdict.consequence_of, "") << verdict.property;
    }
  }
  return causes;
}

// A stop comes while an answer is on its way.
HistoryBuilder busy() {
  return h().ready().client(0).up(0).round_trips(0, 0, 3).sent(0, 3).began(0, 3).stop();
}
HistoryBuilder hangs(HistoryBuilder b) {
  return b.wait(5000).event(DeadlinePassed{}).forced().closed(0).signalled(SIGKILL).searched();
}

TEST(Consequences, OfAHangAreTheExitTheAnswersAndTheGoodbyes) {
  EXPECT_THAT(causes(hangs(busy())),
              ElementsAre(Pair("clean-exit", "deadline"), Pair("close-handshake", "deadline"),
                          Pair("deadline", ""), Pair("in-flight-finished", "deadline")));
}
TEST(Consequences, OfAHangAreThoseOfADeadlockToo) {
  auto story = busy().wait(700).event(ThreadsStuck{true, true, "a waits for b, b for a"});
  story.forced().closed(0).signalled(SIGKILL);
  EXPECT_THAT(causes(story),
              ElementsAre(Pair("clean-exit", "deadline"), Pair("close-handshake", "deadline"),
                          Pair("deadline", ""), Pair("in-flight-finished", "deadline")));
}
TEST(Consequences, OfAHangAreWhatItsClientsWereTiredOf) {
  EXPECT_THAT(causes(hangs(busy().closed(0, ConnectionEndReason::timeout))),
              ::testing::Contains(Pair("in-flight-finished", "deadline")));
}
TEST(Consequences, OfAHangIsAnAnswerThatOnlyTheEndEnded) {
  const AnswerEndedByEof ended{testing::connection(0), RequestId{3}};
  const auto story = [&] {
    auto b = h(Protocol::http).ready().client(0).up(0);
    for (std::uint32_t r = 0; r < 3; ++r) {
      b.sent(0, r).event(AnswerEndedByEof{testing::connection(0), RequestId{r}});
      b.event(RequestEnded{testing::connection(0), RequestId{r}, RequestEnd::ok, 200, 50});
    }
    return b.sent(0, 3).began(0, 3).stop();
  };
  auto hung = story().wait(5000).event(DeadlinePassed{}).forced().event(ended).answered(0, 3);
  hung.closed(0).signalled(SIGKILL).searched();
  EXPECT_EQ(causes(hung)["in-flight-finished"], "deadline");
  auto cut = hangs(story().wait(400).event(ended).answered(0, 3).closed(0));
  EXPECT_THAT(causes(cut), ::testing::Contains(Pair("in-flight-finished", "")));
}
TEST(Consequences, OfAHangIsNotAnError) {
  auto story = h(Protocol::http).ready().client(0).up(0).round_trips(0, 0, 3).sent(0, 3).wait(200);
  story.stop().wait(5000).event(DeadlinePassed{});
  story.event(RequestEnded{testing::connection(0), RequestId{3}, RequestEnd::refused, 500, 1});
  story.forced().closed(0).signalled(SIGKILL).searched();
  EXPECT_THAT(causes(story), ::testing::Contains(Pair("in-flight-finished", "")));
}
TEST(Consequences, OfAHangIsNotWhatWasCutBefore) {
  EXPECT_THAT(causes(hangs(busy().wait(400).closed(0))),
              ElementsAre(Pair("clean-exit", "deadline"), Pair("close-handshake", ""),
                          Pair("deadline", ""), Pair("in-flight-finished", "")));
  EXPECT_THAT(causes(hangs(busy().wait(400).reset(0))),
              ElementsAre(Pair("clean-exit", "deadline"), Pair("close-handshake", ""),
                          Pair("deadline", ""), Pair("in-flight-finished", "")));
}
TEST(Consequences, OfAHangIsNotAWrongCode) {
  EXPECT_THAT(causes(hangs(busy().answered(0, 3).close_frame(0, 1011))),
              ElementsAre(Pair("clean-exit", "deadline"), Pair("close-handshake", ""),
                          Pair("deadline", "")));
  // Nor one among more connections than evidence is kept of.
  auto story = h().ready();
  story.plan.scenario.clients[0].count = 40;
  for (std::uint32_t n = 0; n < 40; ++n) story.client(n).up(n);
  story.stop().wait(5000).event(DeadlinePassed{}).forced();
  for (std::uint32_t n = 0; n < 39; ++n) story.closed(n);
  EXPECT_EQ(causes(HistoryBuilder(story).closed(39).signalled(SIGKILL))["close-handshake"],
            "deadline");
  EXPECT_EQ(causes(HistoryBuilder(story).close_frame(39, 1011).closed(39).signalled(
                SIGKILL))["close-handshake"],
            "");
}
TEST(Consequences, OfAHangAreNewRequestsIfItStillListened) {
  const auto causes_of = [](bool listening) {
    auto story = busy().wait(1000).client(1).up(1).sent(1, 0).answered(1, 0).wait(4000);
    story.event(DeadlinePassed{}).event(SocketsAtDeadline{8080, listening, "", "", ""}).forced();
    return causes(story.closed(0).closed(1).signalled(SIGKILL));
  };
  EXPECT_THAT(causes_of(true), ::testing::Contains(Pair("stops-accepting", "deadline")));
  EXPECT_THAT(causes_of(false), ::testing::Contains(Pair("stops-accepting", "")));
}
TEST(Consequences, OfAHangAreToldByCleanExitIfNobodyAsksForTheDeadline) {
  auto story = hangs(busy());
  story.plan.scenario.properties["deadline"].judged = false;
  EXPECT_THAT(causes(story),
              ElementsAre(Pair("clean-exit", ""), Pair("close-handshake", "clean-exit"),
                          Pair("in-flight-finished", "clean-exit")));
}
TEST(Consequences, OfALateEndThereAreNone) {
  EXPECT_THAT(causes(busy().wait(5299).closed(0).exited(1).searched()),
              ElementsAre(Pair("clean-exit", ""), Pair("close-handshake", ""), Pair("deadline", ""),
                          Pair("in-flight-finished", "")));
}
TEST(Consequences, OfAHangAreASecondSignalThatDidNotHelp) {
  auto story = busy().again().wait(5000).event(DeadlinePassed{}).forced();
  story.closed(0).signalled(SIGKILL);
  settings<property::RepeatSignal>(story.plan).policy = RepeatPolicy::hasten;
  EXPECT_EQ(causes(story)["repeat-signal"], "deadline");
}

HistoryBuilder crash() {
  return busy().wait(20).closed(0).signalled(SIGSEGV).event(FileLeft{"a.pid", "pid file"});
}

TEST(Consequences, OfACrashAreTheExitAndAllThatItCutOff) {
  auto story = crash().searched();
  settings<property::LogComplete>(story.plan).lines = {"bye"};
  EXPECT_THAT(causes(story),
              ElementsAre(Pair("clean-exit", "no-panic"), Pair("close-handshake", "no-panic"),
                          Pair("in-flight-finished", "no-panic"), Pair("log-complete", "no-panic"),
                          Pair("no-panic", ""), Pair("released", "no-panic")));
}
TEST(Consequences, OfACrashIsNotWhatWasCutLongBefore) {
  const auto found = causes(busy().closed(0).wait(400).signalled(SIGSEGV).searched());
  EXPECT_THAT(found, ElementsAre(Pair("clean-exit", "no-panic"), Pair("close-handshake", ""),
                                 Pair("in-flight-finished", ""), Pair("no-panic", "")));
}
TEST(Consequences, OfACrashIsNothingBeforeTheStop) {
  auto story = h().ready().client(0).up(0).closed(0).client(1).up(1).stop();
  story.wait(5).closed(1).signalled(SIGSEGV).searched();
  EXPECT_THAT(causes(story),
              ElementsAre(Pair("clean-exit", "no-panic"), Pair("close-handshake", "no-panic"),
                          Pair("no-panic", ""), Pair("serves", "")));
}
TEST(Consequences, OfACrashIsNotWhatMustHoldThen) {
  auto story = crash().searched();
  settings<property::CheckpointIntact>(story.plan).files = {"*.json"};
  story.event(CheckpointInspected{"a.json", "cut off"});
  EXPECT_EQ(causes(story)["checkpoint-intact"], "");
}
TEST(Consequences, OfAnErrorThatNobodyCaughtAreThoseOfACrash) {
  const auto panic = busy().wait(20).closed(0).line("panic: oh\n\ngoroutine 1 [running]:");
  EXPECT_THAT(causes(HistoryBuilder(panic).exited(2).searched()),
              ElementsAre(Pair("clean-exit", "no-panic"), Pair("close-handshake", "no-panic"),
                          Pair("in-flight-finished", "no-panic"), Pair("no-panic", "")));
  // No runtime ends so.
  EXPECT_THAT(causes(HistoryBuilder(panic).exited(3).searched()),
              ElementsAre(Pair("clean-exit", ""), Pair("close-handshake", ""),
                          Pair("in-flight-finished", ""), Pair("no-panic", "")));
  // It said other things, and ended much later.
  EXPECT_THAT(causes(HistoryBuilder(panic).wait(2000).line("bye").exited(1).searched()),
              ElementsAre(Pair("clean-exit", ""), Pair("close-handshake", ""),
                          Pair("in-flight-finished", ""), Pair("no-panic", "")));
}
TEST(Consequences, OfAnErrorThatItSurvivedThereAreNone) {
  EXPECT_THAT(causes(busy().closed(0).line("panic: oh\n\ngoroutine 1 [running]:").exited(0)),
              ElementsAre(Pair("close-handshake", ""), Pair("in-flight-finished", ""),
                          Pair("no-panic", "")));
}

// A server of several processes is stopped while a worker, 77, has an answer under way.
HistoryBuilder prefork() {
  auto story = h().event(TraceBegan{true}).event(TargetStarted{70, "master"}).ready();
  return story.client(0).up(0).client(1).up(1).round_trips(0, 0, 3).sent(0, 3).began(0, 3).stop();
}
ProcessEnded worker(EndKind how, int value) { return {77, "worker", how, value}; }

TEST(Consequences, OfAWorkersCrashAreTheConnectionsThatFellWithIt) {
  const auto segfault = worker(EndKind::signalled, SIGSEGV);
  const auto rest = [](HistoryBuilder story, int code = 0) {
    return causes(story.close_frame(1, 1001).fin(1).closed(1).exited(code).searched());
  };
  const auto of_the_crash =
      ElementsAre(Pair("close-handshake", "no-panic"), Pair("in-flight-finished", "no-panic"),
                  Pair("no-panic", ""));
  EXPECT_THAT(rest(prefork().wait(20).reset(0).event(segfault).wait(400)), of_the_crash);
  EXPECT_THAT(rest(prefork().wait(20).event(segfault).closed(0).wait(400)), of_the_crash);
  // Its master tells of it.
  EXPECT_THAT(rest(prefork().wait(20).reset(0).event(segfault).line(
                  "[alert] 1#1: worker process 77 exited on signal 11")),
              of_the_crash);
  EXPECT_THAT(rest(prefork().wait(20).reset(0).event(segfault), 3),
              ElementsAre(Pair("clean-exit", ""), Pair("close-handshake", "no-panic"),
                          Pair("in-flight-finished", "no-panic"), Pair("no-panic", "")));
}
TEST(Consequences, OfAWorkersCrashIsNotWhatFellAtAnotherTime) {
  const auto segfault = worker(EndKind::signalled, SIGSEGV);
  const auto of_itself = ElementsAre(Pair("close-handshake", ""), Pair("in-flight-finished", ""),
                                     Pair("no-panic", ""));
  const auto ends = [](HistoryBuilder story) { return causes(story.exited(0).searched()); };
  const auto other = prefork().close_frame(1, 1001).fin(1).closed(1);
  EXPECT_THAT(ends(HistoryBuilder(other).reset(0).wait(400).event(segfault)), of_itself);
  EXPECT_THAT(ends(HistoryBuilder(other).event(segfault).wait(400).reset(0)), of_itself);
  // Another worker let go of its connection without a goodbye.
  EXPECT_THAT(ends(prefork().reset(0).event(segfault).wait(400).closed(1)),
              ElementsAre(Pair("close-handshake", ""), Pair("in-flight-finished", "no-panic"),
                          Pair("no-panic", "")));
  // It did not crash.
  EXPECT_THAT(ends(HistoryBuilder(other).reset(0).event(worker(EndKind::exited, 1))),
              ElementsAre(Pair("close-handshake", ""), Pair("in-flight-finished", "")));
}

SignalTaken taken(bool fatal) {
  return {.pid = 80, .tid = 80, .signal = SIGTERM, .command = "", .fatal = fatal};
}

TEST(Consequences, OfASignalThatNobodyHandledAreWhatItCutOff) {
  auto story = busy();
  story.plan.scenario.target.stop.expected = {{false, 0}};
  const auto ended = [](HistoryBuilder b) {
    return causes(b.wait(5).closed(0).signalled(SIGTERM).event(FileLeft{"a", "socket"}).searched());
  };
  const auto by_the_exit =
      ElementsAre(Pair("clean-exit", ""), Pair("close-handshake", "clean-exit"),
                  Pair("in-flight-finished", "clean-exit"), Pair("released", "clean-exit"));
  EXPECT_THAT(ended(story), by_the_exit);
  story.event(TargetStarted{80, "server"});
  EXPECT_THAT(ended(HistoryBuilder(story).event(taken(true))), by_the_exit);
  // It had taken it before, and had its time to say goodbye.
  EXPECT_THAT(ended(HistoryBuilder(story).event(taken(false)).event(taken(true))),
              ElementsAre(Pair("clean-exit", ""), Pair("close-handshake", ""),
                          Pair("in-flight-finished", ""), Pair("released", "")));
}
TEST(Consequences, OfASignalThatOnlyTheRuntimeHandledAreWhatItCutOff) {
  const auto found = [](std::string runtime, std::int32_t code) {
    auto story = busy();
    story.plan.scenario.target.stop.expected = {{false, 0}};
    auto again = taken(true);
    again.code = code;
    again.sender = 80;
    story.event(TargetStarted{80, "server"})
        .event(HandlerAtStop{80, SIGTERM, true, std::move(runtime)})
        .event(taken(false))
        .event(again);
    return causes(story.wait(5).closed(0).signalled(SIGTERM).searched());
  };
  const auto none = ElementsAre(Pair("clean-exit", ""), Pair("close-handshake", ""),
                                Pair("in-flight-finished", ""));
  EXPECT_THAT(found("go", SI_TKILL),
              ElementsAre(Pair("clean-exit", ""), Pair("close-handshake", "clean-exit"),
                          Pair("in-flight-finished", "clean-exit")));
  EXPECT_THAT(found("go", SI_USER), none);
  EXPECT_THAT(found("", SI_TKILL), none);
}
TEST(Consequences, OfAnExitOfItsOwnThereAreNone) {
  EXPECT_THAT(causes(busy().wait(5).closed(0).exited(3).searched()),
              ElementsAre(Pair("clean-exit", ""), Pair("close-handshake", ""),
                          Pair("in-flight-finished", "")));
}
TEST(Consequences, OfASecondSignalAreTheExitAndWhatItCutOff) {
  EXPECT_THAT(
      causes(busy().again().wait(5).closed(0).signalled(SIGHUP).searched()),
      ElementsAre(Pair("clean-exit", "repeat-signal"), Pair("close-handshake", "repeat-signal"),
                  Pair("in-flight-finished", "repeat-signal"), Pair("repeat-signal", "")));
}
TEST(Consequences, OfAnEndBeforeTheStopAreWhoWasNotServed) {
  EXPECT_THAT(causes(h().ready().client(0).up(0).closed(0).exited(1)),
              ElementsAre(Pair("clean-exit", ""), Pair("serves", "clean-exit")));
  EXPECT_THAT(causes(h().exited(1).event(TargetNotReady{"it ended"})),
              ElementsAre(Pair("clean-exit", ""), Pair("notify", "clean-exit"),
                          Pair("serves", "clean-exit")));
  EXPECT_THAT(causes(h().ready().client(0).up(0).closed(0).wait(400).exited(1)),
              ElementsAre(Pair("clean-exit", ""), Pair("serves", "")));
  EXPECT_THAT(
      causes(h().ready().client(0).up(0).sent(0, 0).answered(0, 0, RequestEnd::refused).exited(1)),
      ElementsAre(Pair("clean-exit", ""), Pair("serves", "")));
}
TEST(Consequences, OfAMissingReadyIsThatNobodyIsServed) {
  const auto never = h().event(TargetNotReady{"not within 1 s, waiting for READY=1"});
  EXPECT_THAT(causes(HistoryBuilder(never).forced().signalled(SIGKILL)),
              ElementsAre(Pair("notify", ""), Pair("serves", "notify")));
  auto by_port = never;
  by_port.plan.scenario.target.ready.notify = false;
  EXPECT_THAT(causes(by_port.forced().signalled(SIGKILL)), ElementsAre(Pair("serves", "")));
}
TEST(Consequences, AreWhatNoPanicQuotesAlready) {
  auto story =
      h().ready().line("2026/01/31 12:00:00 http: panic serving 127.0.0.1:9: index out of range");
  const PanicEntered entered{80,
                             81,
                             "go",
                             PanicKind::programming_error,
                             "runtime.boundsError",
                             "index out of range",
                             "main.handle+0x10"};
  story.event(entered);
  EXPECT_THAT(causes(HistoryBuilder(story).stop().exited(0)),
              ElementsAre(Pair("no-masked-panic", "no-panic"), Pair("no-panic", "")));
  auto silent = entered;
  silent.message = "another";
  EXPECT_THAT(causes(HistoryBuilder(story).event(silent).stop().exited(0)),
              ElementsAre(Pair("no-masked-panic", ""), Pair("no-panic", "")));
  EXPECT_THAT(causes(h().ready().line("panic: send on closed channel").stop().exited(0)),
              ElementsAre(Pair("no-panic", ""), Pair("no-send-on-closed", "no-panic")));
}
TEST(Consequences, OfNothingThereAreNone) {
  EXPECT_THAT(causes(busy().answered(0, 3).close_frame(0, 1001).fin(0).closed(0).exited(0)),
              IsEmpty());
  EXPECT_THAT(causes(h()), IsEmpty());
}

}  // namespace
}  // namespace lastcall::consequences_test
