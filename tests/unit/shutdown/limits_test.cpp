#include "shutdown/limits.hpp"

#include <gmock/gmock.h>

#include <cstdlib>

namespace graceful::shutdown {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

std::string refusal(const LimitSettings& settings) {
  const auto limits = settle(settings);
  return limits ? "" : limits.error().message();
}

TEST(Limits, TheDefaultsAreThirtySecondsToDrainTenForStatisticsSixtyInAll) {
  const auto limits = *settle({});
  EXPECT_EQ(30s, limits.drain);
  EXPECT_EQ(10s, limits.statistics);
  EXPECT_EQ(60s, limits.total);
}

TEST(Limits, EveryPhaseAndTheForceDelayFitIntoTheTotal) {
  for (const auto total : {60'000ms, 59'000ms, 10'000ms, 1'000ms, 100ms, 3'600'000ms}) {
    LimitSettings settings;
    settings.total = total;
    const auto limits = *settle(settings);
    EXPECT_LE(
        limits.prepare + limits.drain + limits.statistics + limits.persist + 2 * limits.force_delay,
        total);
    EXPECT_GT(limits.drain, 0ms);
    EXPECT_GT(limits.persist, 0ms);
    EXPECT_LE(limits.cleanup, total);
  }
}

TEST(Limits, ADrainLimitThatIsGivenIsKeptAndTheOthersMakeRoom) {
  LimitSettings settings;
  settings.drain = 50s;
  const auto limits = *settle(settings);
  EXPECT_EQ(50s, limits.drain);
  EXPECT_LE(
      limits.prepare + limits.drain + limits.statistics + limits.persist + 2 * limits.force_delay,
      60s);
}

TEST(Limits, WhatCannotBeKeptIsRefusedByName) {
  EXPECT_THAT(refusal({.drain = 61s}), HasSubstr("drain"));
  EXPECT_THAT(refusal({.drain = 60s}), HasSubstr("nothing is left"));
  EXPECT_THAT(refusal({.drain = 30s, .force_delay = 15s}), HasSubstr("nothing is left"));
  EXPECT_THAT(refusal({.force_delay = 61s}), HasSubstr("force_delay"));
  EXPECT_THAT(refusal({.cleanup = 61s}), HasSubstr("cleanup"));
  EXPECT_THAT(refusal({.persist = 0s}), HasSubstr("persist"));
  EXPECT_THAT(refusal({.drain = -1s}), HasSubstr("drain"));
  EXPECT_THAT(refusal({.total = 0s}), HasSubstr("total"));
  EXPECT_THAT(refusal({.total = 25h}), HasSubstr("day"));
  EXPECT_EQ("", refusal({.force_delay = 0s}));
}

TEST(Limits, TheEnvironmentGivesTheTotalInWholeSeconds) {
  ::unsetenv(kTotalVariable);
  EXPECT_FALSE((*total_from_environment()).has_value());
  ::setenv(kTotalVariable, "5", 1);
  EXPECT_EQ(5s, **total_from_environment());
  for (const char* nonsense : {"", "0", "-3", "5s", "1.5", " 5", "86401", "18446744073709551615"}) {
    ::setenv(kTotalVariable, nonsense, 1);
    EXPECT_FALSE(total_from_environment().has_value()) << nonsense;
  }
  ::unsetenv(kTotalVariable);
}

}  // namespace
}  // namespace graceful::shutdown
