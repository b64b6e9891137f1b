#include "search/smaller_plans.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <functional>

namespace lastcall::smaller_plans_test {
namespace {

using namespace std::chrono_literals;

ThreadHold hold_at(const std::string& function) {
  return {.point = {.module = "/p",
                    .offset = 1,
                    .function = function,
                    .within = 0,
                    .kind = PointKind::entry},
          .thread = 1,
          .phase = HuntPhase::stop,
          .nth = 3,
          .time = 20ms};
}

HuntPlan big() {
  HuntPlan plan;
  plan.command = {"/p"};
  plan.signal = SIGTERM;
  plan.holds = {hold_at("wrong"), hold_at("other")};
  for (int i = 0; i < 9; ++i) plan.armed.push_back(hold_at("f" + std::to_string(i)).point);
  plan.exit_barrier = true;
  return plan;
}

// As the shrinker does it, with an oracle instead of runs.
HuntPlan shrunk(HuntPlan plan, const std::function<bool(const HuntPlan&)>& fails) {
  for (bool went_on = true; went_on;) {
    went_on = false;
    for (const auto& smaller : smaller_plans(plan)) {
      EXPECT_LT(plan_size(smaller.plan), plan_size(plan)) << smaller.step;
      if (!fails(smaller.plan)) continue;
      plan = smaller.plan;
      went_on = true;
      break;
    }
  }
  return plan;
}

bool holds(const HuntPlan& plan, const std::string& function) {
  for (const auto& hold : plan.holds) {
    if (hold.point.function == function) return true;
  }
  return false;
}

TEST(SmallerPlans, EndWithTheOneHoldThatMatters) {
  const auto plan = shrunk(big(), [](const HuntPlan& one) { return holds(one, "wrong"); });
  ASSERT_EQ(plan.holds.size(), 1U);
  EXPECT_EQ(plan.holds[0].point.function, "wrong");
  EXPECT_EQ(plan.holds[0].nth, 1U);
  EXPECT_EQ(plan.holds[0].thread, kAnyThread);
  EXPECT_EQ(plan.holds[0].time, 8ms);
  EXPECT_TRUE(plan.armed.empty());
  EXPECT_FALSE(plan.exit_barrier);
}

TEST(SmallerPlans, OneTimeIsLessThanEveryTime) {
  auto plan = big();
  for (auto& hold : plan.holds) hold.nth = kEveryTime;
  EXPECT_EQ(shrunk(plan, [](const HuntPlan& one) { return holds(one, "wrong"); }).holds[0].nth, 1U);
}

TEST(SmallerPlans, KeepWhatIsNeeded) {
  const auto plan = shrunk(big(), [](const HuntPlan& one) {
    return holds(one, "wrong") && holds(one, "other") && one.exit_barrier &&
           one.holds[0].thread == 1;
  });
  EXPECT_EQ(plan.holds.size(), 2U);
  EXPECT_TRUE(plan.exit_barrier);
  EXPECT_EQ(plan.holds[0].thread, 1);
}

TEST(SmallerPlans, OfArmedPlacesHalvesAreTried) {
  auto plan = big();
  plan.holds.clear();
  const auto left = shrunk(plan, [](const HuntPlan& one) {
    for (const auto& point : one.armed) {
      if (point.function == "f7") return true;
    }
    return false;
  });
  ASSERT_EQ(left.armed.size(), 1U);
  EXPECT_EQ(left.armed[0].function, "f7");
}

TEST(SmallerPlans, NeverLeaveOutWhatSendsTheSignalOrTheOnlyHold) {
  auto plan = big();
  plan.holds[0].sends_signal = true;
  for (const auto& smaller : smaller_plans(plan)) EXPECT_TRUE(holds(smaller.plan, "wrong"));
  plan.holds.pop_back();
  plan.armed.clear();
  for (const auto& smaller : smaller_plans(plan)) EXPECT_FALSE(smaller.plan.holds.empty());
}

}  // namespace
}  // namespace lastcall::smaller_plans_test
