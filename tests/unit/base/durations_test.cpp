#include "base/durations.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>

namespace lastcall {
namespace {

TEST(Durations, AreExact) {
  EXPECT_EQ(parse_duration("250ms"), std::chrono::milliseconds(250));
  EXPECT_EQ(parse_duration("1.5s"), std::chrono::milliseconds(1500));
  EXPECT_EQ(parse_duration("0.000000001s"), Nanoseconds(1));
  EXPECT_EQ(parse_duration("2m"), std::chrono::minutes(2));
  EXPECT_EQ(parse_duration("1h"), std::chrono::hours(1));
  EXPECT_EQ(format_duration(std::chrono::milliseconds(1500)), "1500ms");
  EXPECT_EQ(format_duration(Nanoseconds(0)), "0s");
  EXPECT_EQ(format_duration(std::chrono::hours(24)), "24h");
  EXPECT_EQ(exact_duration(std::chrono::milliseconds(1500)), "1500 ms");
  EXPECT_EQ(exact_duration(std::chrono::minutes(2)), "120 s");
  EXPECT_EQ(exact_duration(std::chrono::microseconds(7)), "7 µs");
  EXPECT_EQ(exact_duration(Nanoseconds(0)), "0 s");
}

TEST(Durations, NothingElseIsOne) {
  for (const char* text :
       {"", "s", "1", "1 s", " 1s", "1s ", "-1s", "+1s", "1.s", ".5s", "0.5ns", "1.1111111111s",
        "1S", "1e3s", "99999999999999999999s", "9999999999h", "0x1s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

RC_GTEST_PROP(Durations, SurviveBeingWritten, ()) {
  const auto duration = Nanoseconds(*rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 46));
  RC_ASSERT(parse_duration(format_duration(duration)) == duration);
}

RC_GTEST_PROP(Durations, ArbitraryTextIsReadOrRefused, (const std::string& text)) {
  (void)parse_duration(text);
}

}  // namespace
}  // namespace lastcall
