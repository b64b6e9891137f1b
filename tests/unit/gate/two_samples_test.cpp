#include "gate/two_samples.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/prng.hpp"

namespace lastcall {
namespace {

// Fisher's lady tasting tea: 3 of 4 cups right.
TEST(Fisher, KnowsTheLadyTastingTea) {
  EXPECT_NEAR(fisher_head_worse({1, 4}, {3, 4}), 17.0 / 70, 1e-12);
  EXPECT_NEAR(fisher_two_sided({1, 4}, {3, 4}), 34.0 / 70, 1e-12);
}
// R: fisher.test(matrix(c(10, 2, 3, 15), 2)), Fisher's table of convicts with twins.
TEST(Fisher, KnowsTheTwinsOfConvicts) {
  EXPECT_NEAR(fisher_two_sided({10, 13}, {2, 17}), 0.0005367241, 1e-9);
}
TEST(Fisher, FindsNoDifferenceWhereThereIsNone) {
  EXPECT_NEAR(fisher_two_sided({0, 50}, {0, 70}), 1, 1e-12);
  EXPECT_NEAR(fisher_two_sided({5, 50}, {5, 50}), 1, 1e-9);
  EXPECT_NEAR(fisher_two_sided({7, 7}, {9, 9}), 1, 1e-12);
}
TEST(Fisher, OneSidedIsAboutHead) {
  EXPECT_LT(fisher_head_worse({0, 50}, {8, 50}), 0.01);
  EXPECT_GT(fisher_head_worse({8, 50}, {0, 50}), 0.99);
}
// With two outcomes in two trials the whole distribution is 1/6, 4/6, 1/6.
TEST(Fisher, AddsUpEverySplit) {
  EXPECT_NEAR(fisher_head_worse({0, 2}, {2, 2}), 1.0 / 6, 1e-12);
  EXPECT_NEAR(fisher_head_worse({1, 2}, {1, 2}), 5.0 / 6, 1e-12);
  EXPECT_NEAR(fisher_head_worse({2, 2}, {0, 2}), 1, 1e-12);
}

TEST(MannWhitney, IsExactForFewValues) {
  // All of head above all of base: 2 of the 20 orders are as uneven.
  const auto apart = mann_whitney({1, 2, 3}, {4, 5, 6});
  EXPECT_NEAR(apart.p, 0.1, 1e-12);
  EXPECT_NEAR(apart.head_larger, 1, 1e-12);
  // R: wilcox.test(c(0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46),
  //                c(1.15, 0.88, 0.90, 0.74, 1.21)) of its own page: W = 35, p = 0.2544.
  const auto placenta = mann_whitney({1.15, 0.88, 0.90, 0.74, 1.21},
                                     {0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46});
  EXPECT_NEAR(placenta.p, 0.2544, 5e-5);
  EXPECT_NEAR(placenta.head_larger, 35.0 / 50, 1e-12);
}
TEST(MannWhitney, SharesTheRanksOfEqualValues) {
  const auto equal = mann_whitney({1, 1, 1}, {1, 1, 1});
  EXPECT_EQ(equal.p, 1);
  EXPECT_EQ(equal.head_larger, 0.5);
  EXPECT_NEAR(mann_whitney({1, 2}, {2, 3}).head_larger, 3.5 / 4, 1e-12);
}
// By hand: U = 4.5 of 16, ties of two and three, so the variance is 16 / 12 * (9 - 30 / 56) and
// z = 3 / 3.3594.
TEST(MannWhitney, CorrectsTheApproximationForTies) {
  const auto tied = mann_whitney({3, 4, 4, 5}, {1, 2, 2, 4});
  EXPECT_NEAR(tied.head_larger * 16, 2, 1e-12);
  const auto variance = 16.0 / 12 * (9 - 30.0 / 56);
  EXPECT_NEAR(tied.p, std::erfc((6 - 0.5) / std::sqrt(variance) / std::sqrt(2.0)), 1e-12);
}
TEST(MannWhitney, SaysNothingWithoutValues) {
  EXPECT_EQ(mann_whitney({}, {1, 2}).p, 1);
  EXPECT_EQ(mann_whitney({1}, {}).p, 1);
}
TEST(MannWhitney, ApproximatesWhatIsExact) {
  std::vector<double> base;
  std::vector<double> head;
  for (int i = 0; i < 20; ++i) {
    base.push_back(i * 3);
    head.push_back(i * 3 + 10);
  }
  const auto exact = mann_whitney(base, head).p;
  base[1] = base[0];  // a tie, so the approximation; no pair of the two samples changes its order
  EXPECT_NEAR(mann_whitney(base, head).p, exact, 0.01);
}

// R: p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm") and of others, in any order.
TEST(Holm, MultipliesByTheNumberThatIsLeft) {
  EXPECT_EQ(holm({}), std::vector<double>());
  const auto corrected = holm({0.04, 0.01, 0.03, 0.02});
  const std::vector<double> expected{0.06, 0.04, 0.06, 0.06};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(corrected[i], expected[i], 1e-12);
  EXPECT_EQ(holm({0.7, 0.9}), (std::vector<double>{1, 1}));
}

// Where nothing differs, the tests call it a difference at most as often as they say.
TEST(Tests, KeepTheirLevel) {
  Prng random(7);
  int fisher = 0;
  int ranks = 0;
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    Counts base{0, 60};
    Counts head{0, 40};
    for (std::uint64_t i = 0; i < base.trials; ++i)
      base.failures += random.between(1, 10) == 1 ? 1 : 0;
    for (std::uint64_t i = 0; i < head.trials; ++i)
      head.failures += random.between(1, 10) == 1 ? 1 : 0;
    fisher += fisher_two_sided(base, head) <= 0.05 ? 1 : 0;
    std::vector<double> one(25);
    std::vector<double> other(30);
    for (auto& value : one) value = static_cast<double>(random.between(1, 1000));
    for (auto& value : other) value = static_cast<double>(random.between(1, 1000));
    ranks += mann_whitney(one, other).p <= 0.05 ? 1 : 0;
  }
  EXPECT_LE(fisher, kRounds * 0.05);  // Fisher's is conservative
  EXPECT_LE(ranks, kRounds * 0.065);  // three standard errors above 5 %
  EXPECT_GE(ranks, kRounds * 0.035);
}

}  // namespace
}  // namespace lastcall
