// Each property both ways: the defect that violates it is caught in every run of its schedule, and
// the server without it never is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lastcall/embed_gtest.hpp"
#include "unit/embed/small_server.hpp"

namespace lastcall::embed::testing {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

struct Case {
  std::string name;
  Defect defect;
  std::string property;
  std::string schedule;
  std::string reason;  // is part of the verdict's
  Promises promises{};
  int runs = 20;
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

Promises quick(std::chrono::milliseconds deadline) { return {.deadline = deadline}; }

Promises hastening() {
  return {.deadline = 5s, .second_stop = SecondStop::hastens, .second_stop_within = 100ms};
}

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases{
      {"ChecksThenCounts", Defect::checks_then_counts, "released", "open:0 | stop",
       "connection 0/0 is left"},
      {"AcceptsAfterStop", Defect::accepts_after_stop, "stops-accepting", "stop open:0",
       "1 WebSocket was upgraded"},
      {"AcceptsAfterEnd", Defect::accepts_after_end, "released", "stop", "open() after the end"},
      {"DropsInFlight", Defect::drops_in_flight, "in-flight-finished",
       "open:0 meet:0 send:0:40ms | meet:0 pause:15ms stop", "1 of 1 requests got no answer"},
      {"SaysNoGoodbye", Defect::says_no_goodbye, "close-handshake", "open:0 stop",
       "got no Close frame"},
      {"Cuts", Defect::cuts, "close-handshake", "open:0 stop", "reset without a Close frame"},
      {"NeverEnds", Defect::never_ends, "deadline", "stop", "still running 100 ms after",
       quick(100ms)},
      {"NeverEndsCleanly", Defect::never_ends, "clean-exit", "stop", "did not end by itself",
       quick(100ms)},
      {"HangsWithItsResource", Defect::ignores_hung_resource, "deadline", "hang stop",
       "still running", quick(100ms)},
      {"ExitsWrong", Defect::exits_wrong, "clean-exit", "stop", "exit 3 after SIGTERM"},
      {"EndsByItself", Defect::ends_by_itself, "clean-exit", "pause:100ms stop",
       "ended before it was told to"},
      {"DiesOfSecondStop", Defect::dies_of_second, "repeat-signal", "stop stop:int",
       "SIGABRT after a second signal"},
      {"SecondStopHastensNothing", Defect::sleeps_on, "repeat-signal", "stop stop",
       "later than 100 ms", hastening(), 5},
      {"ForgetsAcknowledged", Defect::forgets_last, "acked-durable", "open:0 send:0 send:0 stop",
       "1 of 2 acknowledged requests are lost"},
      {"RemembersTwice", Defect::remembers_twice, "acked-durable", "open:0 send:0 stop",
       "more than once"},
      {"CannotRestart", Defect::cannot_restart, "recovers", "stop", "survivors() threw"},
      {"ThrowsOnSend", Defect::throws_on_send, "no-panic", "open:0 send:0 stop",
       "send on closed channel"},
      {"KeepsAThread", Defect::keeps_a_thread, "released", "stop", "is alive"},
      {"KeepsTheDatabase", Defect::keeps_the_database, "released", "stop",
       "resource database is left"},
      {"SwallowsCallers", Defect::swallows_callers, "released",
       "open:0 meet:0 send:0 | meet:0 pause:50ms stop", "a caller still in send() on 0/0",
       quick(2s), 1},
  };
  return kCases;
}

class Properties : public ::testing::TestWithParam<Case> {};

// A run in which the schedule did not come to what is judged is no run of it, nor is one on a
// machine that was too busy to tell.
bool is_exercised(const Verdict& verdict) {
  return verdict.outcome == Outcome::pass || verdict.outcome == Outcome::fail;
}

TEST_P(Properties, AreViolatedByTheirDefectInEveryRun) {
  const auto& test = GetParam();
  const auto schedule = parse(test.schedule).schedule.value();
  int exercised = 0;
  for (int i = 0; i < 3 * test.runs && exercised < test.runs; ++i) {
    const auto report = run(schedule, server(test.defect), test.promises);
    const auto* verdict = report.find(test.property);
    ASSERT_NE(nullptr, verdict);
    if (!is_exercised(*verdict)) continue;
    ++exercised;
    ASSERT_EQ(Outcome::fail, verdict->outcome) << describe(report);
    EXPECT_THAT(verdict->reason, HasSubstr(test.reason));
    EXPECT_FALSE(verdict->evidence.empty());
  }
  EXPECT_EQ(test.runs, exercised);
}

// 800 runs of the server that is right, over all schedules of the table.
TEST_P(Properties, AreHeldByTheServerThatIsRight) {
  const auto& test = GetParam();
  const auto schedule = parse(test.schedule).schedule.value();
  auto promises = test.promises;
  promises.deadline = 5s;  // a busy machine is no defect
  std::uint64_t judged = 0;
  for (int i = 0; i < 40; ++i) {
    const auto report = run(schedule, server(), promises);
    ASSERT_EQ(nullptr, report.violation()) << describe(report);
    ASSERT_EQ(nullptr, report.unknown()) << describe(report);
    judged += report.find(test.property)->judged;
  }
  // A server that is right has mostly ended when the second stop or the late connection comes.
  const bool needs_the_defect =
      test.property == "repeat-signal" || test.property == "stops-accepting";
  EXPECT_TRUE(judged > 0 || needs_the_defect);
}

INSTANTIATE_TEST_SUITE_P(Embedded, Properties, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

TEST(Held, ByARightServerThatIsAskedTwiceWhileItDrains) {
  const auto schedule =
      parse("open:0 meet:0 send:0:60ms | meet:0 pause:20ms stop stop:int open:1").schedule.value();
  std::uint64_t repeated = 0;
  std::uint64_t late = 0;
  for (int i = 0; i < 10; ++i) {
    const auto report = run(schedule, server(), {.deadline = 5s});
    ASSERT_EQ(nullptr, report.violation()) << describe(report);
    repeated += report.find("repeat-signal")->judged;
    late += report.find("stops-accepting")->judged;
  }
  EXPECT_GT(repeated, 0U);
  EXPECT_GT(late, 0U);
}

TEST(NotApplicable, IsWhateverHadNothingToJudge) {
  const auto report = run(parse("stop").schedule.value(), server());
  for (const auto* property : {"in-flight-finished", "close-handshake", "stops-accepting",
                               "repeat-signal", "acked-durable"}) {
    const auto* verdict = report.find(property);
    ASSERT_NE(nullptr, verdict) << property;
    EXPECT_EQ(Outcome::not_applicable, verdict->outcome) << property << ": " << verdict->reason;
    EXPECT_EQ(0U, verdict->judged) << property;
  }
  EXPECT_EQ(nullptr, report.find("watchdog"));
}

}  // namespace
}  // namespace lastcall::embed::testing
