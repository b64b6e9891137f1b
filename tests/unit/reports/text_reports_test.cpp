#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pugixml.hpp>

#include "campaign/exit_codes.hpp"
#include "reports/reports.hpp"
#include "unit/reports/every_outcome.hpp"

namespace lastcall {
namespace {

using ::lastcall::testing::every_outcome;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kTerminal =
    R"~(scenarios/chat.toml: 4 of 4 trials
  property            verdict         pass  fail  unknown   n/a    judged  bound
  serves              pass               3     0        0     0       120  P(failure) ≤ 63.16 % at 95 %, 3 trials
  no-panic            off                0     0        0     0         0  it logs tracebacks
  no-masked-panic     not-judged         0     0        0     0         0
  clean-exit          fail               2     1        0     0         3  P(failure) ≤ 86.47 % at 95 %, 3 trials
  deadline            not-judged         0     0        0     0         0
  no-send-on-closed   not-judged         0     0        0     0         0
  in-flight-finished  unknown            0     0        1     2         0
  close-handshake     not-judged         0     0        0     0         0
  released            not-applicable     0     0        0     3         0
  watchdog            not-applicable     0     0        0     3         0

  clean-exit: exit 1 after SIGTERM <?&�>
    trial 2: lastcall replay 'my results/trial-2'

  in-flight-finished: events of clients-0 were lost: cut off

  watchdog: not judged: the scenario does not ask for it

  trial 4 broke: cannot lease a port

  not applicable here:
    stops-accepting: nobody came in the drain: add [[clients]]
    drains-health, notify, repeat-signal, acked-durable, recovers, checkpoint-intact, log-complete, config-effective, overhead: the scenario does not ask for it
    prompt-exit: measured in 0 trials, needs at least 5: run more (--trials)

seed 42, 12.0 s, results in my results
)~";

constexpr const char* kJunit =
    R"~(<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="scenarios/chat.toml" package="lastcall" id="0" timestamp="2026-01-31T12:00:00" hostname="localhost" time="4.500" tests="22" failures="1" errors="3" skipped="17">
    <properties>
      <property name="lastcall" value="0.1.0" />
      <property name="seed" value="42" />
      <property name="results" value="my results" />
    </properties>
    <testcase classname="scenarios/chat.toml" name="serves" time="0.900" />
    <testcase classname="scenarios/chat.toml" name="no-panic" time="0.000">
      <skipped message="switched off: it logs tracebacks" type="off" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="no-masked-panic" time="0.000">
      <skipped message="not-judged" type="not-judged" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="clean-exit" time="0.900">
      <failure message="exit 1 after SIGTERM &lt;?&amp;�>" type="clean-exit">P(failure) ≤ 86.47 % at 95 %, 3 trials
trial 2: lastcall replay 'my results/trial-2'
</failure>
    </testcase>
    <testcase classname="scenarios/chat.toml" name="deadline" time="0.000">
      <skipped message="not-judged" type="not-judged" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="no-send-on-closed" time="0.000">
      <skipped message="not-judged" type="not-judged" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="in-flight-finished" time="0.900">
      <error message="unknown: events of clients-0 were lost: cut off" type="unknown" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="close-handshake" time="0.000">
      <skipped message="not-judged" type="not-judged" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="released" time="0.900">
      <error message="required, but not-applicable" type="not-judged" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="stops-accepting" time="0.000">
      <skipped message="not-applicable: nobody came in the drain: add [[clients]]" type="not-applicable" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="drains-health" time="0.000">
      <skipped message="not-applicable: the scenario does not ask for it" type="not-applicable" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="notify" time="0.000">
      <skipped message="not-applicable: the scenario does not ask for it" type="not-applicable" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="watchdog" time="0.000">
      <skipped message="not-applicable: the scenario does not ask for it" type="not-applicable" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="repeat-signal" time="0.000">
      <skipped message="not-applicable: the scenario does not ask for it" type="not-applicable" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="acked-durable" time="0.000">
      <skipped message="not-applicable: the scenario does not ask for it" type="not-applicable" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="recovers" time="0.000">
      <skipped message="not-applicable: the scenario does not ask for it" type="not-applicable" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="checkpoint-intact" time="0.000">
      <skipped message="not-applicable: the scenario does not ask for it" type="not-applicable" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="log-complete" time="0.000">
      <skipped message="not-applicable: the scenario does not ask for it" type="not-applicable" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="prompt-exit" time="0.000">
      <skipped message="not-applicable: measured in 0 trials, needs at least 5: run more (--trials)" type="not-applicable" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="config-effective" time="0.000">
      <skipped message="not-applicable: the scenario does not ask for it" type="not-applicable" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="overhead" time="0.000">
      <skipped message="not-applicable: the scenario does not ask for it" type="not-applicable" />
    </testcase>
    <testcase classname="scenarios/chat.toml" name="trial 4" time="0.900">
      <error message="the harness or its environment broke: cannot lease a port" type="broken" />
    </testcase>
    <system-out />
    <system-err />
  </testsuite>
</testsuites>
)~";

