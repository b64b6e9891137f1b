#include "hunt/shrink.hpp"

#include <gtest/gtest.h>

#include <set>

namespace lastcall::shrink_test {
namespace {

using Parts = std::set<int>;

// Plans are sets of parts; one fails always if it has all that it takes, and else never.
Shrunk<Parts> shrunk(const Parts& from, const Parts& it_takes, Nanoseconds budget) {
  return shrink<Parts>(from,
                       {.smaller =
                            [](const Parts& plan) {
                              std::vector<Smaller<Parts>> all;
                              for (const int part : plan) {
                                auto less = plan;
                                less.erase(part);
                                all.push_back({less, "without " + std::to_string(part)});
                              }
                              return all;
                            },
                        .rate =
                            [&](const Parts& plan, std::uint64_t runs, const auto& each) {
                              FailureRate rate;
                              for (std::uint64_t i = 0; i < runs; ++i) {
                                const bool failed = std::ranges::includes(plan, it_takes);
                                rate.failed += failed ? 1 : 0;
                                ++rate.runs;
                                if (!each(failed)) break;
                              }
                              return rate;
                            }},
                       {.budget = budget});
}

TEST(Shrink, LeavesOutAllThatTheFailureDoesNotTake) {
  const auto result = shrunk({1, 2, 3, 4, 5}, {2, 5}, std::chrono::seconds(60));
  EXPECT_EQ(result.plan, (Parts{2, 5}));
  EXPECT_EQ(result.accepted, 3U);
  EXPECT_EQ(result.rate.failed, result.rate.runs);
  EXPECT_LT(result.runs, 300U);  // a step takes a few runs to be refused, and some more to be taken
}

TEST(Shrink, OfAPlanThatDoesNotFailTriesNothing) {
  const auto result = shrunk({1, 2}, {3}, std::chrono::seconds(60));
  EXPECT_EQ(result.tried, 0U);
  EXPECT_EQ(result.first.failed, 0U);
  EXPECT_EQ(result.plan, (Parts{1, 2}));
}

TEST(Shrink, BeginsNoStepAfterItsTime) {
  const auto result = shrunk({1, 2}, {1}, Nanoseconds(0));
  EXPECT_EQ(result.tried, 0U);
  EXPECT_GT(result.rate.runs, 0U);
}

}  // namespace
}  // namespace lastcall::shrink_test
