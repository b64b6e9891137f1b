// The same seed draws the same plan, within the scenario's ranges, and one concern does not shift
// another.
#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <csignal>

#include "base/prng.hpp"
#include "plan/plan.hpp"

namespace lastcall {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Scenario scenario() {
  Scenario result;
  result.clients.resize(2);
  result.clients[0].count = 10;
  result.clients[0].ramp = seconds(1);
  result.clients[1].count = 3;
  for (auto& group : result.clients) group.mix = {{Behaviour::steady, 3}, {Behaviour::reset, 1}};
  result.clients[0].source = SourceNetwork{0x7F010000, 16};
  result.clients[0].misbehaves = {milliseconds(5), milliseconds(9)};
  result.target.vary = {{"queue", {"10", "1000"}}};
  result.faults = {{.act = SignalChoice{.first = {SIGTERM, SIGQUIT}, .next = {}},
                    .when = WhenPhase{Phase::load, {milliseconds(0), seconds(1)}}},
                   {.act = SignalChoice{.first = {SIGUSR1},
                                        .next = {SIGTERM, SIGINT},
                                        .count = {1, 4},
                                        .gap = {milliseconds(1), milliseconds(50)}},
                    .when = WhenEvent{ClientEvent::acknowledged, {1, 40}}},
                   {.act = ActChoice{.act = DisturbNetwork{.action = NetworkAction::truncate},
                                     .at_byte = {10, 20}},
                    .when = WhenLine{"^listening", {2, 3}}},
                   {.act = ActChoice{.act = DisturbSyscall{.action = CallAction::delay},
                                     .duration = {milliseconds(20), milliseconds(50)},
                                     .count = {2, 5}},
                    .when = WhenSyscall{{.syscall = "fsync", .path = "*.db"}, {1, 30}}}};
  return result;
}

const SendSignals& signals_of(const Fault& fault) { return std::get<SendSignals>(fault.act); }

Plan plan_of(const Scenario& from, std::uint64_t seed) {
  return draw_plan("s.toml", "", from, seed);
}

TEST(Planner, LetsEveryFourthTrialRunUntracedIfToldTo) {
  auto some = scenario();
  const auto untraced = [&] {
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t trial = 1; trial <= 12; ++trial) {
      if (!draw_plan("s.toml", "", some, 7, trial).traced) numbers.push_back(trial);
    }
    return numbers;
  };
  some.target.untraced_every = 0;
  EXPECT_THAT(untraced(), ::testing::IsEmpty());
  some.target.untraced_every = 4;
  EXPECT_THAT(untraced(), ::testing::ElementsAre(4, 8, 12));
  some.target.trace = false;
  EXPECT_THAT(untraced(), ::testing::SizeIs(12));
}

RC_GTEST_PROP(Planner, DrawsWithinTheRanges, (std::uint64_t seed)) {
  const auto plan = plan_of(scenario(), seed);
  RC_ASSERT(plan.groups.size() == 2U);
  RC_ASSERT(plan.faults.size() == 4U);
  const auto& stop = signals_of(plan.faults[0]).steps;
  RC_ASSERT(stop.size() == 1U && (stop[0].signal == SIGTERM || stop[0].signal == SIGQUIT));
  const auto at = std::get<PhaseMoment>(plan.faults[0].when).after;
  RC_ASSERT(at >= seconds(0) && at <= seconds(1) && at.count() % 1000 == 0);
  const auto& storm = signals_of(plan.faults[1]).steps;
  RC_ASSERT(storm.size() >= 2U && storm.size() <= 5U && storm[0].signal == SIGUSR1);
  for (std::size_t i = 1; i < storm.size(); ++i) {
    RC_ASSERT(storm[i].signal == SIGTERM || storm[i].signal == SIGINT);
    RC_ASSERT(storm[i].after >= milliseconds(1) && storm[i].after <= milliseconds(50));
  }
  const auto nth = std::get<NthEvent>(plan.faults[1].when).nth;
  RC_ASSERT(nth >= 1U && nth <= 40U);
  const auto& network = std::get<DisturbNetwork>(plan.faults[2].act);
  RC_ASSERT(network.at_byte >= 10U && network.at_byte <= 20U);
  const auto& call = std::get<NthSyscall>(plan.faults[3].when);
  RC_ASSERT(call.nth >= 1U && call.nth <= 30U && call.path == "*.db");
  const auto& disturb = std::get<DisturbSyscall>(plan.faults[3].act);
  RC_ASSERT(disturb.duration >= milliseconds(20) && disturb.duration <= milliseconds(50));
  RC_ASSERT(disturb.count >= 2U && disturb.count <= 5U);
  const auto line = std::get<NthLine>(plan.faults[2].when);
  RC_ASSERT(line.pattern == "^listening" && line.nth >= 2U && line.nth <= 3U);
  RC_ASSERT(plan.varied.at("queue") == "10" || plan.varied.at("queue") == "1000");
}

RC_GTEST_PROP(Planner, DrawsEachClientsBehaviourMomentAndSource, (std::uint64_t seed)) {
  for (const auto& client : planned_clients(plan_of(scenario(), seed))) {
    RC_ASSERT(client.behaviour == Behaviour::steady || client.behaviour == Behaviour::reset);
    if (client.group == 0) {
      RC_ASSERT(client.misbehaves >= milliseconds(5) && client.misbehaves <= milliseconds(9));
      RC_ASSERT(client.source > 0x7F010000U && client.source < 0x7F01FFFFU);
    } else {
      RC_ASSERT(client.source == 0U);
    }
  }
}

