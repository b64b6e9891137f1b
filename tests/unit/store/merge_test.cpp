#include "store/merge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lastcall {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint32_t kPlanned = 6;

// A part with these trials of one scenario.
CampaignPart part(const std::string& run, std::initializer_list<std::uint32_t> trials,
                  Outcome outcome = Outcome::pass) {
  CampaignPart part{.named = "part " + run, .campaign = {}};
  part.campaign.start = {.run = run,
                         .started_utc = "2026-01-31T12:00:0" + run + "Z",
                         .seed = 7,
                         .lastcall_version = "1",
                         .machine = "{}",
                         .shard = {},
                         .scenarios = {{.file = "a.toml", .hash = "h", .planned = kPlanned}}};
  part.campaign.end = CampaignEnd{.ended_utc = "2026-01-31T12:01:00Z"};
  for (const auto number : trials) {
    auto& stored = part.campaign.trials.emplace_back();
    stored.trial.number = number;
    stored.trial.trial = number;
    stored.trial.scenario = "a.toml";
    stored.trial.idle_held_by = run;  // tells the runs apart
    stored.trial.verdicts.push_back({.property = "deadline", .outcome = outcome});
  }
  return part;
}

std::vector<std::uint32_t> numbers(const MergedCampaign& merged) {
  std::vector<std::uint32_t> all;
  for (const auto& stored : merged.campaign.trials) all.push_back(stored.trial.number);
  return all;
}

TEST(Merge, PutsTrialsInTheirOrder) {
  const auto all = merged({part("2", {2, 5}), part("1", {1, 4}), part("3", {6, 3})});
  EXPECT_THAT(all.problems, IsEmpty());
  EXPECT_THAT(numbers(all), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(all.parts, ElementsAre(1, 0, 2, 1, 0, 2));
  EXPECT_THAT(all.missing, IsEmpty());
  EXPECT_FALSE(all.campaign.end->interrupted);
  EXPECT_EQ(all.campaign.start.started_utc, "2026-01-31T12:00:01Z");
}
TEST(Merge, SaysWhatIsMissing) {
  const auto all = merged({part("1", {1, 2, 6})});
  EXPECT_THAT(all.missing, ElementsAre("a.toml: 3 of 6 trials: 3 to 5"));
  EXPECT_TRUE(all.campaign.end->interrupted);
}
TEST(Merge, RefusesWhatDoesNotBelong) {
  const auto problem = [](auto change) {
    auto other = part("2", {2});
    change(other.campaign.start);
    const auto all = merged({part("1", {1}), other});
    return all.problems.size() == 1 ? all.problems.front() : "";
  };
  EXPECT_EQ(problem([](auto& start) { start.seed = 8; }),
            "part 2 does not belong to part 1: it has the seed 8, not 7");
  EXPECT_THAT(problem([](auto& start) { start.scenarios[0].hash = "g"; }),
              HasSubstr("another text of a.toml (SHA-256 g, not h)"));
  EXPECT_THAT(problem([](auto& start) { start.scenarios[0].file = "b.toml"; }),
              HasSubstr("b.toml, not a.toml"));
  EXPECT_THAT(problem([](auto& start) { start.scenarios[0].planned = 7; }), HasSubstr("7, not 6"));
  EXPECT_THAT(problem([](auto& start) { start.scenarios[0].target_build = "b"; }),
              HasSubstr("has tested in a.toml b"));
  EXPECT_THAT(problem([](auto& start) { start.lastcall_version = "2"; }), HasSubstr("lastcall 2"));
  auto endless = part("1", {1});
  endless.campaign.start.scenarios[0].planned = 0;
  EXPECT_THAT(merged({endless}).problems, ElementsAre(HasSubstr("no fixed number")));
  EXPECT_THAT(merged({}).problems, ElementsAre("there is nothing to merge"));
}
TEST(Merge, TakesOfTwoAlikeTheOneThatBeganFirst) {
  for (const bool turned : {false, true}) {
    std::vector<CampaignPart> parts{part("1", {1, 2, 3}), part("2", {3, 4, 5, 6})};
    if (turned) std::swap(parts[0], parts[1]);
    const auto all = merged(parts);
    EXPECT_THAT(numbers(all), ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_EQ(all.campaign.trials[2].trial.idle_held_by, "1");
  }
}
TEST(Merge, RefusesTwoThatEndedOtherwise) {
  const auto all = merged({part("1", {1, 2}), part("2", {2, 3}, Outcome::fail)});
  EXPECT_THAT(all.problems, ElementsAre(HasSubstr("trial 2 (a.toml) ended otherwise in part 1 than "
                                                  "in part 2")));
}
TEST(Merge, RefusesOtherNumbers) {
  auto other = part("2", {2});
  other.campaign.trials[0].trial.number = 1;
  EXPECT_THAT(merged({part("1", {1}), other}).problems, ElementsAre(HasSubstr("counts trial 1")));
}
TEST(Merge, APartThatBrokeOffDoesNotMatterOnceNothingIsMissing) {
  auto broke = part("1", {1, 2});
  broke.campaign.end->broken = "no disk";
  EXPECT_EQ(merged({broke}).campaign.end->broken, "no disk");
  EXPECT_EQ(merged({broke, part("2", {3, 4, 5, 6})}).campaign.end->broken, "");
}
TEST(Merge, KeepsWhyAScenarioHasFewerTrialsUnlessAnotherPartHasThem) {
  auto gave_up = part("1", {1, 2});
  gave_up.campaign.start.scenarios[0].gave_up = "it does not start";
  const auto alone = merged({gave_up});
  EXPECT_EQ(alone.campaign.start.scenarios[0].gave_up, "it does not start");
  EXPECT_THAT(alone.campaign.end->gave_up, ElementsAre("it does not start"));
  const auto whole = merged({gave_up, part("2", {3, 4, 5, 6})});
  EXPECT_EQ(whole.campaign.start.scenarios[0].gave_up, "");
  EXPECT_THAT(whole.campaign.end->gave_up, ElementsAre(""));
}
TEST(Merge, APartThatNeverEndedCounts) {
  auto killed = part("1", {1, 2});
  killed.campaign.end.reset();
  const auto all = merged({killed, part("2", {1, 2, 3, 4, 5, 6})});
  EXPECT_THAT(all.missing, IsEmpty());
  EXPECT_FALSE(all.campaign.end->interrupted);
}

}  // namespace
}  // namespace lastcall
