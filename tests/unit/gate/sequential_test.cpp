#include "gate/sequential.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/prng.hpp"

namespace lastcall {
namespace {

std::uint64_t clean_trials_to_show_below(double p, double confidence) {
  std::uint64_t trials = 1;
  while (!is_shown_below(0, trials, p, confidence)) ++trials;
  return trials;
}

// One trial, no failure: the mixture is the mean of (1 - q) / (1 - p) over q, whose mean is p / 3.
TEST(Evidence, IsTheMeanLikelihoodRatio) {
  EXPECT_NEAR(log_evidence_below(0, 1, 0.3), std::log((1 - 0.1) / 0.7), 1e-12);
  EXPECT_NEAR(log_evidence_below(1, 1, 0.3), std::log(0.1 / 0.3), 1e-12);
  EXPECT_NEAR(log_evidence_below(0, 0, 0.3), 0, 1e-12);
}
// On average over the next trial it stays as it is where the probability is p, and shrinks above.
TEST(Evidence, DoesNotGrowOnAverage) {
  for (const double p : {0.01, 0.1, 0.5}) {
    for (const std::uint64_t trials : {0U, 1U, 10U, 200U}) {
      for (std::uint64_t failures = 0; failures <= std::min<std::uint64_t>(trials, 9);
           failures += 3) {
        const auto ratio = [&](std::uint64_t more) {
          return std::exp(log_evidence_below(failures + more, trials + 1, p) -
                          log_evidence_below(failures, trials, p));
        };
        EXPECT_NEAR(p * ratio(1) + (1 - p) * ratio(0), 1, 1e-6);
        EXPECT_LE(1.2 * p * ratio(1) + (1 - 1.2 * p) * ratio(0), 1 + 1e-6);
      }
    }
  }
}
TEST(Evidence, CostsSomeTrialsMoreThanAFixedNumber) {
  EXPECT_EQ(clean_trials_to_show_below(0.01, 0.95), 377U);  // a fixed number: 299
  EXPECT_EQ(clean_trials_to_show_below(0.1, 0.9), 29U);     // 22
}
TEST(Evidence, SurvivesManyTrials) {
  EXPECT_TRUE(is_shown_below(100, 1'000'000, 0.01, 0.999));
  EXPECT_FALSE(is_shown_below(20'000, 1'000'000, 0.01, 0.5));
  EXPECT_TRUE(is_shown_above(20'000, 1'000'000, 0.01, 0.999));
}
TEST(AnytimeBounds, AreWhereTheEvidenceIsEnough) {
  const auto upper = anytime_upper_bound(2, 100, 0.95);
  EXPECT_TRUE(is_shown_below(2, 100, upper, 0.95));
  EXPECT_FALSE(is_shown_below(2, 100, upper - 1e-4, 0.95));
  const auto lower = anytime_lower_bound(20, 100, 0.95);
  EXPECT_TRUE(is_shown_above(20, 100, lower, 0.95));
  EXPECT_FALSE(is_shown_above(20, 100, lower + 1e-4, 0.95));
}
TEST(AnytimeBounds, SayNothingWithoutTrials) {
  EXPECT_EQ(anytime_upper_bound(0, 0, 0.95), 1);
  EXPECT_EQ(anytime_lower_bound(0, 0, 0.95), 0);
  EXPECT_EQ(anytime_upper_bound(5, 5, 0.95), 1);
  EXPECT_EQ(anytime_lower_bound(0, 5, 0.95), 0);
}

// A campaign that looks after every trial, and stops when it is sure, is wrong at most as often as
// it says. The fixed-sample bound, looked at as often, is wrong far more often: that is why it is
// not used.
class StoppedEarly : public ::testing::TestWithParam<double> {
 protected:
  // The part of campaigns that ever call the probability wrong.
  double wrong(bool below) {
    constexpr int kCampaigns = 400;
    constexpr std::uint64_t kLongest = 800;
    const auto in_ten_thousand = static_cast<std::uint64_t>(std::llround(GetParam() * 10'000));
    Prng random(11);
    int wrong = 0;
    for (int campaign = 0; campaign < kCampaigns; ++campaign) {
      std::uint64_t failures = 0;
      for (std::uint64_t trials = 1; trials <= kLongest; ++trials) {
        failures += random.between(1, 10'000) <= in_ten_thousand ? 1 : 0;
        if (below ? is_shown_below(failures, trials, GetParam(), 0.9)
                  : is_shown_above(failures, trials, GetParam(), 0.9)) {
          ++wrong;
          break;
        }
      }
    }
    return static_cast<double>(wrong) / kCampaigns;
  }
};

// 10 % and three standard errors.
TEST_P(StoppedEarly, CallsABadTargetGoodAsRarelyAsItSays) { EXPECT_LE(wrong(true), 0.145); }
TEST_P(StoppedEarly, CallsAGoodTargetBadAsRarelyAsItSays) { EXPECT_LE(wrong(false), 0.145); }
INSTANTIATE_TEST_SUITE_P(Rates, StoppedEarly, ::testing::Values(0.01, 0.05, 0.3));

}  // namespace
}  // namespace lastcall
