#include "trial/deadlock_watch.hpp"

#include <gmock/gmock.h>

#include <csignal>

#include "unit/trial/trial_fixture.hpp"

namespace lastcall {
namespace {

class Deadlock : public testing::TrialFixture {
 protected:
  Deadlock() { plan_.faults = {{PhaseMoment{}, SendSignals{{{SIGTERM, Nanoseconds(0)}}}}}; }
  // Whether one is found in a target whose threads wait as `waits` says, look by look.
  bool is_found(std::vector<std::string> waits) {
    DeadlockWatch watch(io_, plan_, changes_,
                        {.over = [&] { return looks_ == waits.size(); },
                         .waits = [&] { return waits[looks_++]; },
                         .is_deadlock =
                             [this] {
                               ++stacks_;
                               return stacks_ == deadlock_at_;
                             },
                         .pause = Nanoseconds(0)});
    run(watch.run());
    return watch.has_found();
  }

  std::size_t looks_ = 0;
  int stacks_ = 0;
  int deadlock_at_ = 1;  // which look at the stacks finds it
};

TEST_F(Deadlock, IsFoundIfNoThreadMovesBetweenTwoLooks) {
  EXPECT_TRUE(is_found({"", "a", "b", "b", "b"}));
  EXPECT_EQ(looks_, 4U);
  EXPECT_EQ(stacks_, 1);
}

TEST_F(Deadlock, IsNoneWhileThreadsMoveOrDoSomethingElse) {
  EXPECT_FALSE(is_found({"a", "b", "a", "", "", "a"}));
  EXPECT_EQ(looks_, 6U);
  EXPECT_EQ(stacks_, 0);
}

TEST_F(Deadlock, IsLookedForInTheStacksThreeTimes) {
  deadlock_at_ = 4;
  EXPECT_FALSE(is_found({"a", "a", "a", "a", "a", "a", "a", "a"}));
  EXPECT_EQ(looks_, 6U);
  EXPECT_EQ(stacks_, 3);
}

TEST_F(Deadlock, IsNotLookedForIfAnotherSignalMayWakeAThread) {
  plan_.faults.push_back({PhaseMoment{}, SendSignals{{{SIGTERM, Nanoseconds(0)}}}});
  EXPECT_FALSE(is_found({"a", "a"}));
  EXPECT_EQ(looks_, 0U);
}

}  // namespace
}  // namespace lastcall
