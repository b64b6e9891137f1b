#include "hunt/held_plan.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <variant>

namespace lastcall::held_plan_test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

constexpr const char* kText = R"(
about = "a test"
crowd = "none"
[target]
command = ["server"]
ready = { log = "ready" }
stop = { signal = "SIGTERM", deadline = "2s" }
[[clients]]
name = "readers"
url = "http://127.0.0.1:{port}/"
count = 5
[[clients]]
name = "writers"
url = "http://127.0.0.1:{port}/"
[[faults]]
what = "abort-clients"
when = { phase = "load", at = "10ms" }
[[faults]]
what = "stop"
when = { phase = "load", at = "0ms..300ms" }
)";

Plan plan() {
  const auto parsed = parse_scenario(kText, "s.toml");
  const auto* scenario = std::get_if<Scenario>(&parsed);
  if (scenario == nullptr) {
    ADD_FAILURE() << std::get<std::vector<ScenarioError>>(parsed).front().text();
    return {};
  }
  return draw_plan("s.toml", kText, *scenario, 7);
}

ThreadHold hold(HuntPhase phase, bool sends_signal = false) {
  return {.point = {.module = "/p", .function = "app::push(int)", .within = 0x1f},
          .thread_name = "ping*",
          .phase = phase,
          .nth = 3,
          .time = std::chrono::milliseconds(3),
          .sends_signal = sends_signal};
}

TEST(HeldPlan, SendsTheStopWhereAHoldUnderLoadSaysSo) {
  const auto held = held_plan(plan(), {.holds = {hold(HuntPhase::run, true)}});
  ASSERT_TRUE(held.has_value());
  ASSERT_EQ(held->faults.size(), 2U);
  EXPECT_EQ(held->faults[0], plan().faults[0]);
  EXPECT_EQ(held->faults[1].act, plan().faults[1].act);
  EXPECT_EQ(std::get<NthVisit>(held->faults[1].when), (NthVisit{.function = "app::push(int)+0x1f",
                                                                .thread = "ping\\*",
                                                                .phase = Phase::load,
                                                                .nth = 3,
                                                                .hold = kHeldFor}));
  EXPECT_EQ(without_holds(*held).faults, plan().faults);
}

TEST(HeldPlan, HoldsDuringTheStopBesidesWhatTheScenarioDoes) {
  const auto held = held_plan(plan(), {.holds = {hold(HuntPhase::stop), hold(HuntPhase::stop)}});
  ASSERT_TRUE(held.has_value());
  ASSERT_EQ(held->faults.size(), 4U);
  EXPECT_EQ(std::get<NthVisit>(held->faults[3].when).phase, Phase::drain);
  EXPECT_TRUE(std::holds_alternative<HoldThread>(held->faults[3].act));
  EXPECT_EQ(without_holds(*held).faults, plan().faults);
  EXPECT_TRUE(plan_from_json(to_json(*held), "plan.json").has_value());
}

// Two holds of which the second is counted from when a thread stands at the first.
std::vector<ThreadHold> pair() {
  std::vector<ThreadHold> both{hold(HuntPhase::stop), hold(HuntPhase::stop)};
  both[0].point.function = "app::close()";
  both[1].follows = true;
  return both;
}

TEST(HeldPlan, TheFirstOfAPairStandsForLessThanTheOneThatFollows) {
  const auto held = held_plan(plan(), {.holds = pair()});
  ASSERT_TRUE(held.has_value());
  const auto first = std::get<NthVisit>(held->faults[2].when);
  const auto second = std::get<NthVisit>(held->faults[3].when);
  EXPECT_FALSE(first.follows);
  EXPECT_TRUE(second.follows);
  EXPECT_LT(first.hold, second.hold);
  EXPECT_LE(first.hold + second.hold, std::chrono::milliseconds(50));
  EXPECT_THAT(sentence_of(*held), ::testing::HasSubstr("(3rd time while that one stands)"));
  const auto back = plan_from_json(to_json(*held), "plan.json");
  ASSERT_TRUE(back.has_value()) << back.error().message();
  EXPECT_EQ(back->faults, held->faults);
}

