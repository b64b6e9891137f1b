#include "hunt/two_calibrations.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace lastcall::two_calibrations_test {
namespace {

using ::testing::ElementsAre;

SavedCalibration seen(const std::string& function, std::uint64_t within) {
  SavedCalibration one{.known = 10, .left_out = 2, .threads = within == 0 ? 3 : 5};
  one.calibration.points = {{.module = "/p", .function = function, .within = within}};
  one.calibration.visits = {{.point = 0, .thread = 1, .times = 4}};
  one.calibration.conflicts = {{.point = 0, .write = 0}};
  return one;
}

TEST(TwoCalibrations, TheSecondLooksInsideOfWhatTheFirstMetAndBothCount) {
  std::vector<PointScope> scopes;
  const auto both = calibrate_twice([&](PointScope scope, const Calibration& met) {
    scopes.push_back(scope);
    EXPECT_EQ(met.visits.size(), scopes.size() - 1);
    return std::optional(seen("push", scope == PointScope::functions ? 0 : 9));
  });
  EXPECT_THAT(scopes, ElementsAre(PointScope::functions, PointScope::insides));
  ASSERT_TRUE(both.has_value());
  EXPECT_EQ(both->known, 20U);
  EXPECT_EQ(both->left_out, 4U);
  EXPECT_EQ(both->threads, 5);
  ASSERT_EQ(both->calibration.points.size(), 2U);
  EXPECT_EQ(both->calibration.points[1].within, 9U);
  EXPECT_EQ(both->calibration.visits[1].point, 1U);
  EXPECT_EQ(both->calibration.conflicts[1].write, 1U);
  EXPECT_EQ(points_met(both->calibration), 2U);
}

TEST(TwoCalibrations, OfATrialThatBrokeThereIsNoSecond) {
  int trials = 0;
  EXPECT_FALSE(calibrate_twice([&](PointScope, const Calibration&) {
    ++trials;
    return std::optional<SavedCalibration>();
  }));
  EXPECT_EQ(trials, 1);
}

}  // namespace
}  // namespace lastcall::two_calibrations_test
