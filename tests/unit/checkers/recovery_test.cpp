// acked-durable, recovers and checkpoint-intact: what is judged by what is there after the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/checkers/history_builder.hpp"

namespace lastcall::recovery_test {
namespace {

using property::RepeatPolicy;
using testing::connection;
using testing::h;
using testing::HistoryBuilder;

template <class Property>
std::string said(const HistoryBuilder& b) {
  const auto v = Property::kChecker.check(b.plan, b.history());
  EXPECT_TRUE(v.outcome != Outcome::pass || v.judged > 0) << "a pass that judged nothing";
  EXPECT_TRUE(v.outcome != Outcome::fail || !v.evidence.empty()) << "a fail without evidence";
  return std::string(name(v.outcome)) + " " + std::to_string(v.judged) + ": " + v.reason;
}
std::string durable(const HistoryBuilder& b) { return said<property::AckedDurable>(b); }
std::string recovers(const HistoryBuilder& b) { return said<property::Recovers>(b); }
std::string intact(const HistoryBuilder& b) { return said<property::CheckpointIntact>(b); }

HistoryBuilder story() {
  auto b = h(Protocol::http);
  b.plan.scenario.target.recovery = Recovery{{"server"}, Ask{"http://127.0.0.1/{id}", {}, ""}};
  settings<property::CheckpointIntact>(b.plan).files = {"*.json"};
  return b;
}
AskedBefore before(std::uint32_t request, std::uint32_t found, std::string problem = "") {
  return {connection(0), RequestId{request}, found, std::move(problem)};
}
HistoryBuilder two_acknowledged() { return story().ready().client(0).up(0).round_trips(0, 0, 2); }
// Two requests are acknowledged, the question is tried, the target is stopped, and is ready again.
HistoryBuilder tried(const AskedBefore& question) {
  return two_acknowledged()
      .event(question)
      .stop()
      .exited(0)
      .event(RecoveryStarted{7})
      .event(RecoveryReady{});
}
HistoryBuilder shown() { return tried(before(0, 1)); }
// The same without a question before the stop.
HistoryBuilder again() {
  return two_acknowledged().stop().exited(0).event(RecoveryStarted{7}).event(RecoveryReady{});
}
Asked asked(std::uint32_t request, std::uint32_t found) {
  return {connection(0), RequestId{request}, found};
}
NotObserved unseen(std::string property) { return {std::move(property), "no answer"}; }

TEST(AckedDurable, HoldsIfEverythingIsThereOnce) {
  EXPECT_EQ(durable(again().event(asked(0, 1)).event(asked(1, 1))), "pass 2: ");
}
TEST(AckedDurable, SaysWhenItAskedForASample) {
  EXPECT_EQ(
      durable(again()
                  .event(asked(0, 1))
                  .event(Observed{"acked-durable", "asked for 1 of 2 acknowledged requests"})),
      "pass 1: asked for 1 of 2 acknowledged requests");
}
TEST(AckedDurable, FailsForWhatIsLostAndForWhatIsThereTwice) {
  EXPECT_EQ(durable(again().event(asked(0, 1)).event(asked(1, 0))),
            "fail 2: 1 of 2 acknowledged requests are lost after the restart, first: clients "
            "\"users\", client 1, request 000000-000001");
  EXPECT_EQ(durable(again().event(asked(0, 3)).event(asked(1, 1))),
            "fail 2: 1 of 2 acknowledged requests are there more than once after the restart, "
            "first: clients \"users\", client 1, request 000000-000000");
}
TEST(AckedDurable, ALossIsNotExcusedByWhatCouldNotBeAsked) {
  EXPECT_EQ(durable(shown().event(asked(0, 0)).event(unseen("acked-durable"))).substr(0, 6),
            "fail 1");
}
TEST(AckedDurable, EverythingIsLostIfTheQuestionHadFoundSomethingBeforeTheStop) {
  EXPECT_EQ(durable(shown().event(asked(0, 0)).event(asked(1, 0))),
            "fail 2: 2 of 2 acknowledged requests are lost after the restart, first: clients "
            "\"users\", client 1, request 000000-000000");
}
TEST(AckedDurable, AQuestionThatNeverFindsAnythingIsTheScenariosMistake) {
  const auto never = tried(before(0, 0)).event(asked(0, 0)).event(asked(1, 0));
  EXPECT_EQ(durable(never),
            "unknown 2: the question finds none of the 2 acknowledged requests of clients "
            "\"users\" even before the stop: check url, command and expect of "
            "[target.recovery.ask], and the request that the clients send (has it the "
            "Content-Type that the server needs?)");
}
TEST(AckedDurable, AQuestionThatWasNotTriedProvesNothing) {
  const std::string none =
      "unknown 2: none of the 2 acknowledged requests of clients \"users\" is found after the "
      "restart, and whether the question finds any is not known: before the stop it was not "
      "answered ";
  EXPECT_EQ(durable(again().event(asked(0, 0)).event(asked(1, 0))),
            none + "in time; let the stop come later ([[faults]] when)");
  EXPECT_EQ(durable(tried(before(0, 0, "refused")).event(asked(0, 0)).event(asked(1, 0))),
            none + "(refused)");
}
TEST(AckedDurable, WhatIsShownLateIsNoLoss) {
  EXPECT_EQ(durable(tried(before(0, 0)).event(asked(0, 1)).event(asked(1, 1))), "pass 2: ");
  // Another one is found after the restart: so the question finds what is there.
  EXPECT_EQ(durable(tried(before(0, 0)).event(asked(0, 0)).event(asked(1, 1))).substr(0, 6),
            "fail 2");
}
TEST(AckedDurable, TheQuestionIsTriedForEachGroupOfClients) {
  auto b = story();
  b.plan.scenario.clients.push_back(b.plan.scenario.clients.front());
  b.plan.scenario.clients.back().name = "others";
  b.ready().client(0).up(0).round_trips(0, 0, 1).client(20, 1).up(20).round_trips(20, 0, 1);
  b.event(before(0, 1)).stop().exited(0).event(RecoveryStarted{7}).event(RecoveryReady{});
  b.event(asked(0, 1)).event(Asked{connection(20), RequestId{0}, 0});
  EXPECT_THAT(durable(b),
              ::testing::StartsWith("unknown 2: none of the 1 acknowledged requests of clients "
                                    "\"others\" is found after the restart"));
}
TEST(AckedDurable, TheQuestionIsTriedForEachMessageOfAGroup) {
  auto b = story();
  b.plan.scenario.clients.front().message = {"PUT {id}", "GET {id}"};
  b.ready().client(0).up(0);
  for (const std::uint32_t request : {0U, 1U, 2U}) {
    b.event(RequestSent{connection(0), RequestId{request}, 1, request % 2}).answered(0, request);
  }
  b.event(before(0, 1)).event(before(1, 0)).stop().exited(0);
  b.event(RecoveryStarted{7}).event(RecoveryReady{}).event(asked(0, 1)).event(asked(1, 0));
  EXPECT_EQ(durable(HistoryBuilder(b).event(asked(2, 1))),
            "unknown 3: the question finds none of the 1 acknowledged requests of clients "
            "\"users\" with message 2 even before the stop: check url, command and expect of "
            "[target.recovery.ask], and the request that the clients send (has it the "
            "Content-Type that the server needs?); a message that keeps nothing should hold no "
            "{id}");
  EXPECT_EQ(durable(HistoryBuilder(b).event(asked(2, 0))),
            "fail 3: 1 of 3 acknowledged requests are lost after the restart, first: clients "
            "\"users\", client 1, request 000000-000002");
}
TEST(AckedDurable, InProcessTheQuestionIsKnownToWork) {
  auto b = again().event(asked(0, 0)).event(asked(1, 0));
  b.plan.scenario.clients.front().url.clear();
  EXPECT_EQ(durable(b).substr(0, 6), "fail 2");
}
TEST(AckedDurable, NamesTheIdThatTheServerChose) {
  const auto b = story()
                     .ready()
                     .client(0)
                     .up(0)
                     .sent(0, 0)
                     .event(IdGiven{connection(0), RequestId{0}, "order-17", ""})
                     .answered(0, 0)
                     .event(before(0, 1))
                     .stop()
                     .exited(0)
                     .event(RecoveryStarted{7})
                     .event(RecoveryReady{})
                     .event(asked(0, 0));
  EXPECT_EQ(durable(b),
            "fail 1: 1 of 1 acknowledged requests are lost after the restart, first: clients "
            "\"users\", client 1, request 000000-000000, id \"order-17\"");
}
TEST(AckedDurable, ProvesALossWithTheAcknowledgementAndTheAnswer) {
  const auto b = shown().event(asked(1, 0));
  const auto history = b.history();
  const auto verdict = property::AckedDurable::kChecker.check(b.plan, history);
  ASSERT_EQ(verdict.evidence.size(), 2U);
  EXPECT_EQ(kind(history.at(verdict.evidence[0])), "request_ended");
  EXPECT_EQ(kind(history.at(verdict.evidence[1])), "asked");
}
TEST(AckedDurable, IsUnknownIfItCouldNotBeAsked) {
  EXPECT_EQ(durable(again().event(asked(0, 1)).event(unseen("acked-durable"))),
            "unknown 1: no answer");
  EXPECT_EQ(durable(again()),
            "unknown 0: the restarted target was asked for no acknowledged request");
  const auto stopped = story().ready().client(0).up(0).round_trips(0, 0, 1).stop().exited(0);
  EXPECT_EQ(durable(stopped), "unknown 0: the target was not started again");
  EXPECT_EQ(durable(HistoryBuilder(stopped)
                        .event(RecoveryStarted{7})
                        .event(RecoveryFailed{"it ended before it was ready"})),
            "unknown 0: the restarted target was not ready: it ended before it was ready");
  EXPECT_EQ(durable(HistoryBuilder(stopped).event(unseen("recovers"))), "unknown 0: no answer");
}
TEST(AckedDurable, HasNothingToJudgeWithoutAQuestionOrAnAcknowledgement) {
  EXPECT_EQ(durable(h().ready().stop().exited(0)),
            "not-applicable 0: the scenario does not ask the restarted target: add "
            "[target.recovery.ask]");
  EXPECT_EQ(
      durable(story().ready().stop().exited(0).event(RecoveryStarted{7}).event(RecoveryReady{})),
      "not-applicable 0: nothing was acknowledged: look at url, message, status and ack, or let "
      "the stop come later ([[faults]] when)");
}
TEST(AckedDurable, IsPromisedAfterAKillUnlessTheScenarioSaysElse) {
  auto killed = story()
                    .ready()
                    .client(0)
                    .up(0)
                    .round_trips(0, 0, 1)
                    .event(before(0, 1))
                    .fault(SIGKILL)
                    .signalled(SIGKILL)
                    .event(RecoveryStarted{7})
                    .event(RecoveryReady{})
                    .event(asked(0, 0));
  EXPECT_EQ(durable(killed).substr(0, 6), "fail 1");
  settings<property::AckedDurable>(killed.plan).after_kill = false;
  EXPECT_EQ(
      durable(killed),
      "not-applicable 0: SIGKILL ended the target: set [properties.acked-durable] after_kill = "
      "true to have it judged");
  auto stopped = shown().event(asked(0, 0));
  settings<property::AckedDurable>(stopped.plan).after_kill = false;
  EXPECT_EQ(durable(stopped).substr(0, 6), "fail 1");
}

TEST(Recovers, HoldsIfTheRestartedTargetIsReady) {
  EXPECT_EQ(recovers(again()), "pass 1: ready after 1.00 ms");
}
TEST(Recovers, FailsIfItIsNot) {
  EXPECT_EQ(recovers(story()
                         .ready()
                         .stop()
                         .exited(0)
                         .event(RecoveryStarted{7})
                         .event(RecoveryFailed{"not ready within 10.0 s"})),
            "fail 1: restarted, not ready within 10.0 s");
}
TEST(Recovers, IsUnknownIfTheRestartCouldNotBeMade) {
  EXPECT_EQ(recovers(story().ready().stop().exited(0).event(unseen("recovers"))),
            "unknown 0: no answer");
  EXPECT_EQ(recovers(story().ready().stop().exited(0).event(RecoveryStarted{7})),
            "unknown 0: whether it became ready was not seen");
}
TEST(Recovers, HasNothingToJudgeWithoutARestart) {
  EXPECT_EQ(recovers(h().ready().stop().exited(0)),
            "not-applicable 0: the scenario does not restart the target: add [target.recovery]");
  EXPECT_EQ(recovers(story().event(TargetNotReady{"too slow"})),
            "not-applicable 0: the target was not started again");
}

CheckpointInspected inspected(std::string path, std::string problem = "") {
  return {std::move(path), std::move(problem)};
}

TEST(CheckpointIntact, HoldsIfEveryFileReadsBackWhole) {
  EXPECT_EQ(
      intact(
          story().ready().stop().exited(0).event(inspected("a.json")).event(inspected("b.json"))),
      "pass 2: ");
}
TEST(CheckpointIntact, FailsForEachFileThatDoesNot) {
  EXPECT_EQ(intact(story()
                       .ready()
                       .fault(SIGKILL)
                       .signalled(SIGKILL)
                       .event(inspected("a.json"))
                       .event(inspected("b.json", "incomplete JSON"))),
            "fail 2: b.json: incomplete JSON");
}
TEST(CheckpointIntact, AMissingFileFailsAfterAStopAndNotAfterAKill) {
  const auto missing = inspected("*.json", "no such file");
  const auto busy = story().ready().client(0).up(0).sent(0, 0).answered(0, 0);
  EXPECT_EQ(intact(HistoryBuilder(busy).stop().exited(0).event(missing)),
            "fail 1: *.json: no such file");
  EXPECT_EQ(intact(HistoryBuilder(busy).fault(SIGKILL).signalled(SIGKILL).event(missing)),
            "not-applicable 0: no file matches *.json: there was no checkpoint yet");
  EXPECT_EQ(intact(story().stop().exited(0).event(missing)),
            "not-applicable 0: no file matches *.json: there was no checkpoint yet");
}
TEST(CheckpointIntact, AMissingFileIsNoneIfNothingWasAcknowledged) {
  const auto missing = inspected("*.json", "no such file");
  const std::string none =
      "no file matches *.json: nothing that it would hold had been acknowledged";
  const auto idle = story().ready().client(0).up(0).sent(0, 0).stop();
  EXPECT_EQ(intact(HistoryBuilder(idle).exited(0).event(missing)), "not-applicable 0: " + none);
  EXPECT_EQ(intact(HistoryBuilder(idle).exited(0).event(inspected("a.json")).event(missing)),
            "pass 1: " + none);
  // An answer during the stop acknowledges as well as one before it; one after the end comes late.
  EXPECT_EQ(intact(HistoryBuilder(idle).answered(0, 0).exited(0).event(missing)),
            "fail 1: *.json: no such file");
  EXPECT_EQ(intact(HistoryBuilder(idle).exited(0).answered(0, 0).event(missing)),
            "not-applicable 0: " + none);
}
TEST(CheckpointIntact, AnAnswerToAGetAcknowledgesOnlyWhatTheGetNames) {
  auto busy = story().ready().client(0).up(0).round_trips(0, 0, 2).stop().exited(0);
  busy.event(inspected("*.json", "no such file"));
  auto& group = busy.plan.scenario.clients.front();
  group.method = "GET";
  EXPECT_EQ(intact(busy),
            "not-applicable 0: no file matches *.json: nothing that it would hold had been "
            "acknowledged");
  group.url = "http://127.0.0.1:{port}/put/{id}";
  EXPECT_EQ(intact(busy), "fail 1: *.json: no such file");
  group.url = "http://127.0.0.1:{port}/events";
  group.method = "POST";
  EXPECT_EQ(intact(busy), "fail 1: *.json: no such file");
}
TEST(CheckpointIntact, OfAMissingFileOnlyLostAcknowledgementsMakeItUnknown) {
  const auto missing = inspected("*.json", "no such file");
  const auto idle = story().ready().stop().exited(0).event(missing);
  EXPECT_EQ(intact(HistoryBuilder(idle).lost("clients-0")),
            "unknown 0: no file matches *.json, and events were lost: it is not known whether "
            "something had been acknowledged");
  for (const auto* source : {"tracer", "ends", "output", "files", "proxy"})
    EXPECT_EQ(intact(HistoryBuilder(idle).lost(source)), intact(idle)) << source;
  // Whatever was acknowledged, there was no time.
  const auto killed =
      story().ready().client(0).up(0).fault(SIGKILL).signalled(SIGKILL).event(missing);
  EXPECT_EQ(intact(HistoryBuilder(killed).lost("clients-0")), intact(killed));
}
TEST(CheckpointIntact, ASecondSignalThatForcesTheEndLeavesNoTimeForACheckpoint) {
  auto forced = story().ready().client(0).up(0).round_trips(0, 0, 2).stop().again().exited(0);
  const auto missing = inspected("*.json", "no such file");
  EXPECT_EQ(intact(HistoryBuilder(forced).event(missing)), "fail 1: *.json: no such file");
  settings<property::RepeatSignal>(forced.plan).policy = RepeatPolicy::force;
  EXPECT_EQ(intact(HistoryBuilder(forced).event(missing)),
            "not-applicable 0: no file matches *.json: a second signal forced the end");
  EXPECT_EQ(intact(HistoryBuilder(forced).event(inspected("a.json", "incomplete JSON"))),
            "fail 1: a.json: incomplete JSON");
}
TEST(CheckpointIntact, IsUnknownIfAFileCouldNotBeInspected) {
  EXPECT_EQ(intact(story()
                       .ready()
                       .stop()
                       .exited(0)
                       .event(inspected("a.json"))
                       .event(unseen("checkpoint-intact"))),
            "unknown 1: no answer");
}
TEST(CheckpointIntact, HasNothingToJudgeWithoutFiles) {
  auto b = story().ready().stop().exited(0);
  EXPECT_EQ(intact(b), "not-applicable 0: no file was inspected");
  settings<property::CheckpointIntact>(b.plan).files.clear();
  EXPECT_EQ(
      intact(b),
      "not-applicable 0: the scenario names no files: add [properties.checkpoint-intact] files");
}

}  // namespace
}  // namespace lastcall::recovery_test
