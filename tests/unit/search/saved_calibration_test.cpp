#include "search/saved_calibration.hpp"

#include <gmock/gmock.h>

#include <string>

namespace lastcall {
namespace {

using ::testing::HasSubstr;

SavedCalibration saved() {
  SavedCalibration one{.known = 70, .left_out = 3, .threads = 4};
  auto& calibration = one.calibration;
  for (const auto* function : {"a()", "nobody comes here()", "b()"})
    calibration.points.push_back({.module = "/p",
                                  .offset = 16,
                                  .function = function,
                                  .within = 7,
                                  .kind = PointKind::atomic});
  calibration.visits = {{.point = 2,
                         .thread = 3,
                         .thread_name = "ping",
                         .phase = HuntPhase::stop,
                         .times = 9,
                         .first_tried = 5,
                         .is_shared = false},
                        {.point = 0, .phase = HuntPhase::run, .times = 1}};
  calibration.conflicts = {{.point = 0,
                            .thread = 3,
                            .thread_name = "ping",
                            .write = 2,
                            .writer = 1,
                            .writer_name = "net",
                            .written_then_only = true},
                           {.point = 1, .write = 2}};  // nobody comes there
  calibration.threads_are_stable = false;
  return one;
}

TEST(SavedCalibration, ComesBackWithThePlacesThatSomebodyMet) {
  const auto back = parse_calibration(calibration_json(saved()));
  ASSERT_TRUE(back.has_value()) << back.error().message();
  EXPECT_EQ(back->known, 70U);
  EXPECT_EQ(back->left_out, 3U);
  EXPECT_EQ(back->threads, 4);
  const auto& calibration = back->calibration;
  EXPECT_FALSE(calibration.threads_are_stable);
  ASSERT_EQ(calibration.points.size(), 2U);
  EXPECT_EQ(calibration.points[0], saved().calibration.points[2]);
  EXPECT_EQ(calibration.points[1].function, "a()");
  ASSERT_EQ(calibration.visits.size(), 2U);
  const auto& visit = calibration.visits[0];
  EXPECT_EQ(visit.point, 0U);
  EXPECT_EQ(visit.thread, 3);
  EXPECT_EQ(visit.thread_name, "ping");
  EXPECT_EQ(visit.phase, HuntPhase::stop);
  EXPECT_EQ(visit.times, 9U);
  EXPECT_EQ(visit.first_tried, 5U);
  EXPECT_FALSE(visit.is_shared);
  EXPECT_EQ(calibration.visits[1].point, 1U);
  ASSERT_EQ(calibration.conflicts.size(), 1U);
  const auto& conflict = calibration.conflicts[0];
  EXPECT_EQ(conflict.point, 1U);
  EXPECT_EQ(conflict.thread, 3);
  EXPECT_EQ(conflict.thread_name, "ping");
  EXPECT_EQ(conflict.write, 0U);
  EXPECT_EQ(conflict.writer, 1);
  EXPECT_EQ(conflict.writer_name, "net");
  EXPECT_TRUE(conflict.written_then_only);
}

TEST(SavedCalibration, ThatIsBrokenIsRefusedWithTheKey) {
  const auto error = [](const std::string& text) {
    const auto read = parse_calibration(text);
    return read ? "no error" : read.error().message();
  };
  EXPECT_THAT(error(""), HasSubstr("cannot read the calibration"));
  EXPECT_THAT(error("[]"), HasSubstr("is no object"));
  EXPECT_THAT(error("{}"), HasSubstr("it has no \"known\""));
  auto text = calibration_json(saved());
  text.replace(text.find("\"phase\":\"stop\""), 14, "\"phase\":\"halt\"");
  EXPECT_THAT(error(text), HasSubstr("\"phase\" cannot be \"halt\""));
  text = calibration_json(saved());
  text.replace(text.find("\"point\":0"), 9, "\"point\":2");
  EXPECT_THAT(error(text), HasSubstr("\"point\" is none of the points"));
}

}  // namespace
}  // namespace lastcall