constexpr const char* kMarkdown =
    R"~(# Shutdown report

**Not decided:** the harness or its environment broke.

lastcall 0.1.0, started 2026-01-31T12:00:00Z, 12.0 s, seed 42.

## scenarios/chat.toml

A chat server \| with \*users\*

4 of 4 trials were run.

### Failed

- **clean-exit** in 1 of 3 trials (P(failure) ≤ 86.47 % at 95 %, 3 trials): exit 1 after SIGTERM \<?&�\>
  - trial 2, to see it again: `lastcall replay 'my results/trial-2'`

### Held

| property | trials | items judged | bound |
| --- | ---: | ---: | --- |
| serves | 3 | 120 | P(failure) ≤ 63.16 % at 95 %, 3 trials |

### Not judged

- no-masked-panic: nothing to judge in any trial
- deadline: nothing to judge in any trial
- no-send-on-closed: nothing to judge in any trial
- in-flight-finished: unknown in 1 trial: events of clients-0 were lost: cut off
- close-handshake: nothing to judge in any trial
- released (required): nothing to judge in any trial
- watchdog: nothing to judge in any trial: the scenario does not ask for it
- trial 4 broke: cannot lease a port
- not applicable here:
  - stops-accepting: nobody came in the drain: add \[\[clients\]\]
  - drains-health, notify, repeat-signal, acked-durable, recovers, checkpoint-intact, log-complete, config-effective, overhead: the scenario does not ask for it
  - prompt-exit: measured in 0 trials, needs at least 5: run more (--trials)

### Switched off

- no-panic: it logs tracebacks
)~";

TEST(Terminal, IsPinned) { EXPECT_EQ(reports::terminal(every_outcome(), false), kTerminal); }
TEST(Terminal, IsNotSteeredByATarget) {
  auto campaign = every_outcome();
  campaign.scenarios[0].findings[0].reason =
      "a\x1b[2J\xC2\x9B"
      "b\x7F\xC3\xA9";
  EXPECT_THAT(reports::terminal(campaign, false), HasSubstr("clean-exit: a?[2J?b?\xC3\xA9\n"));
  // The name of a thread, which prompt-exit repeats.
  campaign.scenarios[0].properties[0].switched_off = "";
  campaign.scenarios[0].properties[0].over_campaign = "the thread \x1b[2J waited";
  EXPECT_THAT(reports::terminal(campaign, false), HasSubstr("the thread ?[2J waited"));
}
TEST(Terminal, UsesColourOnlyIfAsked) {
  EXPECT_THAT(reports::terminal(every_outcome(), true), HasSubstr("\x1b[31mfail\x1b[0m"));
  EXPECT_THAT(reports::terminal(every_outcome(), false), Not(HasSubstr("\x1b")));
}

