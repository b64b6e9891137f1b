// GoogleTest assertions of lastcall::embed. A violation prints what is violated, the history of the
// run as JSON lines, and one line that can be pasted to run it again.
//
//   TEST(Shutdown, FinishesWhatItHasTakenOn) {
//     EXPECT_ALL_PROPERTIES_HOLD("open:0 meet:0 send:0:2ms | meet:0 pause:1ms stop", make_subject);
//   }
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "lastcall/embed.hpp"

namespace lastcall::embed {
inline namespace v1 {

inline void PrintTo(const Schedule& schedule, std::ostream* out) { *out << to_string(schedule); }

// The line that runs the current test again; with a schedule, that one, wherever the test explores.
inline std::string line_to_reproduce(const Schedule* schedule = nullptr) {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  std::string line;
  if (schedule != nullptr) line += "LASTCALL_SCHEDULE='" + to_string(*schedule) + "' ";
  line += "'" + program.string() + "'";
  if (const auto* test = ::testing::UnitTest::GetInstance()->current_test_info()) {
    line += std::string(" --gtest_filter='") + test->test_suite_name() + "." + test->name() + "'";
  }
  return line;
}

// Nothing is violated, and everything that could be judged was.
inline ::testing::AssertionResult holds(const Report& report) {
  if (report.violation() == nullptr && report.unknown() == nullptr) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << describe(report, line_to_reproduce());
}

// Runs the schedule. What could not be judged, because the machine was too busy to tell, is tried
// again, three times at most.
inline ::testing::AssertionResult holds(const Schedule& schedule, const Factory& factory,
                                        const Promises& promises = {}) {
  constexpr int kAgain = 3;
  auto report = run(schedule, factory, promises);
  for (int i = 0; i < kAgain && report.violation() == nullptr && report.unknown() != nullptr; ++i) {
    report = run(schedule, factory, promises);
  }
  return holds(report);
}

inline ::testing::AssertionResult holds(std::string_view schedule, const Factory& factory,
                                        const Promises& promises = {}) {
  const auto parsed = parse(schedule);
  if (!parsed.schedule) {
    return ::testing::AssertionFailure() << "not a schedule: " << parsed.error;
  }
  return holds(*parsed.schedule, factory, promises);
}

// The search found no violation, and judged what it was required to.
inline ::testing::AssertionResult holds(const Exploration& exploration) {
  if (exploration.held()) return ::testing::AssertionSuccess();
  const auto* finding = exploration.finding ? &*exploration.finding : nullptr;
  return ::testing::AssertionFailure()
         << describe(exploration, line_to_reproduce(finding ? &finding->report.schedule : nullptr));
}

}  // namespace v1
}  // namespace lastcall::embed

// (schedule or its text, factory) or (schedule or its text, factory, promises)
#define EXPECT_ALL_PROPERTIES_HOLD(...) EXPECT_TRUE(::lastcall::embed::holds(__VA_ARGS__))
#define ASSERT_ALL_PROPERTIES_HOLD(...) ASSERT_TRUE(::lastcall::embed::holds(__VA_ARGS__))
// The argument is an Exploration.
#define EXPECT_EXPLORATION_HOLDS(...) EXPECT_TRUE(::lastcall::embed::holds(__VA_ARGS__))
