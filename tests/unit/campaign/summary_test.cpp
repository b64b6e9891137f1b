#include "campaign/summary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.hpp"
#include "campaign/exit_codes.hpp"
#include "campaign/prompt_exit.hpp"
#include "campaign/statistics.hpp"
#include "scenario/properties.hpp"
#include "scenario/scenario.hpp"

namespace lastcall {
namespace {

class Summary : public ::testing::Test {
 protected:
  Scenario wanted_;
  CampaignSummary campaign_;
  ScenarioSummary& scenario_ = campaign_.scenarios.emplace_back();

  TrialSummary& trial(Outcome outcome, const std::string& property = "serves",
                      std::string reason = "") {
    auto& trial = scenario_.trials.emplace_back();
    trial.number = static_cast<std::uint32_t>(scenario_.trials.size());
    trial.verdicts.push_back(
        {.property = property, .outcome = outcome, .judged = 2, .reason = std::move(reason)});
    return trial;
  }
  const PropertySummary& serves() {
    summarise(scenario_, wanted_);
    return scenario_.properties.at(0);
  }
  int code() {
    summarise(scenario_, wanted_);
    return exit_code(campaign_);
  }
};

TEST_F(Summary, CountsTrialsAndItemsOfEveryProperty) {
  for (const auto outcome :
       {Outcome::pass, Outcome::pass, Outcome::fail, Outcome::unknown, Outcome::not_applicable}) {
    trial(outcome);
  }
  EXPECT_EQ(serves().pass, 2U);
  EXPECT_EQ(serves().fail, 1U);
  EXPECT_EQ(serves().unknown, 1U);
  EXPECT_EQ(serves().not_applicable, 1U);
  EXPECT_EQ(serves().judged, 10U);
  EXPECT_EQ(serves().failing_trials, std::vector<std::uint32_t>{3});
  EXPECT_EQ(scenario_.properties.size(), kProperties.size());
}
TEST_F(Summary, WhatIsExcusedIsNotedAndNoFailure) {
  auto& hung = trial(Outcome::fail, "deadline", "still running");
  hung.verdicts.push_back({.property = "clean-exit",
                           .outcome = Outcome::fail,
                           .judged = 1,
                           .consequence_of = "deadline"});
  trial(Outcome::pass, "deadline");
  EXPECT_EQ(code(), exit_codes::kFailed);
  EXPECT_EQ(excuse(scenario_, wanted_, "deadline", "it may wait"), 1U);
  EXPECT_EQ(code(), exit_codes::kHeld);
  EXPECT_TRUE(scenario_.findings.empty());
  const auto deadline = std::ranges::find(scenario_.properties, "deadline", &PropertySummary::name);
  ASSERT_EQ(deadline->noted.size(), 1U);
  EXPECT_EQ(deadline->noted[0].why, "still running (it may wait)");
  EXPECT_EQ(excuse(scenario_, wanted_, "deadline", "it may wait"), 0U);
}
TEST_F(Summary, OnlyThatPropertyIsExcused) {
  auto& crashed = trial(Outcome::fail, "no-panic", "SIGSEGV");
  crashed.verdicts.push_back({.property = "deadline",
                              .outcome = Outcome::fail,
                              .judged = 1,
                              .consequence_of = "no-panic"});
  EXPECT_EQ(excuse(scenario_, wanted_, "deadline", "it may wait"), 0U);
  EXPECT_EQ(code(), exit_codes::kFailed);
}
TEST_F(Summary, TheBoundCountsOnlyTrialsThatJudged) {
  for (int i = 0; i < 20; ++i) trial(Outcome::pass);
  for (int i = 0; i < 20; ++i) trial(Outcome::not_applicable);
  EXPECT_DOUBLE_EQ(serves().upper_bound, upper_bound(0, 20));
}
TEST_F(Summary, TheFirstFailuresReasonComesBeforeUnknowns) {
  trial(Outcome::unknown, "serves", "lost");
  EXPECT_EQ(serves().first_reason, "lost");
  trial(Outcome::fail, "serves", "first");
  trial(Outcome::fail, "serves", "second");
  trial(Outcome::unknown, "serves", "late");
  EXPECT_EQ(serves().first_reason, "first");
}
TEST_F(Summary, NamesAsManyFailingTrialsAsItCounts) {
  for (int i = 0; i < 30; ++i) trial(Outcome::fail);
  EXPECT_EQ(serves().failing_trials.size(), 30U);
  EXPECT_EQ(serves().fail, 30U);
}
TEST_F(Summary, SaysWhyNothingWasJudged) {
  trial(Outcome::not_applicable, "serves", "first");
  trial(Outcome::not_applicable, "serves", "second");
  EXPECT_EQ(serves().why_not_judged, "first");
  EXPECT_EQ(serves().first_reason, "");
}
TEST_F(Summary, SaysWhatMadeItUndecided) {
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  EXPECT_EQ(why_not_decided(campaign_), std::vector<std::string>{"no property held in any trial"});
  trial(Outcome::pass);
  EXPECT_EQ(code(), exit_codes::kHeld);
  EXPECT_TRUE(why_not_decided(campaign_).empty());
  wanted_.required = {"deadline", "recovers"};
  trial(Outcome::unknown);
  trial(Outcome::unknown, "recovers");
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  EXPECT_EQ(why_not_decided(campaign_),
            (std::vector<std::string>{"unknown, by trials: serves in 1, recovers in 1",
                                      "required, and never judged: deadline"}));
}
TEST_F(Summary, SaysWhatIsSwitchedOffAndRequired) {
  wanted_.properties["serves"].judged = false;
  wanted_.properties["serves"].why = "no endpoint";
  wanted_.required = {"deadline"};
  EXPECT_EQ(serves().switched_off, "no endpoint");
  EXPECT_FALSE(serves().required);
  EXPECT_TRUE(scenario_.properties.at(4).required);
  EXPECT_FALSE(scenario_.properties.at(1).configured);
  wanted_.properties["no-panic"].configured = true;
  serves();
  EXPECT_TRUE(scenario_.properties.at(1).configured);
}
TEST_F(Summary, SaysWhyATracedTargetsPanicsCouldNotBeSeen) {
  trial(Outcome::not_applicable, "no-masked-panic", "this trial ran untraced").traced = false;
  trial(Outcome::not_applicable, "no-masked-panic", "server: no symbols");
  wanted_.target.trace = false;
  serves();
  EXPECT_EQ(scenario_.properties.at(2).over_campaign, "");
  wanted_.target.trace = true;
  serves();
  EXPECT_EQ(scenario_.properties.at(2).over_campaign, "server: no symbols");
  EXPECT_EQ(scenario_.properties.at(2).why_not_judged, "server: no symbols");
}
TEST_F(Summary, WhatFailsOnlyUntracedIsSaid) {
  for (int i = 1; i <= 20; ++i)
    trial(i % 8 == 0 ? Outcome::fail : Outcome::pass).traced = i % 4 != 0;
  EXPECT_EQ(serves().only_untraced, "fails only untraced: 2 of 5 untraced, 0 of 15 traced");
  EXPECT_EQ(scenario_.untraced, 5U);
  trial(Outcome::unknown);
  trial(Outcome::not_applicable).traced = false;
  EXPECT_EQ(serves().only_untraced, "fails only untraced: 2 of 5 untraced, 0 of 15 traced");
  trial(Outcome::fail).broken = "no port";
  EXPECT_NE(serves().only_untraced, "");
  trial(Outcome::fail);
  EXPECT_EQ(serves().only_untraced, "");
}
TEST_F(Summary, NothingFailsOnlyUntracedIfNoTracedTrialJudgedIt) {
  trial(Outcome::fail).traced = false;
  trial(Outcome::unknown);
  EXPECT_EQ(serves().only_untraced, "");
  wanted_.target.trace = false;
  EXPECT_EQ(serves().only_untraced, "");
  EXPECT_EQ(scenario_.untraced, 0U);
}
TEST_F(Summary, ATracedTrialsReasonComesFirst) {
  trial(Outcome::fail, "serves", "untraced").traced = false;
  EXPECT_EQ(serves().first_reason, "untraced");
  trial(Outcome::fail, "serves", "traced");
  trial(Outcome::fail, "serves", "late");
  EXPECT_EQ(serves().first_reason, "traced");
  EXPECT_EQ(scenario_.findings.at(0).reason, "traced");
}
TEST_F(Summary, WhatOnlyTheTracerJudgesNeedNotBeJudgedInUntracedTrials) {
  wanted_.required = {"no-masked-panic"};
  trial(Outcome::pass, "no-masked-panic");
  trial(Outcome::not_applicable, "no-masked-panic", "this trial ran untraced").traced = false;
  EXPECT_EQ(code(), exit_codes::kHeld);
  EXPECT_EQ(scenario_.properties.at(2).over_campaign, "");
  scenario_.trials.erase(scenario_.trials.begin());
  EXPECT_EQ(code(), exit_codes::kNotJudged);
}
TEST_F(Summary, BrokenTrialsCountForNothing) {
  trial(Outcome::fail).broken = "no port";
  EXPECT_EQ(serves().fail, 0U);
  EXPECT_EQ(serves().upper_bound, 1);
}

TEST_F(Summary, NamesTheHabitsOfACrowdThatNoStopMet) {
  using Names = std::vector<std::string>;
  wanted_.clients.resize(1);
  wanted_.clients[0].protocol = Protocol::http;
  trial(Outcome::pass);
  serves();
  EXPECT_EQ(scenario_.not_tried, Names{}) << "nobody looked";
  trial(Outcome::pass).habits = Names{"idle"};
  trial(Outcome::pass).habits = Names{"late", "silent"};
  serves();
  EXPECT_EQ(scenario_.not_tried, (Names{"leaves", "slow-reader", "never-closes", "reset"}));
  wanted_.clients[0].protocol = Protocol::wss;
  serves();
  EXPECT_EQ(scenario_.not_tried,
            (Names{"leaves", "quiet", "slow-reader", "never-closes", "reset"}));
}
TEST_F(Summary, AddsUpWhatWasNotJudgedByItsReason) {
  for (int i = 0; i < 2; ++i)
    trial(Outcome::pass).verdicts[0].not_judged = {{"whose bytes waited", 3}, {"sent late", 1}};
  trial(Outcome::not_applicable).verdicts[0].not_judged = {{"sent late", 5}};
  EXPECT_EQ(serves().not_judged,
            (std::vector<Counted>{{"whose bytes waited", 6}, {"sent late", 7}}));
}
TEST_F(Summary, AddsUpWhatPassesExcusedSoThatItsGrowthShows) {
  for (const std::uint64_t excused : {3U, 300U}) {
    trial(Outcome::pass, "serves", "said in a trial's own report").verdicts[0].noted = {
        {"excused by KeyError", excused}};
  }
  EXPECT_EQ(serves().noted, (std::vector<Counted>{{"excused by KeyError", 303}}));
}

TEST_F(Summary, FindsACauseOnceAndWhatFailedWithoutIt) {
  const auto consequence = [](TrialSummary& trial, const std::string& property) {
    trial.verdicts.push_back({.property = property,
                              .outcome = Outcome::fail,
                              .judged = 1,
                              .reason = property + " too",
                              .consequence_of = "deadline"});
  };
  consequence(trial(Outcome::fail, "deadline", "hangs"), "released");
  auto& second = trial(Outcome::fail, "deadline", "hangs elsewhere");
  consequence(second, "released");
  consequence(second, "clean-exit");
  trial(Outcome::fail, "released", "a child is left");
  trial(Outcome::pass, "released");
  trial(Outcome::fail, "clean-exit").broken = "no port";
  EXPECT_EQ(code(), exit_codes::kBroken);
  const auto& found = scenario_.findings;
  using Numbers = std::vector<std::uint32_t>;
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].property, "deadline");
  EXPECT_EQ(found[0].reason, "hangs");
  EXPECT_EQ(found[0].trials, (Numbers{1, 2}));
  EXPECT_EQ(found[0].consequences,
            (std::vector<Consequence>{{"released", "released too", {1, 2}},
                                      {"clean-exit", "clean-exit too", {2}}}));
  EXPECT_EQ(found[1].property, "released");
  EXPECT_EQ(found[1].reason, "a child is left");
  EXPECT_EQ(found[1].trials, (Numbers{3}));
  EXPECT_TRUE(found[1].consequences.empty());
  // A consequence counts as a failure of its property.
  const auto& released =
      *std::ranges::find(scenario_.properties, "released", &PropertySummary::name);
  EXPECT_EQ(released.fail, 3U);
  EXPECT_EQ(released.first_reason, "released too");
  EXPECT_EQ(released.failing_trials, (Numbers{1, 2, 3}));
}

