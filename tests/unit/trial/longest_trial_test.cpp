#include "trial/longest_trial.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include "scenario/properties/checkpoint_intact.hpp"

namespace lastcall {
namespace {

using std::chrono::seconds;

// Ready within 10 s, a load of 20 s, a deadline of 5 s.
Plan plan() {
  Plan made;
  auto& scenario = made.scenario;
  scenario.target.ready.timeout = seconds(10);
  scenario.target.ready.logs = {"up"};
  scenario.budget.load = seconds(20);
  scenario.target.stop.deadline = seconds(5);
  return made;
}

// How much longer a trial can take with this.
template <class Change>
Nanoseconds more(Change change) {
  auto changed = plan();
  change(changed.scenario.target, changed.scenario, changed);
  return longest_trial(changed) - longest_trial(plan());
}

TEST(LongestTrial, IsTheSumOfAllWaitsAndRoomForASlowMachine) {
  const auto waits = seconds(10) + seconds(20) + 10 * seconds(5);
  EXPECT_EQ(longest_trial(plan()), waits + kSlowMachine * (seconds(30) + seconds(20)));
}

TEST(LongestTrial, HasRoomForAllThatItsPlanAllows) {
  EXPECT_EQ(more([](auto& target, auto&, auto&) { target.ready.notify = true; }), seconds(90));
  EXPECT_EQ(more([](auto& target, auto&, auto&) { target.service.max_extension = 100; }),
            90 * seconds(5));
  EXPECT_EQ(more([](auto& target, auto&, auto&) { target.recovery.emplace(); }), seconds(15));
  EXPECT_EQ(more([](auto& target, auto&, auto&) { target.recovery.emplace().ask.emplace(); }),
            seconds(15) + seconds(35));
  const auto with_sidecar = [](auto&, auto& scenario, auto&) {
    auto& sidecar = scenario.sidecars.emplace_back();
    sidecar.process.ready.timeout = seconds(7);
    sidecar.process.stop.deadline = seconds(5);
  };
  EXPECT_EQ(more(with_sidecar), seconds(12));
  const auto with_checker = [](auto&, auto& scenario, auto&) {
    scenario.custom["own"].timeout = seconds(8);
  };
  EXPECT_EQ(more(with_checker), seconds(8));
  const auto with_inspection = [](auto&, auto& scenario, auto&) {
    auto& wanted = settings<property::CheckpointIntact>(scenario);
    wanted.files = {"*.a", "*.b"};
    wanted.command = {"check", "{file}"};
  };
  EXPECT_EQ(more(with_inspection), 2 * seconds(20));
  const auto with_clients = [](auto&, auto& scenario, auto& changed) {
    auto& group = scenario.clients.emplace_back();
    group.count = 1000;
    group.mix = {{Behaviour::steady, 1}};
    changed.groups.emplace_back();
  };
  EXPECT_EQ(more(with_clients), kSlowMachine * seconds(5));
  const auto with_pause = [](auto&, auto&, auto& changed) {
    changed.faults = {{PhaseMoment{Phase::drain},
                       SendSignals{{{SIGSTOP, Nanoseconds(0)}, {SIGCONT, seconds(3)}}}}};
  };
  EXPECT_EQ(more(with_pause), seconds(3) + seconds(5));
}

TEST(LongestTrial, IsWhatTheScenarioSaysIfItSaysSo) {
  auto stated = plan();
  stated.scenario.budget.trial_timeout = seconds(3);
  EXPECT_EQ(longest_trial(stated), seconds(3));
}

TEST(LongestTrial, OfAPlanWithTimesBeyondAllReasonDoesNotOverflow) {
  auto absurd = plan();
  const SendSignals pause{{{SIGSTOP, Nanoseconds::max()}, {SIGCONT, Nanoseconds::max()}}};
  absurd.faults = {{PhaseMoment{Phase::drain, Nanoseconds::max()}, pause},
                   {PhaseMoment{Phase::drain, Nanoseconds::min()}, pause}};
  absurd.scenario.target.stop.deadline = std::chrono::hours(24);
  absurd.scenario.target.service.max_extension = 1000;
  EXPECT_GT(longest_trial(absurd), std::chrono::hours(24'000));
  EXPECT_LT(longest_trial(absurd), std::chrono::hours(25'000));
}

TEST(LongestPause, IsNoneWithoutASigstop) { EXPECT_EQ(longest_pause(plan()), Nanoseconds(0)); }

TEST(LongestPause, EndsWithTheContOfAnotherFault) {
  auto held = plan();
  held.faults = {{PhaseMoment{Phase::load}, SendSignals{{{SIGSTOP, Nanoseconds(0)}}}},
                 {PhaseMoment{Phase::drain, seconds(4)}, SendSignals{{{SIGCONT, seconds(0)}}}}};
  EXPECT_EQ(longest_pause(held), seconds(4) + seconds(5));
}

}  // namespace
}  // namespace lastcall
