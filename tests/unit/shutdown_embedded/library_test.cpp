// The shutdown library in process: the same history and the same checkers as for whole servers.
// Silent over many schedules as it is, and each classic mistake built with it is caught.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lastcall/embed_gtest.hpp"
#include "lastcall/embed_rapidcheck.hpp"
#include "unit/shutdown_embedded/embedded_server.hpp"

#ifdef __SANITIZE_THREAD__
// A subject that hangs is given up with its threads: those that end later are joined by nobody.
extern "C" const char* __tsan_default_options() { return "report_thread_leaks=0"; }
#endif

namespace graceful::shutdown::testing {
namespace {

using ::testing::Contains;
using namespace std::chrono_literals;

// Far above what a stop takes: a busy machine is no defect.
constexpr auto kPatient = 20s;

embed::Promises promises(RepeatPolicy repeat = RepeatPolicy::ignore) {
  embed::Promises promises;
  promises.deadline = kPatient;
  promises.exits_if_hung = {1};
  promises.second_stop_within = kPatient / 2;
  promises.may_leave_threads = {kHungThread, kForcingThread};
  if (repeat == RepeatPolicy::hasten) {
    promises.second_stop = embed::SecondStop::hastens;
    promises.exits = {0, 1};  // 1 if there was a connection to force
  }
  if (repeat == RepeatPolicy::force) {
    promises.second_stop = embed::SecondStop::forces;
    promises.exits_if_forced = {0, 1};  // 0 if the stop was quicker
  }
  return promises;
}

embed::Search search(std::uint64_t seed) {
  return {.trials = 60,
          .seed = seed,
          .require = {"no-panic", "clean-exit", "deadline", "in-flight-finished", "close-handshake",
                      "stops-accepting", "repeat-signal", "acked-durable", "recovers", "released"}};
}

TEST(Library, HoldsUnderAnyScheduleAlsoWithAResourceThatHangs) {
  EXPECT_EXPLORATION_HOLDS(embed::explore(server(), search(1), promises()));
}

TEST(Library, HoldsUnderAnyScheduleAlsoOnAFullDisk) {
  const auto make = server({.trouble = Trouble::disk_is_full});
  EXPECT_EXPLORATION_HOLDS(embed::explore(make, search(2), promises()));
}

TEST(Library, HoldsUnderAnyScheduleWhereASecondStopHastens) {
  const auto make = server({.repeat = RepeatPolicy::hasten});
  EXPECT_EXPLORATION_HOLDS(embed::explore(make, search(3), promises(RepeatPolicy::hasten)));
}

TEST(Library, HoldsUnderAnyScheduleWhereASecondStopForces) {
  const auto make = server({.repeat = RepeatPolicy::force});
  EXPECT_EXPLORATION_HOLDS(embed::explore(make, search(4), promises(RepeatPolicy::force)));
}

TEST(Library, HoldsUnderAnyScheduleWhereTheDrainLimitForces) {
  const auto make = server({.trouble = Trouble::clients_hang, .drain = 20ms});
  auto forcing = promises();
  forcing.exits = forcing.exits_if_hung = {0, 1};  // 1 if there was a connection to force
  EXPECT_EXPLORATION_HOLDS(embed::explore(make, search(5), forcing));
}

// --- one schedule each: the second stop, and the drain limit ---

constexpr auto kClientHangs = "hang open:0 meet:0 send:0 | meet:0 pause:20ms stop stop:int";

embed::Outcome of_second_stop(const ServerOptions& options, const embed::Promises& promised) {
  const auto report = embed::run(*embed::parse(kClientHangs).schedule, server(options), promised);
  EXPECT_EQ(nullptr, report.violation()) << embed::describe(report);
  return report.find("repeat-signal")->outcome;
}

TEST(SecondStop, IgnoredLetsTheDrainLimitForce) {
  const ServerOptions options{.trouble = Trouble::clients_hang, .drain = 300ms};
  EXPECT_EQ(embed::Outcome::pass, of_second_stop(options, promises()));
}

TEST(SecondStop, HasteningForcesTheConnectionsLongBeforeTheDrainLimit) {
  const ServerOptions options{
      .trouble = Trouble::clients_hang, .repeat = RepeatPolicy::hasten, .drain = 30s};
  EXPECT_EQ(embed::Outcome::pass, of_second_stop(options, promises(RepeatPolicy::hasten)));
}

TEST(SecondStop, ForcingEndsItAtOnceWithOne) {
  const ServerOptions options{
      .trouble = Trouble::clients_hang, .repeat = RepeatPolicy::force, .drain = 30s};
  auto promised = promises(RepeatPolicy::force);
  promised.exits_if_forced = {1};
  EXPECT_EQ(embed::Outcome::pass, of_second_stop(options, promised));
}

// --- the mistakes ---

struct Case {
  std::string name;
  Mistake mistake;
  Trouble trouble;
  std::vector<std::string> properties;  // one of them is the first to be found violated
  std::vector<std::string> smallest;    // one of them is what the schedule shrinks to
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases{
      {"ChecksThenCounts",
       Mistake::checks_then_counts,
       Trouble::cache_hangs,
       {"close-handshake", "released"},
       {"open:0", "open:0 | stop", "stop | open:0"}},
      {"OneHangStopsAll",
       Mistake::one_hang_stops_all,
       Trouble::cache_hangs,
       {"released"},
       {"hang"}},
      {"DatabaseBeforeQueue",
       Mistake::database_before_queue,
       Trouble::cache_hangs,
       {"acked-durable"},
       {"open:0 send:0"}},
      {"CheckpointAfterDatabase",
       Mistake::checkpoint_after_database,
       Trouble::cache_hangs,
       {"clean-exit"},
       {""}},
      {"IgnoresFailedCheckpoint",
       Mistake::ignores_failed_checkpoint,
       Trouble::disk_is_full,
       {"clean-exit"},
       {"hang"}},
      {"ReentersTheStop",
       Mistake::reenters_the_stop,
       Trouble::cache_hangs,
       {"no-panic"},
       {"stop stop"}},
      {"LoopEndsFirst", Mistake::loop_ends_first, Trouble::cache_hangs, {"released"}, {""}},
  };
  return kCases;
}

class Mistakes : public ::testing::TestWithParam<Case> {};

TEST_P(Mistakes, AreCaughtAndShrunk) {
  const auto& test = GetParam();
  const auto make = server({.mistake = test.mistake, .trouble = test.trouble});
  const embed::Search until_found{.trials = 100, .repeats = 10};
  const embed::Shape small{.threads = 2, .steps = 3, .connections = 2};
  const auto found = embed::explore(make, until_found, promises(), small);
  ASSERT_TRUE(found.finding) << embed::describe(found);
  EXPECT_THAT(test.properties, Contains(found.finding->property));
  EXPECT_THAT(test.smallest, Contains(to_string(found.finding->report.schedule)))
      << embed::describe(found);
}

INSTANTIATE_TEST_SUITE_P(Embedded, Mistakes, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

// These two never end, so each run costs its deadline and leaves threads behind: one schedule each.
TEST(Hangs, ABroadcastThatNobodyHeardIsADeadlineMissed) {
  const auto schedule = *embed::parse("stop").schedule;
  auto quick = promises();
  quick.deadline = 500ms;
  const ServerOptions wrong{.mistake = Mistake::loses_the_broadcast};
  const auto report = embed::run(schedule, server(wrong), quick);
  ASSERT_NE(nullptr, report.find("deadline"));
  EXPECT_EQ(embed::Outcome::fail, report.find("deadline")->outcome) << embed::describe(report);
  EXPECT_ALL_PROPERTIES_HOLD(schedule, server(), promises());
}

TEST(Hangs, ADrainWithoutLimitIsADeadlineMissed) {
  const auto schedule = *embed::parse("hang open:0 meet:0 send:0 | meet:0 pause:5ms stop").schedule;
  auto quick = promises();
  quick.deadline = 500ms;
  const ServerOptions wrong{.mistake = Mistake::drains_without_limit,
                            .trouble = Trouble::clients_hang};
  const auto report = embed::run(schedule, server(wrong), quick);
  ASSERT_NE(nullptr, report.find("deadline"));
  EXPECT_EQ(embed::Outcome::fail, report.find("deadline")->outcome) << embed::describe(report);
  const ServerOptions right{.trouble = Trouble::clients_hang, .drain = 20ms};
  EXPECT_ALL_PROPERTIES_HOLD(schedule, server(right), promises());
}

}  // namespace
}  // namespace graceful::shutdown::testing
