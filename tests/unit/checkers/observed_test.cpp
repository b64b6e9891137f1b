// log-complete, config-effective, overhead and drains-health: what is judged by what lastcall
// itself looked at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/checkers/history_builder.hpp"

namespace lastcall::observed_test {
namespace {

using testing::h;
using testing::HistoryBuilder;
using ::testing::StartsWith;

template <class Property>
Verdict verdict(const HistoryBuilder& b) {
  return Property::kChecker.check(b.plan, b.history());
}
template <class Property>
std::string said(const HistoryBuilder& b) {
  const auto v = verdict<Property>(b);
  EXPECT_TRUE(v.outcome != Outcome::pass || v.judged > 0) << "a pass that judged nothing";
  EXPECT_TRUE(v.outcome != Outcome::fail || !v.evidence.empty()) << "a fail without evidence";
  return std::string(name(v.outcome)) + " " + std::to_string(v.judged) + ": " + v.reason;
}
std::string log(const HistoryBuilder& b) { return said<property::LogComplete>(b); }
std::string config(const HistoryBuilder& b) { return said<property::ConfigEffective>(b); }
std::string overhead(const HistoryBuilder& b) { return said<property::Overhead>(b); }
std::string health(const HistoryBuilder& b) { return said<property::DrainsHealth>(b); }

HistoryBuilder with_lines(std::string file = "") {
  auto b = h();
  settings<property::LogComplete>(b.plan).lines = {"^bye", "flushed \\d+"};
  settings<property::LogComplete>(b.plan).file = std::move(file);
  return b;
}

TEST(LogComplete, HoldsIfEveryPatternMatchesALineOfTheOutput) {
  EXPECT_EQ(log(with_lines().ready().stop().line("flushed 12").line("bye").exited(0)), "pass 2: ");
}
TEST(LogComplete, FailsForEachPatternThatMatchesNone) {
  EXPECT_EQ(log(with_lines().ready().stop().line("bye").exited(0)),
            "fail 2: no line matches 'flushed \\d+'");
  EXPECT_EQ(log(with_lines().ready().stop().exited(0)),
            "fail 2: no line matches '^bye', nor 'flushed \\d+'");
}
TEST(LogComplete, DoesNotTakeTheLinesOfTheRestartedTarget) {
  EXPECT_EQ(log(with_lines()
                    .ready()
                    .stop()
                    .line("bye")
                    .exited(0)
                    .event(RecoveryStarted{7})
                    .line("flushed 1")),
            "fail 2: no line matches 'flushed \\d+'");
}
TEST(LogComplete, LooksIntoTheFileAlone) {
  const auto b = with_lines("server.log").ready().stop().line("bye").line("flushed 1").exited(0);
  EXPECT_EQ(log(HistoryBuilder(b)
                    .event(Observed{"log-complete", "bye"})
                    .event(Observed{"log-complete", "flushed 1"})),
            "pass 2: ");
  EXPECT_EQ(log(HistoryBuilder(b).event(Observed{"log-complete", "bye"})),
            "fail 2: no line matches 'flushed \\d+'");
  EXPECT_EQ(log(HistoryBuilder(b).event(NotObserved{"log-complete", "no such file"})),
            "unknown 2: no such file");
}
TEST(LogComplete, IsUnknownIfLinesWereLost) {
  EXPECT_EQ(log(with_lines().ready().stop().line("bye").exited(0).lost("trial")),
            "unknown 2: events of trial were lost: cut off");
}
TEST(DrainsHealth, AChildThatLastcallKilledMayHaveHadTheListener) {
  auto b = h().ready().event(HealthProbed{1, true, 200}).stop();
  settings<property::DrainsHealth>(b.plan).url = "http://x";
  const auto end = [](HistoryBuilder story) {
    return health(
        story.event(HealthProbed{1, true, 200}).event(HealthProbed{1, false, 0}).exited(0));
  };
  EXPECT_EQ(end(b).substr(0, 4), "fail");
  EXPECT_EQ(end(HistoryBuilder(b).fault_to_child(SIGKILL)).substr(0, 14), "not-applicable");
}
TEST(LogComplete, LostLinesChangeNothingOnceAllAreFoundNorInAFile) {
  EXPECT_EQ(log(with_lines().ready().stop().line("bye").line("flushed 7").exited(0).lost("output")),
            "pass 2: ");
  EXPECT_EQ(log(with_lines().ready().stop().line("bye").exited(0).lost("output")),
            "unknown 2: cut off");
  auto file = with_lines();
  settings<property::LogComplete>(file.plan).file = "log";
  EXPECT_EQ(
      log(file.ready().stop().exited(0).event(Observed{"log-complete", "bye"}).lost("output")),
      "fail 2: no line matches 'flushed \\d+'");
}
TEST(LogComplete, HasNothingToJudgeWithoutLinesOrAnEndOfItsOwn) {
  EXPECT_EQ(log(h().ready().stop().exited(0)),
            "not-applicable 0: the scenario names no lines: add [properties.log-complete] lines");
  EXPECT_EQ(log(with_lines().ready().stop().fault(SIGKILL).signalled(SIGKILL)),
            "not-applicable 0: lastcall sent SIGKILL");
  EXPECT_EQ(log(with_lines().ready().stop().forced().signalled(SIGKILL)),
            "not-applicable 0: lastcall sent SIGKILL");
  EXPECT_EQ(log(with_lines()), "not-applicable 0: the trial did not come to a stop");
}

HistoryBuilder with_setting(std::string drawn, std::string url = "") {
  auto b = h();
  auto& wanted = settings<property::ConfigEffective>(b.plan);
  wanted.setting = "workers";
  wanted.url = std::move(url);
  wanted.expect = {{"1", "workers: 1$"}, {"4", "workers: 4$"}};
  b.plan.varied["workers"] = std::move(drawn);
  return b;
}

TEST(ConfigEffective, HoldsIfALineShowsTheDrawnValueAndNoneAnother) {
  EXPECT_EQ(config(with_setting("4").line("workers: 4").ready()), "pass 1: {vary.workers} is '4'");
  EXPECT_EQ(config(with_setting("1", "http://x")
                       .line("workers: 4")
                       .ready()
                       .event(Observed{"config-effective", "workers: 1"})),
            "pass 1: {vary.workers} is '1'");
}
TEST(ConfigEffective, FailsIfNothingOrAnotherValueShows) {
  EXPECT_EQ(config(with_setting("4").line("started").ready()),
            "fail 1: {vary.workers} is '4', and no line matches 'workers: 4$'");
  EXPECT_EQ(config(with_setting("4").line("workers: 1").ready()),
            "fail 1: {vary.workers} is '4', and a line shows '1'");
  EXPECT_EQ(config(with_setting("4").line("workers: 4").ready().line("workers: 1")),
            "fail 1: {vary.workers} is '4', and a line shows '1'");
}
TEST(ConfigEffective, IsUnknownIfItWasNotSeen) {
  EXPECT_EQ(config(with_setting("4", "http://x")
                       .ready()
                       .event(NotObserved{"config-effective", "HTTP status 500"})),
            "unknown 0: HTTP status 500");
  EXPECT_EQ(config(with_setting("4", "http://x").ready()), "unknown 0: the answer was not seen");
  EXPECT_EQ(config(with_setting("4").ready().lost("trial")),
            "unknown 0: events of trial were lost: cut off");
  EXPECT_EQ(config(with_setting("9").ready()),
            "unknown 0: the plan has no expectation for {vary.workers}");
}
TEST(ConfigEffective, LostLinesMayShowAnotherValue) {
  EXPECT_EQ(config(with_setting("4").ready().line("workers: 4").lost("output")).substr(0, 7),
            "unknown");
}
TEST(ConfigEffective, HasNothingToJudgeWithoutASettingOrATarget) {
  EXPECT_EQ(
      config(h().ready()),
      "not-applicable 0: the scenario names no setting: add [properties.config-effective] setting");
  EXPECT_EQ(config(with_setting("4")), "not-applicable 0: the target was not ready");
  EXPECT_EQ(
      config(with_setting("4", "http://x")
                 .ready()
                 .stop()
                 .event(NotObserved{"config-effective", "Connection refused"})),
      "not-applicable 0: the stop came before the URL answered: let it come later ([[faults]] "
      "when)");
}

ResourcesUsed used(Phase phase, std::uint64_t memory, int cpu_ms) {
  return {phase, memory, std::int64_t{cpu_ms} * 1'000'000, 1};
}
property::Overhead& bounds(HistoryBuilder& b) { return settings<property::Overhead>(b.plan); }
// Ready 21 ms after its start, 100 ms of load.
HistoryBuilder loaded(std::uint64_t memory, int cpu_ms) {
  return h()
      .event(TargetStarted{1, "server"})
      .wait(20)
      .ready()
      .event(used(Phase::start, 1, 5))
      .wait(98)
      .stop()
      .event(used(Phase::load, memory, 5 + cpu_ms))
      .exited(0);
}

TEST(Overhead, HoldsWithinTheBounds) {
  auto b = loaded(1000, 20);
  bounds(b).startup = std::chrono::milliseconds(21);
  bounds(b).memory = 1000;
  bounds(b).cpu = 20;
  EXPECT_EQ(overhead(b), "pass 3: ");
}
TEST(Overhead, FailsForEachBoundThatIsPassed) {
  auto slow = loaded(1000, 20);
  bounds(slow).startup = std::chrono::milliseconds(20);
  EXPECT_EQ(overhead(slow), "fail 1: ready after 21.0 ms, bound 20 ms");
  const auto claim = verdict<property::Overhead>(slow).time_claim;
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->tolerance, std::chrono::milliseconds(1));
  auto fat = loaded(1001, 20);
  bounds(fat).memory = 1000;
  EXPECT_EQ(overhead(fat), "fail 1: 1001 bytes of memory, bound 1000");
  EXPECT_FALSE(verdict<property::Overhead>(fat).time_claim);
  auto busy = loaded(1000, 50);
  bounds(busy).cpu = 20;
  EXPECT_EQ(overhead(busy), "fail 1: 50 % of a processor over 100 ms, bound 20 %");
}
TEST(Overhead, IsUnknownIfItWasNotSeen) {
  auto b = h().event(TargetStarted{1, "server"}).wait(20).ready().stop().exited(0);
  bounds(b).memory = 1000;
  bounds(b).cpu = 20;
  EXPECT_THAT(overhead(b), StartsWith("unknown 0: its memory was not seen before its end"));
}
TEST(Overhead, HasNothingToJudgeWithoutABound) {
  EXPECT_EQ(overhead(loaded(1, 1)),
            "not-applicable 0: the scenario states no bound: add startup, memory or cpu to "
            "[properties.overhead]");
}

// Readiness was good before the stop; each probe was asked 1 ms before it is recorded.
HealthProbed probed(int status) { return {1'000'000, status != -1, std::max(status, 0)}; }
constexpr int kRefused = -1;
HistoryBuilder watched() {
  auto b = h();
  settings<property::DrainsHealth>(b.plan).url = "http://127.0.0.1:{port}/health";
  settings<property::DrainsHealth>(b.plan).visible = std::chrono::milliseconds(20);
  return b;
}
HistoryBuilder stopping() { return watched().ready().event(probed(200)).stop().wait(1); }

TEST(DrainsHealth, HoldsIfReadinessIsSeenToGoFirst) {
  EXPECT_EQ(health(stopping()
                       .event(probed(200))
                       .wait(5)
                       .event(probed(503))
                       .wait(20)
                       .event(probed(503))
                       .event(probed(kRefused))
                       .exited(0)),
            "pass 1: readiness was away for at most 29.0 ms before the listener was gone");
}
TEST(DrainsHealth, TheEndOfTheTargetIsTheEndOfTheListener) {
  EXPECT_THAT(health(stopping().event(probed(503)).wait(30).exited(0)), StartsWith("pass 1"));
}
TEST(DrainsHealth, FailsIfTheListenerGoesWithReadinessStillGood) {
  const auto b = stopping().event(probed(200)).wait(2).event(probed(kRefused)).exited(0);
  EXPECT_EQ(health(b),
            "fail 1: readiness was away for at most 4.00 ms before the listener was gone, 20 ms is "
            "promised");
  EXPECT_TRUE(verdict<property::DrainsHealth>(b).time_claim);
  EXPECT_THAT(health(stopping().event(probed(200)).wait(2).exited(0)), StartsWith("fail 1"));
  EXPECT_THAT(health(stopping().event(probed(kRefused)).exited(0)), StartsWith("fail 1"));
}
TEST(DrainsHealth, FailsIfReadinessIsAwayTooBriefly) {
  EXPECT_EQ(health(stopping()
                       .event(probed(200))
                       .wait(2)
                       .event(probed(503))
                       .wait(2)
                       .event(probed(kRefused))
                       .exited(0)),
            "fail 1: readiness was away for at most 7.00 ms before the listener was gone, 20 ms is "
            "promised");
}
TEST(DrainsHealth, ReadinessThatComesBackDoesNotCount) {
  EXPECT_THAT(health(stopping()
                         .event(probed(503))
                         .wait(50)
                         .event(probed(200))
                         .wait(2)
                         .event(probed(kRefused))
                         .exited(0)),
              StartsWith("fail 1"));
}
TEST(DrainsHealth, IsUnknownIfTheProbesAreTooFarApart) {
  EXPECT_EQ(health(stopping()
                       .event(probed(200))
                       .wait(30)
                       .event(probed(0))
                       .event(probed(kRefused))
                       .exited(0)),
            "unknown 0: no answer within 33.0 ms before the listener was gone: too long to tell");
  EXPECT_THAT(
      health(stopping().event(probed(200)).wait(90).lag(80).event(probed(kRefused)).exited(0)),
      ::testing::EndsWith("too long to tell; lastcall itself lagged 80.0 ms in trial"));
}
TEST(DrainsHealth, IsUnknownIfTheUrlNeverAnsweredOrWasNotAsked) {
  EXPECT_EQ(health(watched()
                       .ready()
                       .event(probed(404))
                       .stop()
                       .wait(9)
                       .event(probed(404))
                       .wait(50)
                       .exited(0)),
            "unknown 0: the URL was never seen to answer 2xx");
  EXPECT_EQ(health(stopping().event(NotObserved{"drains-health", "no port"}).exited(0)),
            "unknown 0: no port");
  EXPECT_EQ(health(stopping().event(probed(200))), "unknown 0: the listener was not seen to go");
  EXPECT_EQ(health(stopping().event(probed(200)).forced().exited(0)),
            "unknown 0: the listener did not go by itself");
}
TEST(DrainsHealth, HasNothingToJudgeWithoutAUrlOrAStop) {
  EXPECT_EQ(health(h().ready().stop().exited(0)),
            "not-applicable 0: the scenario names no URL: add [properties.drains-health] url");
  EXPECT_EQ(health(watched().ready().exited(0)),
            "not-applicable 0: the target had ended before the stop");
  EXPECT_EQ(health(watched().stop().exited(0)),
            "not-applicable 0: the target was not ready before the stop: let it come later "
            "([[faults]] when)");
}

}  // namespace
}  // namespace lastcall::observed_test
