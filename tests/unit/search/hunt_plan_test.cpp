#include "search/hunt_plan.hpp"

#include <gmock/gmock.h>

#include <csignal>

namespace lastcall::hunt_plan_test {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

HuntPlan full() {
  HuntPlan plan;
  plan.command = {"/bin/server", "--port", "80"};
  plan.directory = "/tmp";
  plan.environment = {"MODE=fast"};
  plan.signal = SIGTERM;
  plan.ready = "listening";
  plan.signal_after = 5ms;
  plan.signal_at_call = 4;
  plan.holds = {{.point = {.module = "/bin/server",
                           .offset = 0x1240,
                           .function = "SendQueue::push(int)",
                           .within = 0x1f,
                           .kind = PointKind::atomic},
                 .thread = 2,
                 .thread_name = "ping",
                 .phase = HuntPhase::stop,
                 .nth = 3,
                 .time = 8ms,
                 .sends_signal = true}};
  plan.exit_barrier = true;
  plan.armed = {{.module = "/lib/libc.so.6",
                 .offset = 7,
                 .function = "write",
                 .within = 0,
                 .kind = PointKind::library}};
  plan.build_ids = {{"/bin/server", "00ff"}};
  plan.exit_code = 3;
  plan.failure_pattern = "lost";
  plan.companion = "wrk http://localhost";
  plan.usual_ends = {"exit code 0"};
  plan.failure = "SIGSEGV";
  return plan;
}

TEST(HuntPlan, IsReadAsItWasWritten) {
  const auto plan = full();
  const auto text = hunt_plan_json(plan);
  EXPECT_TRUE(is_hunt_plan(text));
  const auto read = parse_hunt_plan(text);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(*read, plan);
  auto pair = full();
  pair.holds.push_back(pair.holds.front());
  pair.holds.back().follows = true;
  EXPECT_EQ(*parse_hunt_plan(hunt_plan_json(pair)), pair);
  std::swap(pair.holds[0], pair.holds[1]);
  EXPECT_THAT(parse_hunt_plan(hunt_plan_json(pair)).error().message(),
              HasSubstr("the first hold cannot follow another one"));
  const auto small = parse_hunt_plan(hunt_plan_json({.command = {"/bin/true"}}));
  ASSERT_TRUE(small) << small.error().message();
  EXPECT_EQ(*small, HuntPlan{.command = {"/bin/true"}});
}

TEST(HuntPlan, ThatHoldsAllWhoComeSlowsTheWholeProgram) {
  auto plan = full();
  EXPECT_TRUE(slows_all(plan));  // breakpoints everywhere
  plan.armed.clear();
  EXPECT_FALSE(slows_all(plan));
  plan.holds[0].nth = kEveryTime;
  EXPECT_TRUE(slows_all(plan));
}

TEST(HuntPlan, AWrongOneIsRefusedWithTheKey) {
  auto text = hunt_plan_json(full());
  const auto with = [&](const std::string& from, const std::string& to) {
    auto changed = text;
    changed.replace(changed.find(from), from.size(), to);
    const auto read = parse_hunt_plan(changed);
    return read ? std::string("was read") : read.error().message();
  };
  EXPECT_THAT(with("\"phase\":\"stop\"", "\"phase\":\"never\""),
              HasSubstr("\"phase\" cannot be \"never\""));
  EXPECT_THAT(with("\"nth\":3", "\"nth\":\"3\""), HasSubstr("\"nth\" has a wrong type"));
  EXPECT_THAT(with("\"nth\":3,", ""), HasSubstr("has no \"nth\""));
  EXPECT_THAT(with("\"time\":\"8ms\"", "\"time\":\"long\""), HasSubstr("\"time\" is no duration"));
  EXPECT_THAT(with("\"version\":1", "\"version\":9"), HasSubstr("another version"));
  EXPECT_THAT(parse_hunt_plan("[").error().message(), HasSubstr("no JSON object"));
  EXPECT_FALSE(is_hunt_plan("{\"version\": 3, \"scenario\": \"\"}"));
}

TEST(HuntPlan, TheSentenceSaysWhoIsHeldWhereAndForHowLong) {
  auto plan = full();
  plan.signal_at_call.reset();
  plan.armed.clear();
  plan.exit_barrier = false;
  plan.holds[0].point.within = 0;
  plan.holds[0].point.kind = PointKind::entry;
  plan.holds[0].nth = 1;
  plan.holds[0].sends_signal = false;
  EXPECT_EQ(sentence_of(plan),
            "hold thread 2 `ping` before `SendQueue::push` (1st time after the stop) for 8 ms");
  plan.holds[0].thread = kAnyThread;
  EXPECT_EQ(sentence_of(plan),
            "hold a thread `ping` before `SendQueue::push` (1st time after the stop) for 8 ms");
  plan.holds[0].thread_name.clear();
  plan.holds[0].phase = HuntPhase::run;
  plan.holds[0].nth = 22;
  plan.holds[0].sends_signal = true;
  EXPECT_EQ(sentence_of(plan),
            "hold any thread before `SendQueue::push` (22nd time once it is ready), send the "
            "signal there, for 8 ms");
  plan.holds[0].nth = kEveryTime;
  plan.holds[0].sends_signal = false;
  plan.holds[0].point = {
      .module = "/p", .offset = 4, .function = "set(int)", .within = 4, .kind = PointKind::access};
  EXPECT_EQ(
      sentence_of(plan),
      "hold every thread before the access at `set+0x4` (every time once it is ready) for 8 ms");
}

}  // namespace
}  // namespace lastcall::hunt_plan_test