// Trials in which these properties have this outcome and the same reason, and serves passes.
CampaignSummary alike(int trials, Outcome outcome, const std::vector<std::string>& properties,
                      const Scenario& wanted = {}) {
  CampaignSummary campaign{
      .lastcall_version = "", .started_utc = "", .results = "results", .scenarios = {}};
  ScenarioSummary scenario;
  for (int number = 1; number <= trials; ++number) {
    TrialSummary trial;
    trial.number = static_cast<std::uint32_t>(number);
    trial.verdicts = {{.property = "serves", .outcome = Outcome::pass, .judged = 1}};
    for (const auto& property : properties)
      trial.verdicts.push_back({.property = property, .outcome = outcome, .reason = "one cause"});
    scenario.trials.push_back(trial);
  }
  summarise(scenario, wanted);
  campaign.scenarios = {scenario};
  campaign.exit_code = exit_code(campaign);
  return campaign;
}

TEST(OneCause, OfManyPropertiesIsSaidOnce) {
  const auto unknown = alike(2, Outcome::unknown, {"clean-exit", "deadline", "released"});
  EXPECT_THAT(reports::terminal(unknown, false),
              HasSubstr("\n  clean-exit, deadline, released: one cause\n"));
  EXPECT_THAT(reports::markdown(unknown),
              HasSubstr("- clean-exit, deadline, released: unknown in 2 trials: one cause\n"));
  const auto failed = alike(2, Outcome::fail, {"clean-exit", "deadline"});
  EXPECT_THAT(reports::terminal(failed, false),
              HasSubstr("\n  clean-exit, deadline: one cause\n    trial 1: not kept\n"));
  EXPECT_THAT(reports::markdown(failed),
              HasSubstr("- **clean-exit**, **deadline** in 2 of 2 trials"));
}
TEST(OneCause, IsNotThatOfAnotherTrialOrReason) {
  auto failed = alike(2, Outcome::fail, {"clean-exit", "deadline"});
  auto& findings = failed.scenarios[0].findings;
  findings[1].trials = {2};
  EXPECT_THAT(reports::terminal(failed, false), HasSubstr("\n  deadline: one cause\n"));
  findings[1].trials = findings[0].trials;
  findings[1].reason = "another";
  EXPECT_THAT(reports::terminal(failed, false), HasSubstr("\n  deadline: another\n"));
}
// A hang in all three trials, whose goodbye came in the first; a wrong code in a fourth.
CampaignSummary hangs() {
  CampaignSummary campaign{
      .lastcall_version = "", .started_utc = "", .results = "results", .scenarios = {}};
  ScenarioSummary scenario;
  const auto fail = [](const char* property, const char* reason, const char* cause) {
    return Verdict{.property = property,
                   .outcome = Outcome::fail,
                   .judged = 1,
                   .reason = reason,
                   .consequence_of = cause};
  };
  for (std::uint32_t number = 1; number <= 4; ++number) {
    TrialSummary trial;
    trial.number = number;
    if (number < 4)
      trial.verdicts = {fail("clean-exit", "forced", "deadline"), fail("deadline", "hangs", "")};
    if (number == 2 || number == 3)
      trial.verdicts.push_back(fail("close-handshake", "no goodbye", "deadline"));
    if (number == 4) trial.verdicts = {fail("close-handshake", "got 1011", "")};
    scenario.trials.push_back(trial);
  }
  summarise(scenario, Scenario{});
  campaign.scenarios = {scenario};
  return campaign;
}