TEST(Planner, DrawsBehavioursByTheirWeights) {
  auto many = scenario();
  many.clients.resize(1);
  many.clients[0].count = 40'000;
  const auto clients = planned_clients(plan_of(many, 3));
  const auto resets = std::ranges::count(clients, Behaviour::reset, &PlannedClient::behaviour);
  // Six standard deviations of a binomial with n = 40000, p = 1/4.
  EXPECT_NEAR(static_cast<double>(resets), 10'000, 520);
}

RC_GTEST_PROP(Planner, GivesTheSamePlanForTheSameSeed, (std::uint64_t seed)) {
  const auto one = plan_of(scenario(), seed);
  const auto two = plan_of(scenario(), seed);
  RC_ASSERT(one.groups == two.groups);
  RC_ASSERT(one.faults == two.faults);
  RC_ASSERT(one.varied == two.varied);
}

RC_GTEST_PROP(Planner, OneMoreGroupOrFaultShiftsNothingElse, (std::uint64_t seed)) {
  const auto before = plan_of(scenario(), seed);
  auto more = scenario();
  more.clients.push_back(more.clients[0]);
  more.target.vary.push_back({"other", {"a", "b"}});
  more.faults.push_back(more.faults[0]);
  const auto after = plan_of(more, seed);
  RC_ASSERT(std::equal(before.groups.begin(), before.groups.end(), after.groups.begin()));
  RC_ASSERT(std::equal(before.faults.begin(), before.faults.end(), after.faults.begin()));
  RC_ASSERT(before.varied.at("queue") == after.varied.at("queue"));
}

RC_GTEST_PROP(Planner, ChangingOnePartOfAFaultShiftsNoOther, (std::uint64_t seed)) {
  const auto before = plan_of(scenario(), seed);
  auto changed = scenario();
  std::get<SignalChoice>(changed.faults[0].act).first = {SIGTERM, SIGQUIT, SIGINT, SIGHUP};
  std::get<SignalChoice>(changed.faults[1].act).gap = {milliseconds(0), seconds(7)};
  const auto after = plan_of(changed, seed);
  RC_ASSERT(before.groups == after.groups);
  RC_ASSERT(before.faults[0].when == after.faults[0].when);
  RC_ASSERT(before.faults[1].when == after.faults[1].when);
  const auto& storm = signals_of(before.faults[1]).steps;
  const auto& same = signals_of(after.faults[1]).steps;
  RC_ASSERT(std::ranges::equal(storm, same, {}, &SignalStep::signal, &SignalStep::signal));
}

RC_GTEST_PROP(Planner, StartsEachClientInItsSlotOfTheRamp, (std::uint64_t seed)) {
  const auto clients = planned_clients(plan_of(scenario(), seed));
  RC_ASSERT(clients.size() == 13U);
  for (std::uint32_t i = 0; i < 10; ++i) {
    RC_ASSERT(clients[i].id.value == i && clients[i].group == 0U);
    RC_ASSERT(clients[i].start >= milliseconds(100) * i &&
              clients[i].start < milliseconds(100) * (i + 1));
  }
  for (std::uint32_t i = 10; i < 13; ++i) {
    RC_ASSERT(clients[i].id.value == i && clients[i].group == 1U && clients[i].start == seconds(0));
  }
}

TEST(Planner, OverridesChangeOneClientAndNoOther) {
  auto plan = plan_of(scenario(), 7);
  const auto before = planned_clients(plan);
  plan.groups[0].overrides[2].absent = true;
  plan.groups[0].overrides[4].start = seconds(9);
  const auto after = planned_clients(plan);
  ASSERT_EQ(after.size(), before.size() - 1);
  for (const auto& client : after) {
    const auto& was = before[client.id.value];
    EXPECT_NE(client.id.value, 2U);
    EXPECT_EQ(client.pace_seed, was.pace_seed);
    EXPECT_EQ(client.start, client.id.value == 4 ? seconds(9) : was.start);
  }
}

TEST(Planner, AMillionClientsOverADayDoNotOverflow) {
  Scenario large;
  large.clients.resize(1);
  large.clients[0].count = 1'000'000;
  large.clients[0].mix = {{Behaviour::steady, 1}};
  large.clients[0].ramp = std::chrono::hours(24);
  const auto clients = planned_clients(plan_of(large, 1));
  ASSERT_EQ(clients.size(), 1'000'000U);
  for (std::size_t i = 1; i < clients.size(); ++i)
    ASSERT_LE(clients[i - 1].start, clients[i].start);
  EXPECT_LT(clients.back().start, std::chrono::hours(24));
}

RC_GTEST_PROP(Prng, StaysWithinItsBounds, (std::uint64_t seed, std::uint64_t a, std::uint64_t b)) {
  const auto drawn = Prng(seed).between(std::min(a, b), std::max(a, b));
  RC_ASSERT(drawn >= std::min(a, b) && drawn <= std::max(a, b));
}

TEST(Prng, ReachesBothEndsAndTheWholeRange) {
  EXPECT_EQ(Prng(1).between(5, 5), 5U);
  EXPECT_EQ(Prng(1).between(0, UINT64_MAX), Prng(1).next());
}

TEST(Prng, FavoursNoValue) {
  Prng prng(42);
  std::array<int, 6> counts{};
  for (int i = 0; i < 60'000; ++i) ++counts[prng.between(0, 5)];
  // Six standard deviations of a binomial with n = 60000, p = 1/6.
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 550);
}

TEST(Prng, DrawsTheSameNumbersEverywhere) {
  // The published reference values of SplitMix64 for seed 1234567.
  Prng prng(1234567);
  EXPECT_EQ(prng.next(), 6457827717110365317ULL);
  EXPECT_EQ(prng.next(), 3203168211198807973ULL);
  EXPECT_EQ(prng.next(), 9817491932198370423ULL);
}

}  // namespace
}  // namespace lastcall
