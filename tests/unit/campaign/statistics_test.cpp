#include "campaign/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace lastcall {
namespace {

TEST(UpperBound, IsClopperAndPearsons) {
  EXPECT_NEAR(upper_bound(0, 20), 0.1391, 1e-4);
  EXPECT_NEAR(upper_bound(0, 1000), 0.00299, 1e-5);
  EXPECT_NEAR(upper_bound(0, 1), 0.95, 1e-9);
  EXPECT_NEAR(upper_bound(1, 20), 0.2161, 1e-4);
  EXPECT_NEAR(upper_bound(10, 20), 0.6980, 1e-4);
  EXPECT_NEAR(upper_bound(0, 20, 0.99), 1 - std::pow(0.01, 1.0 / 20), 1e-9);
}
TEST(UpperBound, IsOneWithoutEvidence) {
  EXPECT_EQ(upper_bound(0, 0), 1);
  EXPECT_EQ(upper_bound(7, 7), 1);
}
TEST(TwoSided, IsClopperAndPearsons) {
  EXPECT_NEAR(two_sided(19, 20).low, 0.7513, 1e-4);
  EXPECT_NEAR(two_sided(19, 20).high, 0.9987, 1e-4);
  EXPECT_NEAR(two_sided(5, 10).low, 0.1871, 1e-4);
  EXPECT_NEAR(two_sided(5, 10).high, 0.8129, 1e-4);
}
TEST(TwoSided, ReachesItsEnds) {
  EXPECT_EQ(two_sided(0, 0).low, 0);
  EXPECT_EQ(two_sided(0, 0).high, 1);
  EXPECT_EQ(two_sided(0, 20).low, 0);
  EXPECT_NEAR(two_sided(0, 20).high, 0.1684, 1e-4);
  EXPECT_EQ(two_sided(20, 20).high, 1);
  EXPECT_NEAR(two_sided(20, 20).low, 0.8316, 1e-4);
}
TEST(BoundSentence, RoundsUp) {
  EXPECT_EQ(bound_sentence(0, 1000), "P(failure) ≤ 0.30 % at 95 %, 1,000 trials");
  EXPECT_EQ(bound_sentence(0, 20), "P(failure) ≤ 13.92 % at 95 %, 20 trials");
  EXPECT_EQ(bound_sentence(0, 1), "P(failure) ≤ 95.00 % at 95 %, 1 trial");
  EXPECT_EQ(bound_sentence(0, 1'234'567), "P(failure) ≤ 0.01 % at 95 %, 1,234,567 trials");
  EXPECT_EQ(bound_sentence(0, 0), "no bound: no trial exercised it");
}

}  // namespace
}  // namespace lastcall