TEST(OneCause, IsOneFindingWithItsConsequences) {
  const auto campaign = hangs();
  const auto& findings = campaign.scenarios[0].findings;
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_THAT(reports::terminal(hangs(), false),
              HasSubstr("\n\n  deadline: hangs\n"
                        "    also failed, as a consequence: clean-exit, close-handshake (in 2 of 3 "
                        "trials)\n"
                        "      clean-exit: forced\n"
                        "    trial 1: not kept\n    trial 2: not kept\n    trial 3: not kept\n"
                        "\n  close-handshake: got 1011\n    trial 4: not kept\n\n"));
  EXPECT_THAT(reports::markdown(hangs()),
              HasSubstr("- **deadline** in 3 of 3 trials (P(failure) ≤ 100.00 % at 95 %, 3 "
                        "trials): hangs\n  - also failed, as a consequence: clean-exit, "
                        "close-handshake (in 2 of 3 trials)\n  - trial 1, not kept\n"));
  EXPECT_THAT(reports::markdown(hangs()),
              HasSubstr("- **close-handshake** in 1 of 3 trials, and in 2 as a consequence (P("));
  const auto junit = reports::junit(hangs());
  EXPECT_THAT(
      junit,
      HasSubstr("<failure message=\"consequence of deadline: forced\" type=\"clean-exit\">"));
  EXPECT_THAT(junit, HasSubstr("<failure message=\"hangs\" type=\"deadline\">"));
  EXPECT_THAT(junit, HasSubstr("<failure message=\"got 1011\" type=\"close-handshake\">"));
  EXPECT_THAT(junit, Not(HasSubstr("no goodbye")));
  const auto json = reports::json(hangs());
  EXPECT_THAT(json,
              HasSubstr(R"~("findings":[{"property":"deadline","reason":"hangs","trials":[1,2,3],)~"
                        R"~("consequences":[{"property":"clean-exit","reason":"forced",)~"
                        R"~("trials":[1,2,3]},{"property":"close-handshake",)~"
                        R"~("reason":"no goodbye","trials":[2,3]}]},)~"
                        R"~({"property":"close-handshake","reason":"got 1011","trials":[4],)~"
                        R"~("consequences":[]}])~"));
  EXPECT_THAT(json, HasSubstr(R"~("consequence_of":"deadline")~"));
  EXPECT_THAT(json, HasSubstr(R"~("failing_trials":[2,3,4],"first_reason":"no goodbye")~"));
}
TEST(OneCause, SaysNoReasonOfAConsequenceThatIsLongerThanALine) {
  auto campaign = hangs();
  campaign.scenarios[0].findings[0].consequences[0].reason = std::string(100, 'x');
  EXPECT_THAT(reports::terminal(campaign, false),
              HasSubstr("(in 2 of 3 trials)\n    trial 1: not kept\n"));
}
TEST(NotJudged, SaysWhyWhereSomebodyAskedForIt) {
  Scenario wanted;
  wanted.required = {"recovers"};
  const auto campaign = alike(1, Outcome::not_applicable, {"notify", "recovers"}, wanted);
  const auto terminal = reports::terminal(campaign, false);
  EXPECT_THAT(terminal, HasSubstr("\n  recovers: not judged: one cause\n"));
  EXPECT_THAT(terminal, HasSubstr("\n  not applicable here:\n    notify: one cause\n\nseed"));
  EXPECT_THAT(terminal, Not(HasSubstr("notify: not judged")));
  const std::string why =
      "nothing failed, but not everything could be judged: required, and never "
      "judged: recovers";
  EXPECT_THAT(terminal, ::testing::EndsWith("\nexit code 3: " + why + "\n"));
  EXPECT_THAT(reports::markdown(campaign), HasSubstr("**Not decided:** " + why + ".\n"));
  EXPECT_THAT(reports::markdown(campaign),
              HasSubstr("- recovers (required): nothing to judge in any trial: one cause\n"));
  EXPECT_THAT(reports::markdown(campaign),
              HasSubstr("\n- not applicable here:\n  - notify: one cause\n"));
  EXPECT_THAT(
      reports::junit(campaign),
      HasSubstr(
          "<error message=\"required, but not-applicable: one cause\" type=\"not-judged\" />"));
  EXPECT_THAT(reports::json(campaign), HasSubstr("\"exit_reason\":\"" + why + "\""));
}
TEST(Broken, CampaignSaysInEveryReportWhyItBrokeOff) {
  auto campaign = alike(2, Outcome::pass, {"deadline"});
  campaign.broken = "cannot conduct trials (the fork server ended)";
  campaign.exit_code = exit_code(campaign);
  EXPECT_EQ(campaign.exit_code, exit_codes::kBroken);
  const auto why = "the campaign broke off: " + campaign.broken;
  EXPECT_THAT(reports::terminal(campaign, false),
              ::testing::EndsWith("\nexit code 4: " + why + "\n"));
  EXPECT_THAT(reports::markdown(campaign),
              HasSubstr("**Not decided:** the harness or its environment broke: " + why + ".\n"));
  EXPECT_THAT(reports::json(campaign), HasSubstr("\"exit_reason\":\"" + why + "\""));
  EXPECT_THAT(reports::junit(campaign),
              HasSubstr("<error message=\"the harness or its environment broke: " +
                        campaign.broken + "\" type=\"broken\" />"));
  EXPECT_THAT(reports::junit(campaign),
              HasSubstr(" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">"));
}
TEST(Untraced, TrialsAreCountedAndMarkedInEveryReport) {
  auto campaign = alike(4, Outcome::pass, {"deadline"});
  auto& scenario = campaign.scenarios[0];
  scenario.planned = 4;
  scenario.trials[3].traced = false;
  scenario.trials[3].verdicts[1].outcome = Outcome::fail;
  summarise(scenario, Scenario{});
  const auto terminal = reports::terminal(campaign, false);
  EXPECT_THAT(terminal, HasSubstr(": 4 of 4 trials, 1 of them untraced\n"));
  EXPECT_THAT(terminal, HasSubstr("; fails only untraced: 1 of 1 untraced, 0 of 3 traced\n"));
  EXPECT_THAT(terminal, HasSubstr("    trial 4 (untraced): not kept\n"));
  const auto markdown = reports::markdown(campaign);
  EXPECT_THAT(markdown, HasSubstr("4 of 4 trials were run, 1 of them untraced.\n"));
  EXPECT_THAT(markdown, HasSubstr("; fails only untraced: 1 of 1 untraced, 0 of 3 traced): one"));
  EXPECT_THAT(markdown, HasSubstr("  - trial 4 (untraced), not kept\n"));
  EXPECT_THAT(reports::junit(campaign), HasSubstr("0 of 3 traced\ntrial 4 (untraced): not kept\n"));
  const auto json = reports::json(campaign);
  EXPECT_THAT(json, HasSubstr(R"("untraced":1)"));
  EXPECT_THAT(json, HasSubstr(R"("only_untraced":"fails only untraced: 1 of 1 untraced, )"));
  EXPECT_THAT(json, HasSubstr(R"("traced":false)"));
}
TEST(NotJudged, SaysWhyOnceWhereNothingHeld) {
  auto campaign = alike(2, Outcome::not_applicable, {"notify", "recovers"});
  for (auto& trial : campaign.scenarios[0].trials)
    trial.verdicts[0] = {.property = "serves", .outcome = Outcome::unknown, .reason = "lost"};
  summarise(campaign.scenarios[0], Scenario{});
  const auto terminal = reports::terminal(campaign, false);
  EXPECT_THAT(terminal, HasSubstr("\n    notify, recovers: one cause\n"));
  EXPECT_EQ(terminal.find("one cause"), terminal.rfind("one cause"));
}
TEST(NotJudged, SaysNothingOfTheExitCodeIfAllHeld) {
  EXPECT_THAT(reports::terminal(alike(1, Outcome::not_applicable, {"notify"}), false),
              Not(HasSubstr("exit code")));
}
TEST(Failures, AreShownUpToThreeAndCounted) {
  const auto campaign = alike(30, Outcome::fail, {"deadline"});
  const auto terminal = reports::terminal(campaign, false);
  EXPECT_THAT(terminal, HasSubstr("    trial 3: not kept\n    and 27 more trials\n"));
  EXPECT_THAT(reports::markdown(campaign), HasSubstr("  - and 27 more trials\n"));
  EXPECT_THAT(reports::junit(campaign), HasSubstr("trial 3: not kept\nand 27 more trials\n"));
  EXPECT_THAT(reports::json(campaign), HasSubstr(",29,30]"));
}

TEST(SilentGroups, AreSaidLoudlyInEveryReport) {
  auto campaign = every_outcome();
  auto& scenario = campaign.scenarios[0];
  scenario.silent = {{"clients \"a*\x1b\"", "no client was answered"}};
  scenario.properties[6].not_judged = {{"whose bytes waited", 3}, {"sent late", 1}};
  EXPECT_THAT(reports::terminal(campaign, false),
              HasSubstr("\n\n  NOTHING WAS HEARD: clients \"a*?\": no client was answered\n"
                        "\n  in-flight-finished, not judged: 3 whose bytes waited, 1 sent late\n"));
  EXPECT_THAT(reports::markdown(campaign),
              HasSubstr("\n### Nothing was heard\n\n- **clients \"a\\*?\"**: no client was "
                        "answered\n\n### Failed\n"));
  EXPECT_THAT(reports::markdown(campaign),
              HasSubstr("- in-flight-finished, items not judged: 3 whose bytes waited, 1 sent "
                        "late\n"));
  EXPECT_THAT(
      reports::junit(campaign),
      HasSubstr("<error message=\"nothing was heard: no client was answered\" type=\"silent\" />"));
  EXPECT_THAT(reports::json(campaign),
              HasSubstr("\"not_judged\":[{\"why\":\"whose bytes waited\",\"count\":3},"));
}

TEST(Noted, IsSaidOfAPassAndNotTwiceOfOneTrial) {
  auto campaign = alike(2, Outcome::pass, {"no-panic"});
  auto& scenario = campaign.scenarios[0];
  for (auto& trial : scenario.trials)
    trial.verdicts[1].noted = {{"excused by KeyError (a*b)", 150}, {"logged", 1}};
  summarise(scenario, Scenario{});
  EXPECT_THAT(reports::terminal(campaign, false),
              HasSubstr("\n  no-panic, not counted as failures: 300 excused by KeyError (a*b), 2 "
                        "logged\n"));
  EXPECT_THAT(reports::markdown(campaign),
              HasSubstr("\n- no-panic, not counted as failures: 300 excused by KeyError (a\\*b), 2 "
                        "logged\n"));
  EXPECT_THAT(reports::json(campaign),
              HasSubstr(R"~("noted":[{"why":"excused by KeyError (a*b)","count":300},)~"));
  scenario.trials.pop_back();
  summarise(scenario, Scenario{});
  EXPECT_THAT(reports::terminal(campaign, false), HasSubstr("failures: 150 excused"));
  scenario.trials[0].verdicts[1].outcome = Outcome::fail;
  summarise(scenario, Scenario{});
  EXPECT_THAT(reports::terminal(campaign, false), Not(HasSubstr("not counted as failures")));
}

TEST(HabitsNotTried, AreSaidWhereNothingFailed) {
  const std::string said =
      "no stop met clients with these habits: silent, slow-reader (key crowd; `lastcall list "
      "behaviours` says what they do)\n";
  auto campaign = alike(1, Outcome::pass, {"deadline"});
  EXPECT_THAT(reports::terminal(campaign, false), Not(HasSubstr("no stop met")));
  campaign.scenarios[0].not_tried = {"silent", "slow-reader"};
  EXPECT_THAT(reports::terminal(campaign, false), HasSubstr("\n  " + said));
  EXPECT_THAT(reports::markdown(campaign), HasSubstr("- " + said));
  EXPECT_THAT(reports::json(campaign), HasSubstr(R"("not_tried":["silent","slow-reader"])"));
  campaign = alike(1, Outcome::fail, {"deadline"});
  campaign.scenarios[0].not_tried = {"silent"};
  EXPECT_THAT(reports::terminal(campaign, false), Not(HasSubstr("no stop met")));
}

// Five trials, whose target slept 90 ms each before it ended.
CampaignSummary idle_campaign() {
  CampaignSummary campaign{
      .lastcall_version = "", .started_utc = "", .results = "results", .scenarios = {}};
  ScenarioSummary scenario;
  scenario.planned = 5;
  for (std::uint32_t number = 1; number <= 5; ++number) {
    TrialSummary trial;
    trial.number = number;
    trial.verdicts = {{.property = "prompt-exit", .outcome = Outcome::not_applicable}};
    trial.idle_tail = std::chrono::milliseconds(90);
    trial.idle_waits = {std::chrono::milliseconds(90), "server (80) waited in poll(90.0 ms)"};
    scenario.trials.push_back(trial);
  }
  summarise(scenario, Scenario{});
  campaign.scenarios = {scenario};
  return campaign;
}

TEST(OverACampaign, AFailureSaysItsNumbersInsteadOfABound) {
  const std::string numbers =
      "server (80) waited in poll(90.0 ms); such waits held the exit up for more than 40 ms in 5 "
      "of 5 traced trials; idle time before the exit: p50 90.0 ms, p75 90.0 ms, p90 90.0 ms (5 "
      "trials)";
  const auto terminal = reports::terminal(idle_campaign(), false);
  EXPECT_THAT(terminal, HasSubstr("  prompt-exit         fail               0     5        0     0"
                                  "         5  " +
                                  numbers + "\n"));
  EXPECT_THAT(terminal, HasSubstr("    trial 3: not kept\n"));
  EXPECT_THAT(terminal, Not(HasSubstr("trial 4: not kept")));
  EXPECT_THAT(reports::markdown(idle_campaign()),
              HasSubstr("- **prompt-exit** in 5 of 5 trials: " + numbers + "\n"));
  EXPECT_THAT(reports::junit(idle_campaign()),
              HasSubstr("<failure message=\"" + numbers + "\" type=\"prompt-exit\">"));
  EXPECT_THAT(reports::json(idle_campaign()), HasSubstr("\"over_campaign\":\"" + numbers + "\""));
  EXPECT_THAT(reports::json(idle_campaign()), HasSubstr("\"idle_tail_ns\":90000000"));
  EXPECT_THAT(reports::json(idle_campaign()), HasSubstr("\"idle_waits\":{\"ns\":90000000,"));
}

TEST(Junit, IsPinned) { EXPECT_EQ(reports::junit(every_outcome()), kJunit); }
TEST(Junit, IsWellFormed) {
  pugi::xml_document document;
  const auto parsed = document.load_string(reports::junit(every_outcome()).c_str());
  EXPECT_TRUE(parsed) << parsed.description();
  EXPECT_EQ(document.select_nodes("//testcase").size(), 22U);
}

TEST(Markdown, IsPinned) { EXPECT_EQ(reports::markdown(every_outcome()), kMarkdown); }
TEST(Markdown, SaysInItsHeadlineWhatToDo) {
  const auto headline = [](int code, bool interrupted = false) {
    return reports::markdown({.lastcall_version = "",
                              .started_utc = "",
                              .interrupted = interrupted,
                              .results = "",
                              .scenarios = {},
                              .exit_code = code});
  };
  EXPECT_THAT(headline(0), HasSubstr("**Safe to ship**"));
  EXPECT_THAT(headline(1), HasSubstr("**Do not ship:**"));
  EXPECT_THAT(headline(3), HasSubstr("**Not decided:** nothing failed"));
  EXPECT_THAT(headline(4), HasSubstr("**Not decided:** the harness"));
  EXPECT_THAT(headline(0, true), HasSubstr("**Not decided:** the campaign was interrupted"));
}

TEST(Markdown, HasNoControlCharacterOfAServer) {
  auto campaign = every_outcome();
  campaign.scenarios[0].silent.push_back(
      {"a\x7f"
       "b",
       "said \x1b[2J\xc2\x9b"
       "c\n"});
  EXPECT_THAT(reports::markdown(campaign), HasSubstr("- **a?b**: said ?\\[2J?c?\n"));
}

}  // namespace
}  // namespace lastcall
