// Which clients of a crowd have which habits.
#include "plan/crowd.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "plan/plan.hpp"

namespace lastcall {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using enum Behaviour;

ClientGroup group(std::uint32_t count, Crowd crowd = Crowd::usual,
                  Protocol protocol = Protocol::ws) {
  ClientGroup group;
  group.count = count;
  group.crowd = crowd;
  group.protocol = protocol;
  group.mix = {{steady, 1}};
  return group;
}

std::map<Behaviour, std::uint32_t> counted(const ClientGroup& group, std::uint64_t seed) {
  std::map<Behaviour, std::uint32_t> counts;
  for (const auto& [position, habit] : draw_crowd(group, seed)) ++counts[habit];
  return counts;
}

TEST(Crowd, HasTheHabitsOfItsKindAndProtocol) {
  EXPECT_THAT(habits_of_crowd(group(10)), ElementsAre(idle, late, leaves, quiet));
  EXPECT_THAT(habits_of_crowd(group(10, Crowd::usual, Protocol::https)),
              ElementsAre(idle, late, leaves));
  EXPECT_THAT(habits_of_crowd(group(10, Crowd::harsh, Protocol::tcp)),
              ElementsAre(idle, late, leaves, silent, slow_reader, never_closes, reset));
  EXPECT_THAT(habits_of_crowd(group(10, Crowd::none)), IsEmpty());
}

TEST(Crowd, HasOneClientInTenOfEachHabitAndAtMostTen) {
  const auto each = [](std::uint32_t n) {
    return std::map<Behaviour, std::uint32_t>{{idle, n}, {quiet, n}, {late, n}, {leaves, n}};
  };
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(counted(group(8), seed), each(1));
    EXPECT_EQ(counted(group(10), seed), each(1));
    EXPECT_EQ(counted(group(19), seed), each(1));
    EXPECT_EQ(counted(group(20), seed), each(2));
    EXPECT_EQ(counted(group(100), seed), each(10));
    EXPECT_EQ(counted(group(1'000'000), seed), each(10));
  }
}

RC_GTEST_PROP(Crowd, KeepsAtLeastHalfOfItsClientsAsking, (std::uint64_t seed)) {
  const auto count = *rc::gen::inRange<std::uint32_t>(1, 200);
  const auto crowd = *rc::gen::element(Crowd::usual, Crowd::harsh);
  const auto drawn = draw_crowd(group(count, crowd), seed);
  RC_ASSERT(2 * drawn.size() <= count);
  for (const auto& [position, habit] : drawn) RC_ASSERT(position < count && habit != steady);
  RC_ASSERT(drawn == draw_crowd(group(count, crowd), seed));
}

TEST(Crowd, OfAFewClientsHasEveryHabitInSomeTrial) {
  for (const std::uint32_t count : {2U, 3U, 4U, 5U}) {
    std::set<Behaviour> seen;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      for (const auto& [habit, n] : counted(group(count, Crowd::harsh), seed)) seen.insert(habit);
    }
    EXPECT_EQ(seen, (std::set{idle, late, leaves, quiet, silent, slow_reader, never_closes, reset}))
        << count;
  }
  EXPECT_THAT(draw_crowd(group(1), 7), IsEmpty());
}

TEST(Crowd, IsInThePlanAndOnlyItsOtherClientsAreSteady) {
  Scenario scenario;
  scenario.clients = {group(10), group(10, Crowd::none)};
  const auto plan = draw_plan("s.toml", "", scenario, 5);
  EXPECT_EQ(plan.groups.at(0).overrides.size(), 4U);
  EXPECT_THAT(plan.groups.at(1).overrides, IsEmpty());
  std::multiset<Behaviour> habits;
  for (const auto& client : planned_clients(plan)) {
    habits.insert(client.behaviour);
    EXPECT_EQ(comes_late(scenario.clients[client.group], client.behaviour),
              client.behaviour == late);
    const bool is_soon = client.start <= std::chrono::milliseconds(100);
    EXPECT_TRUE(client.behaviour == late ? is_soon : client.start == Nanoseconds(0));
    EXPECT_EQ(client.leaves_after > 0, client.behaviour == leaves);
  }
  EXPECT_EQ(habits.count(steady), 16U);
  EXPECT_EQ(habits.count(idle) + habits.count(quiet) + habits.count(late), 3U);
  EXPECT_EQ(habits.count(leaves), 1U);
}

TEST(Crowd, WhoLeavesDoesSoAfterOneToThreeAnswers) {
  Scenario scenario;
  scenario.clients = {group(100, Crowd::none)};
  scenario.clients[0].mix = {{leaves, 1}};
  std::set<std::uint32_t> after;
  for (const auto& client : planned_clients(draw_plan("s.toml", "", scenario, 5)))
    after.insert(client.leaves_after);
  EXPECT_THAT(after, ElementsAre(1, 2, 3));
}

TEST(Crowd, StartsAsThePlanSaysWhoeverEditedIt) {
  Scenario scenario;
  scenario.clients = {group(10, Crowd::none)};
  auto plan = draw_plan("s.toml", "", scenario, 5);
  plan.groups[0].overrides[3].behaviour = late;
  plan.groups[0].overrides[3].start = std::chrono::seconds(2);
  const auto client = planned_clients(plan).at(3);
  EXPECT_EQ(client.behaviour, late);
  EXPECT_EQ(client.start, std::chrono::seconds(2));
}

TEST(LoadWindow, IsFourResponsesButAtLeastASecondAndNoLongerThanTheLoad) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  EXPECT_EQ(load_window(Nanoseconds(0), seconds(10)), seconds(1));
  EXPECT_EQ(load_window(milliseconds(250), seconds(10)), seconds(1));
  EXPECT_EQ(load_window(milliseconds(1500), seconds(10)), seconds(6));
  EXPECT_EQ(load_window(seconds(3), seconds(10)), seconds(10));
  EXPECT_EQ(load_window(Nanoseconds::max(), seconds(10)), seconds(10));
  EXPECT_EQ(load_window(Nanoseconds(0), milliseconds(300)), milliseconds(300));
}

}  // namespace
}  // namespace lastcall
