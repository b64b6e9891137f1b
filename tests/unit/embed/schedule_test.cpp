#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "lastcall/embed_gtest.hpp"
#include "lastcall/embed_rapidcheck.hpp"

namespace lastcall::embed {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

TEST(ScheduleText, ReadsEveryWord) {
  const auto parsed =
      parse("open:0 meet:1 send:0:500us close:0 | meet:1 pause:1ms hang stop stop:int");
  ASSERT_TRUE(parsed.schedule) << parsed.error;
  const Schedule wanted{{{{.operation = Operation::open},
                          {.operation = Operation::meet, .number = 1},
                          {.operation = Operation::send, .time = 500us},
                          {.operation = Operation::close}},
                         {{.operation = Operation::meet, .number = 1},
                          {.operation = Operation::pause, .time = 1ms},
                          {.operation = Operation::hang},
                          {.operation = Operation::stop},
                          {.operation = Operation::stop, .reason = StopReason::interrupt}}}};
  EXPECT_EQ(wanted, *parsed.schedule);
}

TEST(ScheduleText, EmptyThreadsAreThreads) {
  EXPECT_EQ(1U, parse("").schedule->threads.size());
  EXPECT_EQ(3U, parse("|stop|").schedule->threads.size());
}

TEST(ScheduleText, AnErrorNamesItsPlace) {
  const auto wrong = [](std::string_view text, std::size_t place, const std::string& what) {
    const auto parsed = parse(text);
    EXPECT_FALSE(parsed.schedule) << text;
    EXPECT_EQ(place, parsed.place) << text;
    EXPECT_THAT(parsed.error, HasSubstr(what)) << text;
  };
  wrong("open:0 | stop sent:0", 14, "thread 2, step 2: there is no step 'sent'");
  wrong("open", 0, "thread 1, step 1: needs a number");
  wrong("open:x", 0, "needs a number");
  wrong("open:64", 0, "above 63");
  wrong("open:0:1ms", 0, "'1ms' is too much");
  wrong("pause", 0, "needs a time");
  wrong("pause:1s", 0, "needs a time");
  wrong("pause:101ms", 0, "between 0 and 100ms");
  wrong("pause:99999999999999999999ms", 0, "needs a time");
  wrong("send:0:-1ms", 0, "needs a time");
  wrong("stop:kill", 0, "'stop:int'");
  wrong("meet:0 meet:0", 7, "meets twice");
  wrong("|||||||||||||||||", 17, "more than 16 threads");
  std::string long_one;
  for (int i = 0; i < 65; ++i) long_one += "stop ";
  wrong(long_one, 5 * 64, "more than 64 steps");
}

TEST(Schedule, WithoutAThreadIsRefused) {
  EXPECT_EQ("no thread", problem(Schedule{}));
  EXPECT_THROW(run(Schedule{}, [] { return nullptr; }), std::invalid_argument);
}

RC_GTEST_PROP(ScheduleText, ReadsBackAsItself, (const Schedule& schedule)) {
  const auto text = to_string(schedule);
  const auto parsed = parse(text);
  RC_ASSERT(parsed.error == "");
  RC_ASSERT(*parsed.schedule == schedule);
  RC_ASSERT(text.find('\'') == std::string::npos);
}

RC_GTEST_PROP(ScheduleText, AnyTextIsReadOrRefused, (const std::string& text)) {
  const auto parsed = parse(text);
  RC_ASSERT(parsed.schedule.has_value() == parsed.error.empty());
  RC_ASSERT(parsed.place <= text.size());
}

RC_GTEST_PROP(ScheduleShrinking, EveryCandidateIsAScheduleAndADifferentOne,
              (const Schedule& schedule)) {
  auto candidates = smaller(schedule);
  for (int i = 0; i < 50; ++i) {
    const auto candidate = candidates.next();
    if (!candidate) return;
    RC_ASSERT(problem(*candidate) == "");
    RC_ASSERT(*candidate != schedule);
  }
}

}  // namespace
}  // namespace lastcall::embed