TEST(SmallerScenarioPlans, WithoutTheFirstOfAPairTheSecondFollowsNobody) {
  const auto held = *held_plan(plan(), {.holds = pair()});
  for (const auto& smaller : smaller_plans(held)) {
    if (smaller.step != "without the hold 3") continue;
    EXPECT_FALSE(std::get<NthVisit>(smaller.plan.faults[2].when).follows);
    return;
  }
  FAIL() << "no such step";
}

TEST(HeldPlan, IsNoneForWhatAScenarioHasNoWordsFor) {
  auto nameless = hold(HuntPhase::stop);
  nameless.point.function.clear();
  auto everybody = hold(HuntPhase::stop);
  everybody.nth = kEveryTime;
  EXPECT_FALSE(held_plan(plan(), {.holds = {nameless}}));
  EXPECT_FALSE(held_plan(plan(), {.holds = {everybody}}));
  EXPECT_FALSE(held_plan(plan(), {.signal_at_call = 3}));
  EXPECT_FALSE(held_plan(plan(), {}));
  auto without_stop = plan();
  without_stop.faults.pop_back();
  EXPECT_FALSE(held_plan(without_stop, {.holds = {hold(HuntPhase::run, true)}}));
}

TEST(HeldPlan, SaysWhatItHoldsAndHowManyClientsThereAre) {
  auto held = *held_plan(plan(), {.holds = {hold(HuntPhase::run, true), hold(HuntPhase::stop)}});
  EXPECT_EQ(
      sentence_of(held),
      "hold a thread `ping\\*` before `app::push+0x1f` (3rd time once it is ready), send the "
      "signal there, for 20 ms, then hold a thread `ping\\*` before `app::push+0x1f` (3rd time "
      "after the stop) for 20 ms");
  held = plan();
  held.groups[0].overrides[2].absent = true;
  EXPECT_EQ(sentence_of(held), "only run it, with 5 of 6 clients");
}

std::vector<std::string> steps_of(const Plan& plan) {
  std::vector<std::string> steps;
  for (const auto& smaller : smaller_plans(plan)) steps.push_back(smaller.step);
  return steps;
}

TEST(SmallerScenarioPlans, LeaveOutHoldsThenDetailsThenClientsThenFaults) {
  const auto held = *held_plan(plan(), {.holds = {hold(HuntPhase::stop)}});
  EXPECT_THAT(steps_of(held),
              ElementsAre("without the hold 3", "for the 1st time at app::push(int)+0x1f",
                          "for any thread at app::push(int)+0x1f",
                          "for 8 ms at app::push(int)+0x1f", "without the clients of \"readers\"",
                          "with the first half of the clients of \"readers\"",
                          "with the second half of the clients of \"readers\"",
                          "without the clients of \"writers\"", "without fault 1"));
}

TEST(SmallerScenarioPlans, TakenOneAfterTheOtherEndWithTheStopAndOneClient) {
  auto smallest =
      *held_plan(plan(), {.holds = {hold(HuntPhase::stop), hold(HuntPhase::run, true)}});
  int taken = 0;
  for (auto steps = smaller_plans(smallest); !steps.empty(); steps = smaller_plans(smallest)) {
    smallest = steps.back().plan;  // the least that a step can leave out
    ASSERT_LT(++taken, 50);
    ASSERT_TRUE(plan_from_json(to_json(smallest), "plan.json").has_value());
  }
  EXPECT_EQ(smallest.faults.size(), 1U);
  EXPECT_EQ(planned_clients(smallest).size(), 1U);
  EXPECT_THAT(steps_of(plan()), Contains("without fault 1"));
}

}  // namespace
}  // namespace lastcall::held_plan_test
