#include "hunt/hunt_trial.hpp"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <set>
#include <string>

#include "hunt/rates.hpp"
#include "unit/places.hpp"

namespace lastcall::hunt_trial_test {
namespace {

using namespace std::chrono_literals;
using How = RunEnd::How;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class HuntTrials : public ::testing::Test {
 protected:
  void SetUp() override {
    const pid_t child = ::fork();
    if (child == 0) {
      ::pause();
      ::_exit(0);
    }
    const bool may = ::ptrace(PTRACE_SEIZE, child, nullptr, nullptr) == 0;
    (void)::kill(child, SIGKILL);
    (void)::waitpid(child, nullptr, 0);
    if (!may) GTEST_SKIP() << "children cannot be traced";
    around_.one_processor = true;
    around_.longest = 20s;
    (void)::getrlimit(RLIMIT_NOFILE, &around_.descriptors);
  }

  static HuntPlan plan_of(const std::string& name) {
    HuntPlan plan;
    plan.command = {testing::program_path("hunt_subject"), name};
    plan.directory = "/";
    plan.usual_ends = {"exit code 0"};
    return plan;
  }
  HuntTrial run(PointOrders orders) {
    auto trial = run_hunt_trial(std::move(orders), around_);
    EXPECT_EQ(trial.broken, "");
    return trial;
  }
  // The place of a function in the program.
  CodePoint place(const std::string& function) {
    const auto found = run({.plan = plan_of("none"), .catalogues = true}).catalogue;
    const auto point = std::ranges::find_if(found.points, [&](const CodePoint& one) {
      return one.function == function && one.kind == PointKind::entry;
    });
    EXPECT_NE(point, found.points.end());
    return point == found.points.end() ? CodePoint{} : *point;
  }
  static std::uint64_t visits(const HuntTrial& trial, const std::string& function, int thread) {
    std::uint64_t all = 0;
    for (const auto& visit : trial.calibration.visits) {
      const auto& point = trial.calibration.points[visit.point];
      if (point.function == function && point.within == 0 && visit.thread == thread)
        all += visit.times;
    }
    return all;
  }

  HuntSurroundings around_;
};

TEST_F(HuntTrials, ThreadsThatMeetABreakpointTogetherAllDoWhatItReplaced) {
  const auto trial = run({.plan = plan_of("threads"), .catalogues = true});
  EXPECT_EQ(trial.end, (RunEnd{How::exited, 0}));
  std::uint64_t seen = 0;
  for (int thread = 1; thread <= 4; ++thread) {
    EXPECT_EQ(visits(trial, "visit", thread), 20U);
    seen += visits(trial, "visit", thread);
  }
  EXPECT_EQ(seen, 80U);
  EXPECT_EQ(trial.acted.threads, 5);
}

TEST_F(HuntTrials, ASecondCalibrationLooksInsideOfFunctionsThatThreadsMet) {
  const auto first =
      run({.plan = plan_of("threads"), .catalogues = true, .scope = PointScope::functions});
  EXPECT_EQ(visits(first, "visit", 1), 20U);
  std::set<std::string> met;
  for (const auto& visit : first.calibration.visits)
    met.insert(first.calibration.points[visit.point].function);
  for (const auto& point : first.catalogue.points) EXPECT_EQ(point.within, 0U) << point.function;
  const auto second = run({.plan = plan_of("threads"),
                           .catalogues = true,
                           .scope = PointScope::insides,
                           .met = first.calibration});
  EXPECT_GT(second.calibration.visits.size(), 0U);
  EXPECT_GT(second.catalogue.unmet, 0U);
  for (const auto& point : second.catalogue.points) {
    EXPECT_GT(point.within, 0U) << point.function;
    EXPECT_TRUE(met.contains(point.function)) << point.function;
  }
}

TEST_F(HuntTrials, ChildrenRunWithoutBreakpoints) {
  const auto trial = run({.plan = plan_of("children"), .catalogues = true});
  EXPECT_EQ(trial.end, (RunEnd{How::exited, 0}));
  EXPECT_EQ(visits(trial, "visit", 0), 2U);
}

TEST_F(HuntTrials, AHeldThreadLosesItsRaceAndNobodyElseIsHeld) {
  auto plan = plan_of("store");
  EXPECT_EQ(run({.plan = plan}).failure, "");
  plan.holds = {
      {.point = place("store"), .thread = 1, .phase = HuntPhase::run, .nth = 1, .time = 400ms}};
  const auto trial = run({.plan = plan, .explains = true});
  EXPECT_EQ(trial.failure, "exit code 3");
  EXPECT_EQ(trial.acted.reached, std::vector<bool>{true});
  ASSERT_EQ(trial.held.size(), 1U);
  EXPECT_EQ(trial.held[0].stack.thread_name, "late");
  EXPECT_THAT(explanation_of(plan, trial), HasSubstr("store"));
  EXPECT_TRUE(acted_as_planned(plan, trial));
}

TEST_F(HuntTrials, AHoldThatNobodyReachesIsNoRunOfThePlan) {
  auto plan = plan_of("store");
  plan.holds = {
      {.point = place("store"), .thread = 1, .phase = HuntPhase::run, .nth = 2, .time = 400ms}};
  const auto rate = failure_rate(plan, around_, 2);
  EXPECT_EQ(rate.runs, 0U);
  EXPECT_EQ(rate.not_reached, 2U);
  plan.holds[0].nth = 1;
  plan.holds[0].thread = 7;
  EXPECT_EQ(failure_rate(plan, around_, 1).not_reached, 1U);
}

TEST_F(HuntTrials, TheSignalIsSentAtTheHold) {
  auto plan = plan_of("ticks");
  plan.signal = SIGTERM;
  plan.holds = {{.point = place("tick"),
                 .thread = kAnyThread,
                 .phase = HuntPhase::run,
                 .nth = 3,
                 .time = 5ms,
                 .sends_signal = true}};
  const auto trial = run({.plan = plan});
  EXPECT_EQ(trial.end, (RunEnd{How::exited, 0}));
  EXPECT_TRUE(trial.was_ready);
  EXPECT_TRUE(trial.acted.signal_as_planned);
}

TEST_F(HuntTrials, TheSignalIsSentAtACallOrElseNotAsPlanned) {
  auto plan = plan_of("ticks");
  plan.signal = SIGTERM;
  plan.signal_at_call = 2;
  EXPECT_TRUE(run({.plan = plan}).acted.signal_as_planned);
  plan.signal_at_call = 100'000;
  const auto late = run({.plan = plan});
  EXPECT_TRUE(late.acted.signal_sent);
  EXPECT_FALSE(late.acted.signal_as_planned);
  EXPECT_EQ(late.end, (RunEnd{How::exited, 0}));
}

TEST_F(HuntTrials, AProgramThatPrintsIsNotReadyBeforeItHas) {
  auto plan = plan_of("late");
  plan.signal = SIGTERM;
  around_.prints = true;
  EXPECT_EQ(run({.plan = plan}).end, (RunEnd{How::exited, 0}));
}

TEST_F(HuntTrials, ASilentProgramIsReadyOnceItsThreadsWait) {
  auto plan = plan_of("silent");
  plan.signal = SIGTERM;
  const auto trial = run({.plan = plan});
  EXPECT_EQ(trial.end, (RunEnd{How::exited, 0}));
  EXPECT_TRUE(trial.was_ready);
}

TEST_F(HuntTrials, AHangIsSeenLongBeforeTheLimit) {
  auto plan = plan_of("hangs");
  plan.signal = SIGTERM;
  const auto trial = run({.plan = plan, .explains = true});
  EXPECT_EQ(trial.failure, "hang");
  EXPECT_LT(trial.took, 10s);
  EXPECT_THAT(trial.at_failure, Not(IsEmpty()));
}

TEST_F(HuntTrials, PlacesOfAnotherBuildAreFoundByNameOrMissing) {
  auto plan = plan_of("store");
  auto point = place("store");
  point.offset += 1;  // where it was in the other build
  plan.build_ids = {{point.module, "00"}};
  plan.holds = {{.point = point, .thread = 1, .phase = HuntPhase::run, .nth = 1, .time = 400ms}};
  const auto moved = run({.plan = plan});
  EXPECT_EQ(moved.acted.moved, 1U);
  EXPECT_EQ(moved.failure, "exit code 3");
  plan.holds[0].point.function = "stored_elsewhere";
  const auto missing = run({.plan = plan});
  EXPECT_EQ(missing.acted.missing, std::vector<std::string>{"stored_elsewhere"});
  EXPECT_EQ(missing.acted.armed, 0U);
}

TEST_F(HuntTrials, ACommandThatIsNotThereIsNoTrial) {
  HuntPlan plan;
  plan.command = {"/nonexistent/program"};
  EXPECT_THAT(run_hunt_trial({.plan = plan}, around_).broken, HasSubstr("/nonexistent/program"));
}

}  // namespace
}  // namespace lastcall::hunt_trial_test
