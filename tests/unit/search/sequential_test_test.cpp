#include "search/sequential_test.hpp"

#include <gtest/gtest.h>

#include "base/prng.hpp"

namespace lastcall::sequential_test_test {
namespace {

TEST(SequentialTest, OneLuckyRunDecidesNothing) {
  SequentialTest test({});
  test.add(true);
  EXPECT_FALSE(test.decision());
  EXPECT_EQ(test.runs(), 1U);
}

TEST(SequentialTest, SuccessesDecideFasterThanFailures) {
  SequentialTest test({});
  while (!test.decision()) test.add(false);
  EXPECT_FALSE(*test.decision());
  EXPECT_LE(test.runs(), 3U);
  SequentialTest other({});
  while (!other.decision()) other.add(true);
  EXPECT_TRUE(*other.decision());
  EXPECT_LE(other.runs(), 10U);
}

// How often plans of a rate are accepted, of 2,000.
int accepted(std::uint64_t percent) {
  Prng prng(percent);
  int count = 0;
  for (int i = 0; i < 2000; ++i) {
    SequentialTest test({});
    while (!test.decision()) test.add(prng.between(1, 100) <= percent);
    count += *test.decision() ? 1 : 0;
  }
  return count;
}

TEST(SequentialTest, IsWrongAboutAsSeldomAsItSays) {
  EXPECT_LT(accepted(60), 2000 * 6 / 100);
  EXPECT_GT(accepted(90), 2000 * 94 / 100);
  EXPECT_LT(accepted(30), 10);
}

}  // namespace
}  // namespace lastcall::sequential_test_test