TEST_F(Summary, AFindingQuotesATracedTrialIfThereIsOne) {
  trial(Outcome::fail, "deadline", "still running").traced = false;
  trial(Outcome::fail, "deadline", "hangs in flush()");
  trial(Outcome::fail, "deadline", "hangs in close()");
  EXPECT_EQ(code(), exit_codes::kFailed);
  ASSERT_EQ(scenario_.findings.size(), 1U);
  EXPECT_EQ(scenario_.findings[0].reason, "hangs in flush()");
  EXPECT_EQ(scenario_.findings[0].trials, (std::vector<std::uint32_t>{1, 2, 3}));
}

class SilentGroups : public Summary {
 protected:
  SilentGroups() { wanted_.clients.resize(2); }
  // So many trials in which the groups were heard like this; a property held in each.
  void trials(int count, GroupAnswers first, GroupAnswers second = GroupAnswers::talking) {
    for (int i = 0; i < count; ++i) trial(Outcome::pass).answers = {first, second};
  }
  std::string silent() {
    summarise(scenario_, wanted_);
    std::string text;
    for (const auto& group : scenario_.silent) text += group.group + ": " + group.what + "\n";
    return text;
  }
};

TEST_F(SilentGroups, NobodyAnsweredInAnyTrialIsNotAllRight) {
  wanted_.clients[1].name = "orders";
  trials(3, GroupAnswers::talking, GroupAnswers::unanswered);
  trials(1, GroupAnswers::not_asked, GroupAnswers::not_asked);
  EXPECT_EQ(silent(),
            "clients \"orders\": no client was answered in any of 3 trials: look at url, opening, "
            "message and ack (behaviour = \"quiet\" if the target owes no answer), or let the stop "
            "come later ([[faults]] when)\n");
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  trials(1, GroupAnswers::talking, GroupAnswers::gone_lately);
  EXPECT_EQ(silent(), "");
  EXPECT_EQ(code(), exit_codes::kHeld);
}
TEST_F(SilentGroups, WhereServesFailedForItThatIsWhereToLook) {
  wanted_.clients[0].name = "orders";
  wanted_.clients[1].protocol = Protocol::http;
  for (int i = 0; i < 2; ++i) {
    trial(Outcome::fail, "serves",
          "1 of 1 requests were cut off, first: clients \"orders\", client 1")
        .answers = {GroupAnswers::unanswered, GroupAnswers::unanswered};
  }
  EXPECT_EQ(silent(),
            "clients \"orders\": no client got a complete answer in 2 trials; see serves\n"
            "clients #2: no client was answered in any of 2 trials: look at url, message and "
            "status, or let the stop come later ([[faults]] when)\n");
}
TEST_F(SilentGroups, WhatTheTargetSaidInPlaceOfAnAnswerIsQuoted) {
  trials(3, GroupAnswers::talking, GroupAnswers::unanswered);
  scenario_.trials[1].heard_instead = {"other", "-NOAUTH"};
  scenario_.trials[2].heard_instead = {"", "-BUSY"};
  EXPECT_EQ(silent(),
            "clients #2: no client was answered in any of 3 trials (the target said \"-NOAUTH\"): "
            "look at url, opening, message and ack (behaviour = \"quiet\" if the target owes no "
            "answer), or let the stop come later ([[faults]] when)\n");
  for (auto& trial : scenario_.trials) trial.only_refusals = {0, 401};
  EXPECT_EQ(silent(),
            "clients #2: every answer was 401 in 3 of 3 trials (the target said \"-NOAUTH\"): say "
            "status = 401 if that is right, headers that log in, or another url\n");
}
TEST_F(SilentGroups, AnAnswerThatIsAlwaysTheSame4xxIsNotAllRight) {
  trials(3, GroupAnswers::talking);
  for (auto& trial : scenario_.trials) trial.only_refusals = {0, 404};
  EXPECT_EQ(silent(),
            "clients #2: every answer was 404 in 3 of 3 trials: say status = 404 if that is right, "
            "or another url\n");
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  // One trial is enough: no property judged these answers.
  trials(7, GroupAnswers::not_asked, GroupAnswers::not_asked);
  for (auto& trial : scenario_.trials) trial.only_refusals = {0, 0};
  scenario_.trials[4].only_refusals = {0, 401};
  EXPECT_EQ(
      silent(),
      "clients #2: every answer was 401 in 1 of 10 trials: say status = 401 if that is right, "
      "headers that log in, or another url\n");
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  scenario_.trials[4].broken = "no port";
  EXPECT_EQ(silent(), "");
  scenario_.trials[4].broken = "";
  wanted_.properties["serves"].judged = false;
  EXPECT_EQ(silent(), "");
}
TEST_F(SilentGroups, WhoHadGoneInHalfOfTheTrialsIsNotAllRight) {
  trials(2, GroupAnswers::fell_silent);
  trials(2, GroupAnswers::talking);
  EXPECT_EQ(silent(),
            "clients #1: the last client had gone a long time before the stop in 2 of 4 trials, "
            "with more to say: look at how its connections end (--keep all, history.jsonl), or set "
            "reconnect\n");
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  trials(1, GroupAnswers::gone_lately);
  EXPECT_EQ(silent(), "");
  EXPECT_EQ(code(), exit_codes::kHeld);
}
TEST_F(SilentGroups, WhoWaitedInHalfOfTheTrialsIsNotAllRight) {
  trials(2, GroupAnswers::stalled);
  trials(1, GroupAnswers::talking);
  trials(1, GroupAnswers::fell_silent);
  EXPECT_EQ(silent(),
            "clients #1: no client was answered for a long time before the stop in 2 of 4 trials, "
            "and all clients that were left waited: look at what the target did (--keep all, "
            "history.jsonl); if an answer may take that long, make load in [budget] longer\n");
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  trials(3, GroupAnswers::talking);
  EXPECT_EQ(silent(), "");
  EXPECT_EQ(code(), exit_codes::kHeld);
}
TEST_F(SilentGroups, BytesWithoutAMessageAreNotAllRight) {
  auto& group = wanted_.clients[0];
  group.protocol = Protocol::tcp;
  group.mix = {{Behaviour::steady, 1}};
  group.message = {""};
  EXPECT_EQ(silent(), "") << "there was no trial";
  trials(2, GroupAnswers::not_asked);
  const std::string nothing = "clients #1: its clients ask for nothing: add message and ack, or ";
  EXPECT_EQ(silent(), nothing + "behaviour = \"silent\" if that is meant\n");
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  group.opening = {{.send = "hello", .expect = ""}};
  EXPECT_EQ(silent(), nothing + "behaviour = \"quiet\" if that is meant\n");
  group.opening.push_back({.send = "", .expect = "220"});
  EXPECT_EQ(silent(), "");
  group.opening.clear();
  group.during_drain = true;
  EXPECT_EQ(silent(), "");
  group.during_drain = false;
  for (const auto behaviour : {Behaviour::silent, Behaviour::quiet, Behaviour::never_closes}) {
    group.mix = {{behaviour, 1}};
    EXPECT_EQ(silent(), "");
  }
  group.mix = {{Behaviour::steady, 1}};
  group.message = {"PING\r\n"};
  EXPECT_EQ(silent(), "");
  EXPECT_EQ(code(), exit_codes::kHeld);
}
TEST_F(SilentGroups, WhereMostStopsComeBeforeTheLoadChanceSaysNothing) {
  trials(2, GroupAnswers::unanswered);
  trials(2, GroupAnswers::not_asked);
  EXPECT_NE(silent(), "");
  trials(1, GroupAnswers::not_asked);
  EXPECT_EQ(silent(), "");
}
TEST_F(SilentGroups, AFailureComesFirst) {
  trials(3, GroupAnswers::unanswered);
  trial(Outcome::fail);
  EXPECT_EQ(code(), exit_codes::kFailed);
}
TEST_F(SilentGroups, BrokenAndOlderTrialsSayNothing) {
  trials(2, GroupAnswers::unanswered);
  for (auto& trial : scenario_.trials) trial.broken = "no port";
  trial(Outcome::pass);
  EXPECT_EQ(silent(), "");
}
TEST_F(SilentGroups, WhoSwitchesServesOffHasSaidThatNobodyIsServed) {
  trials(2, GroupAnswers::unanswered);
  wanted_.properties["serves"].judged = false;
  EXPECT_EQ(silent(), "");
}

