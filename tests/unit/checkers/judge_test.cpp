#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>
#include <string>

#include "checkers/checker_support.hpp"
#include "unit/checkers/history_builder.hpp"

namespace lastcall::judge_test {
namespace {

using testing::h;
using testing::HistoryBuilder;
using ::testing::StartsWith;

// A stop in which every property holds.
HistoryBuilder good() {
  return h()
      .ready()
      .client(0)
      .up(0)
      .round_trips(0, 0, 3)
      .sent(0, 3)
      .began(0, 3)
      .stop()
      .answered(0, 3)
      .close_frame(0, 1001)
      .fin(0)
      .closed(0)
      .exited(0)
      .searched();
}

std::vector<Verdict> verdicts(const HistoryBuilder& b) { return judge(b.plan, b.history()); }

TEST(Judge, SaysSomethingAboutEveryPropertyInOrder) {
  std::size_t known = 0;
  std::vector<std::string> passed;
  const auto all = verdicts(good());
  for (const auto& verdict : all) {
    while (known < kProperties.size() && verdict.property != kProperties[known].name) ++known;
    EXPECT_LT(known, kProperties.size()) << verdict.property << " is not in its place";
    if (verdict.outcome == Outcome::pass) {
      passed.push_back(verdict.property);
      EXPECT_GT(verdict.judged, 0U);
    } else {
      EXPECT_EQ(verdict.outcome, Outcome::not_applicable) << verdict.property;
      EXPECT_NE(verdict.reason, "") << verdict.property;
    }
  }
  EXPECT_THAT(passed, ::testing::ElementsAre("serves", "no-panic", "clean-exit", "deadline",
                                             "no-send-on-closed", "in-flight-finished",
                                             "close-handshake", "released"));
  EXPECT_EQ(worst(all), Outcome::pass);
}

TEST(Judge, LeavesOutWhatIsSwitchedOff) {
  auto story = good();
  story.plan.scenario.properties["serves"].judged = false;
  const auto all = verdicts(story);
  ASSERT_EQ(all.size(), verdicts(good()).size() - 1);
  EXPECT_EQ(all[0].property, "no-panic");
}

TEST(Judge, NothingHoldsInAnEmptyHistory) {
  for (const auto& story : {h(), h().ready(), h().stop(), h().ready().stop()}) {
    for (const auto& verdict : verdicts(story))
      EXPECT_NE(verdict.outcome, Outcome::pass) << verdict.property;
  }
}

TEST(Judge, EverythingIsUnknownIfTheTargetWasNotStarted) {
  for (const auto& verdict : verdicts(h().event(TargetNotStarted{"no such file"}))) {
    EXPECT_EQ(verdict.outcome, Outcome::unknown);
    EXPECT_EQ(verdict.reason, "the target could not be started: no such file");
  }
}

std::vector<std::string> unknown_in(const HistoryBuilder& story) {
  std::vector<std::string> names;
  for (const auto& v : verdicts(story)) {
    if (v.outcome == Outcome::unknown) names.push_back(v.property);
  }
  return names;
}

TEST(Judge, LostEventsOfTheTrialMakeUnknownAllThatTheScenarioAsksFor) {
  EXPECT_THAT(unknown_in(good().lost("trial")),
              ::testing::ElementsAre("serves", "no-panic", "no-masked-panic", "clean-exit",
                                     "deadline", "no-send-on-closed", "in-flight-finished",
                                     "close-handshake", "released", "stops-accepting", "notify",
                                     "repeat-signal", "prompt-exit"));
  EXPECT_EQ(verdicts(good().lost("trial"))[0].reason, "events of trial were lost: cut off");
}
TEST(Judge, LostOutputMakesUnknownWhatPassesByWhatItDidNotSay) {
  EXPECT_THAT(unknown_in(good().lost("output")),
              ::testing::ElementsAre("no-panic", "no-send-on-closed"));
}
TEST(Judge, LostEventsOfClientsMakeUnknownWhatTheySaw) {
  EXPECT_THAT(unknown_in(good().lost("clients-3")),
              ::testing::ElementsAre("serves", "no-send-on-closed", "in-flight-finished",
                                     "close-handshake", "stops-accepting"));
}
TEST(Judge, LostLinesOfOutputMakeUnknownOnlyWhatReadsThem) {
  EXPECT_THAT(unknown_in(good().lost("output")),
              ::testing::ElementsAre("no-panic", "no-send-on-closed"));
  EXPECT_EQ(testing::said(good().lost("output"), "no-panic"), "unknown 1: cut off");
  // What was seen stays.
  EXPECT_THAT(
      testing::said(good().line("panic: oh\n\ngoroutine 1 [running]:").lost("output"), "no-panic"),
      StartsWith("fail"));
}
TEST(Judge, LostNotificationsMakeUnknownOnlyWhatDependsOnEachOfThem) {
  auto story = good();
  story.plan.scenario.target.ready.notify = true;
  story.plan.scenario.target.service.watchdog = std::chrono::seconds(1);
  const auto before = unknown_in(story);
  story.lost("notifications");
  for (const auto& name : unknown_in(story)) {
    EXPECT_TRUE(name == "notify" || name == "watchdog" || std::ranges::count(before, name) > 0)
        << name;
  }
  EXPECT_THAT(testing::said(story, "notify"), StartsWith("unknown"));
  EXPECT_THAT(testing::said(story, "notify"), ::testing::EndsWith("cut off"));
  EXPECT_THAT(testing::said(story, "watchdog"), StartsWith("unknown"));
}
TEST(Judge, ALostHeartbeatIsNoneThatDidNotCome) {
  auto late = h().ready().lost("notifications").event(WatchdogExpired{}).signalled(SIGABRT);
  late.plan.scenario.target.service.watchdog = std::chrono::seconds(1);
  EXPECT_THAT(testing::said(late, "watchdog"), StartsWith("unknown"));
}
SidecarSeen failed_sidecar() {
  return {"db", SidecarNews::failed, "it ended (exit 3) while it was needed; its last words: bye"};
}
constexpr const char* kFailedSidecar =
    "sidecar \"db\": it ended (exit 3) while it was needed; its last words: bye";

TEST(Judge, ASidecarThatFailsMakesUnknownAllThatTheScenarioAsksFor) {
  const auto story = h().ready()
                         .client(0)
                         .up(0)
                         .round_trips(0, 0, 3)
                         .event(failed_sidecar())
                         .stop()
                         .close_frame(0, 1001)
                         .fin(0)
                         .closed(0)
                         .exited(0)
                         .searched();
  EXPECT_EQ(unknown_in(story), unknown_in(HistoryBuilder(good()).lost("trial")));
  EXPECT_EQ(testing::said(story, "deadline"), std::string("unknown 1: ") + kFailedSidecar);
  EXPECT_THAT(testing::said(story, "watchdog"), StartsWith("not-applicable"));
}
TEST(Judge, ASidecarThatFailsIsNotTheTargetsFault) {
  const auto wrong = h().ready().event(failed_sidecar()).stop().exited(7).searched();
  EXPECT_THAT(testing::said(wrong, "clean-exit"), StartsWith("unknown 1: "));
  EXPECT_THAT(testing::said(wrong, "clean-exit"), ::testing::HasSubstr(kFailedSidecar));
}
TEST(Judge, WhatWasProvenBeforeASidecarFailedStays) {
  const auto panic = h().ready().line("panic: oh").line("").line("goroutine 1 [running]:");
  EXPECT_THAT(
      testing::said(HistoryBuilder(panic).event(failed_sidecar()).stop().exited(0), "no-panic"),
      StartsWith("fail"));
}
TEST(Judge, AfterTheEndOnlyTheRestartNeedsItsSidecars) {
  EXPECT_EQ(unknown_in(good().event(failed_sidecar())), std::vector<std::string>());
  auto again = good();
  again.plan.scenario.target.recovery = Recovery{{"server"}, Ask{"http://127.0.0.1/{id}", {}, ""}};
  again.event(RecoveryStarted{7}).event(failed_sidecar()).event(RecoveryReady{});
  EXPECT_THAT(unknown_in(again), ::testing::ElementsAre("acked-durable", "recovers"));
}
TEST(Judge, WhatASidecarWasSeenToDoIsNothingOfTheTargets) {
  const auto story = good()
                         .event(SidecarSeen{"db", SidecarNews::output, "panic: oh"})
                         .event(SidecarSeen{"db", SidecarNews::ended, "exit 1"});
  EXPECT_EQ(unknown_in(story), std::vector<std::string>());
  EXPECT_THAT(testing::said(story, "no-panic"), StartsWith("pass"));
  EXPECT_EQ(unknown_in(good().lost("sidecar db")), unknown_in(good().lost("trial")));
  EXPECT_EQ(unknown_in(good().lost("output of sidecar db")), std::vector<std::string>());
  EXPECT_EQ(unknown_in(good().lost("control frames")), std::vector<std::string>());
}
TEST(Judge, WithoutClientsWhatIsAboutThemIsNotJudgedAndSaysSo) {
  auto story = h().ready().stop().exited(0).searched();
  story.plan.scenario.clients.clear();
  for (const auto* property :
       {"serves", "in-flight-finished", "close-handshake", "stops-accepting"}) {
    EXPECT_EQ(testing::said(story, property),
              "not-applicable 0: the scenario has no [[clients]]: add one with a url");
  }
  for (const auto* property : {"clean-exit", "deadline", "released"})
    EXPECT_THAT(testing::said(story, property), StartsWith("pass"));
  EXPECT_EQ(unknown_in(story), std::vector<std::string>());
  auto never = h().event(TargetNotReady{"not within 10 s"}).forced().signalled(SIGKILL);
  never.plan.scenario.clients.clear();
  EXPECT_THAT(testing::said(never, "serves"), StartsWith("fail 1: never ready"));
}
TEST(Judge, LostFilesMakeUnknownOnlyReleased) {
  EXPECT_THAT(unknown_in(good().lost("files")), ::testing::ElementsAre("released"));
}
TEST(Judge, LostEndsAreTheTracers) {
  EXPECT_THAT(unknown_in(good().lost("ends")),
              ::testing::ElementsAre("no-panic", "no-masked-panic", "no-send-on-closed"));
  // A child's crash is not told by words alone; an error that was printed stays one.
  EXPECT_THAT(testing::said(good().line("panic: oh").lost("ends"), "no-panic"), StartsWith("fail"));
}
TEST(Judge, LostEndsMatterToReleasedOnlyWhereItIsStrict) {
  auto strict = good().lost("ends");
  EXPECT_THAT(testing::said(strict, "released"), StartsWith("pass"));
  settings<property::Released>(strict.plan).strict = true;
  EXPECT_THAT(testing::said(strict, "released"),
              ::testing::HasSubstr("events of ends were lost: cut off"));
}
TEST(Judge, WhatTheScenarioDoesNotAskForNamesTheKeyThatWould) {
  for (const auto& [property, key] : std::map<std::string, std::string>{
           {"no-masked-panic", "[target] trace = true"},
           {"drains-health", "[properties.drains-health] url"},
           {"notify", "[properties.notify]"},
           {"watchdog", "[target.service] watchdog"},
           {"acked-durable", "[target.recovery.ask]"},
           {"recovers", "[target.recovery]"},
           {"checkpoint-intact", "[properties.checkpoint-intact] files"},
           {"log-complete", "[properties.log-complete] lines"},
           {"config-effective", "[properties.config-effective] setting"},
           {"overhead", "[properties.overhead]"}}) {
    // Whatever happened, or was lost.
    for (const auto& story : {good(), good().lost("trial"), h().ready().missed(0)}) {
      auto untraced = story;
      untraced.plan.scenario.target.trace = untraced.plan.traced = false;
      untraced.plan.scenario.target.ready.notify = false;
      const auto said = testing::said(untraced, property);
      EXPECT_THAT(said, StartsWith("not-applicable 0: "));
      EXPECT_THAT(said, ::testing::HasSubstr(key));
    }
  }
}
TEST(Judge, WhatLastcallDidIsSaidAsThat) {
  const auto not_ready = h().event(TargetNotReady{"not within 10 s"})
                             .event(TargetForced{SIGKILL, "it was not ready within 10 s"})
                             .signalled(SIGKILL);
  for (const auto* property : {"clean-exit", "deadline", "in-flight-finished", "close-handshake",
                               "released", "stops-accepting", "repeat-signal"}) {
    EXPECT_EQ(testing::said(not_ready, property),
              "not-applicable 0: lastcall ended the target because it was not ready within 10 s")
        << property;
  }
  EXPECT_EQ(testing::said(h().ready()
                              .event(TargetForced{SIGKILL, "the kernel, at the memory limit"})
                              .signalled(SIGKILL),
                          "deadline"),
            "not-applicable 0: the kernel ended the target at its memory limit");
}

TEST(Judge, AStopThatWasNotReachedAsLastcallHadEndedTheTargetSaysSo) {
  const std::string counted = "; 0 of 2 'connected' events were counted";
  const auto said = [&](HistoryBuilder story, const std::string& property = "deadline") {
    story.event(FaultNotReached{FaultId{1}, "the target had ended" + counted});
    return testing::said(story, property);
  };
  const std::string missed = "unknown 0: fault 2 was not reached: ";
  const auto hup = [] { return h().ready().fault(SIGHUP).done(); };
  for (const auto* property : {"clean-exit", "deadline", "in-flight-finished", "close-handshake",
                               "released", "stops-accepting", "repeat-signal"}) {
    EXPECT_EQ(said(hup().signalled(SIGHUP), property), missed + "lastcall sent SIGHUP" + counted)
        << property;
  }
  EXPECT_EQ(
      said(h().ready().event(TargetForced{SIGABRT, "its watchdog expired"}).signalled(SIGABRT)),
      missed + "lastcall ended the target because its watchdog expired" + counted);
  EXPECT_EQ(said(h().ready()
                     .event(TargetForced{SIGKILL, "the kernel, at the memory limit"})
                     .signalled(SIGKILL)),
            missed + "the kernel ended the target at its memory limit" + counted);
  // Its own ends.
  for (const auto& own : {hup().exited(1), hup().signalled(SIGSEGV),
                          h().ready().fault_to_child(SIGHUP).done().signalled(SIGHUP)}) {
    EXPECT_EQ(said(own), missed + "the target had ended" + counted);
    EXPECT_THAT(said(own, "clean-exit"), StartsWith("fail 1: ended before it was told to"));
  }
}

TEST(Judge, LostEventsDoNotExcuseAFailure) {
  const auto all = verdicts(h().ready().stop().exited(1).lost("trial"));
  EXPECT_EQ(all.at(3).outcome, Outcome::fail);
}
TEST(Judge, LostEventsMakeNothingToJudgeUnknownToo) {
  EXPECT_EQ(
      testing::verdict(h().ready().stop().exited(0).lost("clients-0"), "close-handshake").outcome,
      Outcome::unknown);
}

TEST(Judge, AFaultThatWasNotReachedMakesTheStopsPropertiesUnknown) {
  EXPECT_THAT(unknown_in(good().missed(1)),
              ::testing::ElementsAre("clean-exit", "deadline", "in-flight-finished",
                                     "close-handshake", "released"));
  EXPECT_EQ(verdicts(good().missed(1)).at(3).reason, "fault 2 was not reached: too few");
}
TEST(Judge, AStopThatWasNotReachedIsUnknownNotInapplicable) {
  auto story = h().ready().client(0).up(0).missed(0).forced().signalled(SIGKILL);
  settings<property::DrainsHealth>(story.plan).url = "http://x";
  settings<property::LogComplete>(story.plan).lines = {"bye"};
  EXPECT_THAT(unknown_in(story),
              ::testing::ElementsAre("clean-exit", "deadline", "in-flight-finished",
                                     "close-handshake", "released", "stops-accepting",
                                     "drains-health", "notify", "repeat-signal", "log-complete"));
}
TEST(Judge, AFaultThatWasNotReachedDoesNotExcuseAFailure) {
  EXPECT_THAT(testing::said(h().ready().exited(1).missed(0), "clean-exit"),
              StartsWith("fail 1: ended before it was told to"));
}

TEST(Judge, EvidenceStandsOnItsOwn) {
  const auto verdict = testing::verdict(h().ready().stop().exited(1), "clean-exit");
  ASSERT_EQ(verdict.evidence_text.size(), 2U);
  EXPECT_EQ(verdict.evidence_text[1],
            R"({"t":"0.002000000","kind":"target_ended","how":"exited","value":1,"core":false})");
}
TEST(Judge, ReasonsAreOneLineOfValidText) {
  const auto verdict = testing::verdict(h().line("panic: \xFF\nx").exited(1), "no-panic");
  EXPECT_EQ(verdict.reason, "a Go panic: \xEF\xBF\xBD x");
}

// As without the right to ptrace(2): what fails by chance must not pass for what tracing hides.
TEST(WasTraced, IsAsThePlanHasItUnlessNothingCouldBeTraced) {
  const auto was = [](HistoryBuilder story, bool planned = true) {
    story.plan.traced = planned;
    return was_traced(story.plan, story.history());
  };
  EXPECT_TRUE(was(h().event(TraceBegan{true}).ready()));
  EXPECT_FALSE(was(h().ready(), false));
  EXPECT_FALSE(was(h().event(TraceFailed{"EPERM"}).ready()));
  // One process could not be watched in full; the target was not started.
  EXPECT_TRUE(was(h().event(TraceBegan{true}).ready().event(TraceFailed{"process 81: EPERM"})));
  EXPECT_TRUE(was(h().event(TargetNotStarted{"no such file"})));
}

TEST(Worst, IsTheWorst) {
  EXPECT_EQ(worst({}), Outcome::not_applicable);
  EXPECT_EQ(worst({{.property = "", .outcome = Outcome::fail},
                   {.property = "", .outcome = Outcome::unknown}}),
            Outcome::fail);
  EXPECT_EQ(worst({{.property = "", .outcome = Outcome::pass},
                   {.property = "", .outcome = Outcome::unknown}}),
            Outcome::unknown);
}

}  // namespace
}  // namespace lastcall::judge_test
