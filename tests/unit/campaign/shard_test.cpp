#include "campaign/shard.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace lastcall {
namespace {

TEST(Shard, EachTrialIsInExactlyOne) {
  for (const std::uint32_t of : {1U, 2U, 3U, 16U}) {
    for (std::uint64_t position = 0; position < 50; ++position) {
      int in = 0;
      for (std::uint32_t number = 1; number <= of; ++number)
        in += Shard{number, of}.has(position) ? 1 : 0;
      EXPECT_EQ(in, 1);
    }
  }
}
TEST(Shard, KnowsItsShare) {
  for (const std::uint32_t of : {1U, 3U, 16U}) {
    for (std::uint32_t number = 1; number <= of; ++number) {
      for (std::uint64_t begin = 0; begin < 20; ++begin) {
        for (const std::uint32_t trials : {0U, 1U, 2U, 17U, 100U}) {
          const Shard shard{number, of};
          std::uint32_t count = 0;
          for (auto position = begin; position < begin + trials; ++position)
            count += shard.has(position) ? 1U : 0U;
          EXPECT_EQ(shard.share(begin, trials), count);
        }
      }
    }
  }
}
TEST(Shard, SharesDifferByNoMoreThanOne) {
  for (const std::uint64_t begin : {0U, 7U, 100U}) {
    std::vector<std::uint32_t> shares;
    for (std::uint32_t number = 1; number <= 16; ++number)
      shares.push_back(Shard{number, 16}.share(begin, 100));
    const auto [least, most] = std::ranges::minmax(shares);
    EXPECT_LE(most - least, 1U);
  }
}

}  // namespace
}  // namespace lastcall