class PromptExitSummary : public Summary {
 protected:
  // So many trials whose target idled so long, and waited for a time so long, if that was seen.
  void trials(int count, int idle, std::optional<int> waited) {
    for (int i = 0; i < count; ++i) {
      auto& one = trial(Outcome::not_applicable, "prompt-exit", "judged over a campaign");
      one.idle_tail = std::chrono::milliseconds(idle);
      if (!waited) continue;
      one.idle_waits = {std::chrono::milliseconds(*waited),
                        *waited == 0 ? "" : "it waited " + std::to_string(*waited)};
    }
  }
  const PropertySummary& prompt_exit() {
    summarise(scenario_, wanted_);
    return *std::ranges::find(scenario_.properties, "prompt-exit", &PropertySummary::name);
  }
};

TEST_F(PromptExitSummary, FailsIfMoreThanAQuarterOfTheTrialsWaited) {
  trials(15, 5, 0);
  trials(4, 90, 90);
  trials(1, 95, 95);
  EXPECT_EQ(prompt_exit().fail, 0U);
  EXPECT_EQ(prompt_exit().pass, 20U);
  EXPECT_EQ(prompt_exit().judged, 20U);
  EXPECT_EQ(code(), exit_codes::kHeld);
  trials(1, 90, 90);
  trials(1, 91, 91);
  EXPECT_EQ(prompt_exit().fail, 7U);
  EXPECT_EQ(prompt_exit().pass, 15U);
  EXPECT_EQ(prompt_exit().failing_trials, (std::vector<std::uint32_t>{20, 22, 16, 17, 18, 19, 21}));
  EXPECT_EQ(prompt_exit().first_reason,
            "it waited 95; such waits held the exit up for more than 40 ms in 7 of 22 traced "
            "trials; idle time before the exit: p50 5.00 ms, p75 90.0 ms, p90 90.0 ms (22 trials)");
  EXPECT_EQ(prompt_exit().upper_bound, 1);
  const auto property = prompt_exit();
  ASSERT_EQ(scenario_.findings.size(), 1U);
  EXPECT_EQ(scenario_.findings[0].reason, property.first_reason);
  EXPECT_EQ(scenario_.findings[0].trials, property.failing_trials);
  EXPECT_EQ(code(), exit_codes::kFailed);
}
TEST_F(PromptExitSummary, IdleTimeWithoutAWaitIsShownAndNoFailure) {
  trials(20, 90, 0);
  EXPECT_EQ(prompt_exit().fail, 0U);
  EXPECT_EQ(prompt_exit().pass, 20U);
  EXPECT_EQ(prompt_exit().over_campaign,
            "idle time before the exit: p50 90.0 ms, p75 90.0 ms, p90 90.0 ms (20 trials)");
}
TEST_F(PromptExitSummary, FewerThanFiveTrialsSayNothing) {
  trials(1, 500, 500);
  EXPECT_EQ(prompt_exit().why_not_judged,
            "measured in 1 trial, needs at least 5: run more (--trials)");
  scenario_.trials.clear();
  trials(4, 500, 500);
  trial(Outcome::not_applicable, "prompt-exit");
  EXPECT_EQ(prompt_exit().not_applicable, 5U);
  EXPECT_EQ(prompt_exit().judged, 0U);
  EXPECT_EQ(prompt_exit().over_campaign, "measured in 4 trials, needs at least 5");
  wanted_.required = {"prompt-exit"};
  trial(Outcome::pass);
  EXPECT_EQ(code(), exit_codes::kNotJudged);
}
TEST_F(PromptExitSummary, SaysWhatHeldTheLongestUp) {
  trials(19, 90, 90);
  trials(1, 500, 500);
  scenario_.trials.back().idle_held_by = "held by 1 connection idle after an answer";
  EXPECT_THAT(prompt_exit().first_reason,
              ::testing::EndsWith("; in the longest, held by 1 connection idle after an answer"));
}
TEST_F(PromptExitSummary, WaitsThatNobodySawAreNoPass) {
  trials(20, 90, std::nullopt);
  trials(2, 5, 0);
  EXPECT_EQ(prompt_exit().pass, 0U);
  EXPECT_EQ(prompt_exit().not_applicable, 22U);
  EXPECT_EQ(prompt_exit().why_not_judged,
            "how the target waited was seen in 2 trials, needs at least 3: set trace = true, or "
            "a bound (within); idle time before the exit: p50 90.0 ms, p75 90.0 ms, p90 90.0 ms "
            "(22 trials)");
  trials(1, 90, 90);
  EXPECT_EQ(prompt_exit().fail, 1U) << "of three that were seen";
  EXPECT_EQ(prompt_exit().judged, 3U);
  EXPECT_EQ(prompt_exit().not_applicable, 20U);
}
TEST_F(PromptExitSummary, WithinIsTheScenariosAndABoundOnIdleTime) {
  trials(20, 90, 0);
  settings<property::PromptExit>(wanted_).within = std::chrono::milliseconds(100);
  EXPECT_EQ(prompt_exit().fail, 0U);
  settings<property::PromptExit>(wanted_).within = std::chrono::milliseconds(80);
  EXPECT_EQ(prompt_exit().fail, 20U);
  EXPECT_EQ(prompt_exit().first_reason,
            "idle longer than 80 ms in 20 of 20 trials; idle time before the exit: p50 90.0 ms, "
            "p75 90.0 ms, p90 90.0 ms (20 trials)");
  trials(1, 85, 85);
  EXPECT_TRUE(prompt_exit().first_reason.starts_with("it waited 85; idle longer than 80 ms in 21"));
}
TEST_F(PromptExitSummary, LeavesOutBrokenTrialsAndWhatIsSwitchedOff) {
  trials(20, 90, 90);
  for (auto& trial : scenario_.trials) trial.broken = "no port";
  EXPECT_EQ(prompt_exit().fail, 0U);
  for (auto& trial : scenario_.trials) trial.broken = "";
  wanted_.properties["prompt-exit"].judged = false;
  wanted_.properties["prompt-exit"].why = "it polls";
  for (auto& trial : scenario_.trials) trial.verdicts.clear();
  EXPECT_EQ(prompt_exit().fail, 0U);
  EXPECT_EQ(prompt_exit().over_campaign, "");
}
TEST_F(PromptExitSummary, ATrialThatCouldNotBeSeenIsUnknown) {
  trials(20, 5, 0);
  trial(Outcome::unknown, "prompt-exit", "events of trial were lost").idle_tail =
      std::chrono::milliseconds(1);
  EXPECT_EQ(prompt_exit().unknown, 1U);
  EXPECT_EQ(code(), exit_codes::kNotJudged);
}
TEST_F(PromptExitSummary, TooFewBecauseLastcallLaggedIsUnknown) {
  const auto spoil = [&](int count) {
    for (int i = 0; i < count; ++i) {
      trial(Outcome::not_applicable, "prompt-exit").verdicts.back().not_judged = {
          {"in which lastcall itself lagged", 1}};
    }
  };
  settings<property::PromptExit>(wanted_).within = std::chrono::milliseconds(100);
  trials(1, 5, 0);
  spoil(3);
  EXPECT_EQ(prompt_exit().unknown, 0U) << "more trials are needed anyway";
  EXPECT_EQ(prompt_exit().not_applicable, 4U);
  EXPECT_THAT(prompt_exit().not_judged,
              ::testing::ElementsAre(Counted{"in which lastcall itself lagged", 3}));
  spoil(1);
  EXPECT_EQ(prompt_exit().unknown, 4U);
  EXPECT_EQ(prompt_exit().not_applicable, 1U);
  EXPECT_EQ(prompt_exit().first_reason,
            "measured in 1 trial, needs at least 5; not judged: 4 in which lastcall itself lagged");
  trials(4, 5, 0);
  EXPECT_EQ(prompt_exit().pass, 5U) << "enough without them";
  EXPECT_EQ(prompt_exit().unknown, 0U);
}

