// What a fuzzer's bytes become is neither refused by the first parser nor always the same.
#include <gmock/gmock.h>

#include <set>

#include "base/prng.hpp"
#include "checkers/checkers.hpp"
#include "fuzz/history_grammar.hpp"
#include "fuzz/scenario_grammar.hpp"
#include "scenario/properties.hpp"

namespace lastcall {
namespace {

using ::testing::Contains;
using ::testing::Ge;
using ::testing::SizeIs;

std::vector<std::uint8_t> random_bytes(std::uint64_t seed, std::size_t size) {
  Prng random(seed);
  std::vector<std::uint8_t> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.between(0, 255));
  return bytes;
}

std::optional<Plan> planned(std::uint64_t seed) {
  const auto bytes = random_bytes(seed, 600);
  fuzz::Choices choices(bytes.data(), bytes.size());
  const auto text = fuzz::scenario_of(choices);
  const auto parsed = parse_scenario(text, "s.toml");
  const auto* scenario = std::get_if<Scenario>(&parsed);
  if (scenario == nullptr) return std::nullopt;
  return draw_plan("s.toml", text, *scenario, seed);
}

TEST(ScenarioGrammar, MakesAValidScenarioOfNoBytesAtAll) {
  fuzz::Choices choices(nullptr, 0);
  const auto parsed = parse_scenario(fuzz::scenario_of(choices), "s.toml");
  EXPECT_TRUE(std::holds_alternative<Scenario>(parsed));
}

TEST(ScenarioGrammar, MakesValidScenariosOfNearlyAllBytes) {
  constexpr std::uint64_t kTried = 300;
  std::uint64_t valid = 0;
  std::set<std::size_t> acts;
  std::set<std::size_t> triggers;
  std::set<std::size_t> groups;
  std::set<std::string_view> configured;
  for (std::uint64_t seed = 0; seed < kTried; ++seed) {
    const auto plan = planned(seed);
    if (!plan) continue;
    ++valid;
    groups.insert(plan->groups.size());
    for (const auto& fault : plan->faults) {
      acts.insert(fault.act.index());
      triggers.insert(fault.when.index());
    }
    for (const auto& property : kProperties) {
      if (settings(plan->scenario, property.name).configured) configured.insert(property.name);
    }
  }
  EXPECT_GE(valid, kTried * 95 / 100);
  EXPECT_THAT(acts, SizeIs(std::variant_size_v<Act>));
  EXPECT_THAT(triggers, SizeIs(std::variant_size_v<Trigger>));
  EXPECT_THAT(configured, SizeIs(kProperties.size()));
  EXPECT_THAT(groups, Contains(3U));
}

TEST(HistoryGrammar, GivesManyPropertiesSomethingToJudge) {
  std::set<std::string> passed;
  std::set<std::string> failed;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const auto plan = planned(seed);
    if (!plan) continue;
    const auto bytes = random_bytes(seed + 1000, 900);
    fuzz::Choices choices(bytes.data(), bytes.size());
    for (const auto& verdict : judge(*plan, fuzz::history_of(*plan, choices))) {
      if (verdict.outcome == Outcome::pass) passed.insert(verdict.property);
      if (verdict.outcome == Outcome::fail) failed.insert(verdict.property);
    }
  }
  EXPECT_THAT(failed, SizeIs(Ge(6U)));
  EXPECT_THAT(passed, SizeIs(Ge(6U)));
}

}  // namespace
}  // namespace lastcall
