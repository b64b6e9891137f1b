#include "gate/comparison.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/gate/campaigns.hpp"

namespace lastcall {
namespace {

const PropertyComparison& of(const Comparison& comparison, const std::string& property,
                             std::size_t scenario = 0) {
  const auto& all = comparison.scenarios.at(scenario).properties;
  return *std::ranges::find(all, property, &PropertyComparison::property);
}

TEST(Comparison, SaysWhatGotWorseAndBetter) {
  testing::Campaign base;
  testing::Campaign head;
  base.with("a.toml", "deadline", 0, 200).with("a.toml", "serves", 20, 180);
  head.with("a.toml", "deadline", 12, 188, "hangs").with("a.toml", "serves", 0, 200);
  base.with("a.toml", "released", 3, 197);
  head.with("a.toml", "released", 4, 196);
  const auto comparison = compare(base.summary(), head.summary());
  EXPECT_EQ(of(comparison, "deadline").change, Change::worse);
  EXPECT_EQ(of(comparison, "deadline").new_reason, "hangs");
  EXPECT_EQ(of(comparison, "serves").change, Change::better);
  EXPECT_EQ(of(comparison, "released").change, Change::none);
  EXPECT_EQ(of(comparison, "released").new_reason, "");
  EXPECT_EQ(comparison.properties_tested, 3U);
  EXPECT_TRUE(has(comparison, Change::worse));
  EXPECT_FALSE(has(comparison, Change::gone));
}
// One of p = 0.04 among 20 is what chance makes.
TEST(Comparison, CorrectsForManyProperties) {
  testing::Campaign base;
  testing::Campaign head;
  base.with("a.toml", "deadline", 0, 50);
  head.with("a.toml", "deadline", 6, 44);
  EXPECT_EQ(of(compare(base.summary(), head.summary()), "deadline").change, Change::worse);
  for (const auto* other : {"serves", "released", "clean-exit", "recovers", "notify", "watchdog"}) {
    base.with("a.toml", other, 0, 50);
    head.with("a.toml", other, 0, 50);
  }
  const auto among_others = compare(base.summary(), head.summary());
  EXPECT_EQ(of(among_others, "deadline").change, Change::none);
  EXPECT_GT(of(among_others, "deadline").corrected, of(among_others, "deadline").p);
}
TEST(Comparison, SaysWhatIsNewAndWhatIsGone) {
  testing::Campaign base;
  testing::Campaign head;
  base.with("a.toml", "deadline", 0, 20).with("old.toml", "deadline", 0, 20);
  head.with("a.toml", "serves", 0, 20).with("new.toml", "deadline", 0, 20);
  const auto comparison = compare(base.summary(), head.summary());
  ASSERT_EQ(comparison.scenarios.size(), 3U);
  EXPECT_EQ(of(comparison, "serves").change, Change::is_new);
  EXPECT_EQ(of(comparison, "deadline").change, Change::gone);
  EXPECT_EQ(comparison.scenarios[1].scenario, "new.toml");
  EXPECT_EQ(comparison.scenarios[1].change, Change::is_new);
  EXPECT_EQ(comparison.scenarios[2].change, Change::gone);
  EXPECT_TRUE(has(comparison, Change::gone));
}
TEST(Comparison, SaysThatAScenarioWasChanged) {
  testing::Campaign one;
  one.with("a.toml", "deadline", 0, 20);
  const auto& summary = one.summary();
  EXPECT_TRUE(compare(summary, summary, {{"a.toml", "1"}}, {{"a.toml", "2"}})
                  .scenarios[0]
                  .scenario_differs);
  EXPECT_FALSE(compare(summary, summary, {{"a.toml", "1"}}, {{"a.toml", "1"}})
                   .scenarios[0]
                   .scenario_differs);
}

void stops(testing::Campaign& campaign, int count, int first_ms, bool traced = true) {
  for (int i = 0; i < count; ++i) {
    auto& trial = campaign.add("a.toml", "deadline", Outcome::pass);
    trial.stop = std::chrono::milliseconds(first_ms + i);
    trial.traced = traced;
  }
}

TEST(TimesToExit, ASlowerStopIsWorse) {
  testing::Campaign base;
  testing::Campaign head;
  stops(base, 30, 100);
  stops(head, 30, 130);
  const auto times = compare(base.summary(), head.summary()).scenarios[0].times;
  EXPECT_EQ(times.change, Change::worse);
  EXPECT_EQ(times.head_larger, 1);
  EXPECT_EQ(times.base.median, std::chrono::milliseconds(114));
  EXPECT_EQ(times.base.p95, std::chrono::milliseconds(128));
  EXPECT_EQ(times.head.longest, std::chrono::milliseconds(159));
  EXPECT_FALSE(has(compare(base.summary(), head.summary()), Change::worse));  // of properties
}
TEST(TimesToExit, TracedTrialsAreComparedWithTracedOnes) {
  testing::Campaign base;
  testing::Campaign head;
  stops(base, 30, 100, true);
  stops(base, 10, 10, false);
  stops(head, 30, 10, false);
  stops(head, 10, 110, true);
  const auto times = compare(base.summary(), head.summary()).scenarios[0].times;
  EXPECT_TRUE(times.traced.has_value());
  EXPECT_EQ(times.change, Change::none);
  EXPECT_EQ(times.base.trials + times.head.trials, 40U);
}
TEST(TimesToExit, TrialsThatNeverStoppedDoNotCount) {
  testing::Campaign base;
  base.with("a.toml", "deadline", 0, 20);
  EXPECT_EQ(compare(base.summary(), base.summary()).scenarios[0].times.base.trials, 0U);
}

}  // namespace
}  // namespace lastcall