TEST(PromptExit, WhatIsAsLongAsTheLimitIsNotTooLong) {
  constexpr auto kLimit = std::chrono::milliseconds(40);
  std::vector<IdleTrial> trials(10, {1, kLimit, IdleWaits{kLimit, "it waited"}});
  EXPECT_EQ(judge_prompt_exit(trials, kLimit).outcome, Outcome::pass);
  EXPECT_EQ(judge_prompt_exit(trials, std::nullopt).outcome, Outcome::pass);
  for (auto& trial : trials) *trial.tail += Nanoseconds(1);
  EXPECT_EQ(judge_prompt_exit(trials, kLimit).outcome, Outcome::fail);
  EXPECT_EQ(judge_prompt_exit(trials, std::nullopt).outcome, Outcome::pass);
  for (auto& trial : trials) trial.waits->length += Nanoseconds(1);
  EXPECT_EQ(judge_prompt_exit(trials, std::nullopt).outcome, Outcome::fail);
  EXPECT_EQ(judge_prompt_exit({}, kLimit).outcome, Outcome::not_applicable);
}
// The claim of campaign/prompt_exit.hpp, tried: campaigns of 20 trials.
TEST(PromptExit, CatchesALoopThatPollsAndHardlyEverWhatEndsByChance) {
  Prng random(7);
  int caught = 0;
  int blamed = 0;
  for (int campaign = 0; campaign < 2'000; ++campaign) {
    std::vector<IdleTrial> polling;
    std::vector<IdleTrial> orderly;
    for (std::uint32_t trial = 1; trial <= 20; ++trial) {
      polling.push_back(
          {trial, std::nullopt, IdleWaits{Nanoseconds(random.between(0, 100'000'000)), "it"}});
      const bool by_chance = random.between(1, 10) == 1;
      orderly.push_back(
          {trial, std::nullopt, IdleWaits{Nanoseconds(by_chance ? 60'000'000 : 0), "it"}});
    }
    if (judge_prompt_exit(polling, std::nullopt).outcome == Outcome::fail) ++caught;
    if (judge_prompt_exit(orderly, std::nullopt).outcome == Outcome::fail) ++blamed;
  }
  EXPECT_GE(caught, 1'985);
  EXPECT_LE(blamed, 40);
}

TEST_F(Summary, ExitsWithTheFirstCodeThatMatches) {
  trial(Outcome::pass);
  EXPECT_EQ(code(), exit_codes::kHeld);
  trial(Outcome::not_applicable);
  EXPECT_EQ(code(), exit_codes::kHeld);
  trial(Outcome::unknown);
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  trial(Outcome::fail);
  EXPECT_EQ(code(), exit_codes::kFailed);
  trial(Outcome::pass).broken = "no port";
  EXPECT_EQ(code(), exit_codes::kBroken);
}
TEST_F(Summary, ARequiredPropertyMustHaveBeenJudged) {
  trial(Outcome::pass);
  wanted_.required = {"deadline"};
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  trial(Outcome::not_applicable, "deadline");
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  trial(Outcome::pass, "deadline");
  EXPECT_EQ(code(), exit_codes::kHeld);
}
TEST_F(Summary, ACampaignThatJudgedNothingDidNotHold) {
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  trial(Outcome::not_applicable);
  EXPECT_EQ(code(), exit_codes::kNotJudged);
  EXPECT_EQ(exit_code(CampaignSummary{}), exit_codes::kNotJudged);
}

}  // namespace
}  // namespace lastcall
