#include "search/conflict_attempts.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace lastcall::conflict_attempts_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A thread "jobs" that looks at a flag and then counts itself, and one that sets the flag.
class Server {
 public:
  Server() { calibration_.is_signalled = true; }

  // A place that a thread comes to during the stop.
  std::size_t place(const std::string& function, std::uint64_t within, int thread,
                    HuntPhase phase = HuntPhase::stop) {
    calibration_.points.push_back({.module = "/p",
                                   .offset = (function == "work" ? 0x1000 : 0x2000) + within,
                                   .function = function,
                                   .within = within,
                                   .kind = PointKind::access});
    calibration_.visits.push_back({.point = calibration_.points.size() - 1,
                                   .thread = thread,
                                   .thread_name = thread == 1 ? "jobs" : "",
                                   .phase = phase});
    return calibration_.points.size() - 1;
  }
  void conflict(std::size_t look, std::size_t write, bool then_only = true) {
    calibration_.conflicts.push_back({.point = look,
                                      .thread = 1,
                                      .thread_name = "jobs",
                                      .write = write,
                                      .writer = 7,
                                      .written_then_only = then_only});
  }
  [[nodiscard]] std::vector<std::string> pairs(bool by_name = false) const {
    std::vector<std::string> texts;
    for (const auto& attempt :
         conflict_attempts(by_name ? by_thread_name(calibration_) : calibration_)) {
      EXPECT_EQ(attempt.kind, SearchKind::pairs);
      EXPECT_EQ(attempt.holds.size(), 2U);
      EXPECT_FALSE(attempt.holds[0].follows);
      EXPECT_TRUE(attempt.holds[1].follows);
      EXPECT_GT(attempt.holds[1].time, attempt.holds[0].time);
      texts.push_back(point_text(attempt.holds[0].point) + ", " +
                      point_text(attempt.holds[1].point));
    }
    return texts;
  }
  Calibration calibration_;
};

TEST(ConflictAttempts, HoldWhoChangesMemoryAndMeanwhileWhoHasLookedAtIt) {
  Server server;
  const auto look = server.place("work", 0x10, 1);
  server.place("work", 0x18, 1);
  server.place("work", 0x20, 1);
  server.place("work", 0x28, 1);
  server.conflict(look, server.place("drained", 0x4, 7));
  for (const bool by_name : {false, true}) {
    EXPECT_THAT(
        server.pairs(by_name),
        ElementsAre("drained+0x4, work+0x18", "drained+0x4, work+0x10", "drained+0x4, work+0x20"));
  }
}

TEST(ConflictAttempts, BeginWithMemoryThatIsChangedInThatPhaseOnly) {
  Server server;
  const auto counter = server.place("work", 0x10, 1);
  const auto flag = server.place("work", 0x18, 1);
  server.conflict(counter, server.place("drained", 0x4, 7), false);
  server.conflict(flag, server.place("drained", 0x8, 7));
  EXPECT_THAT(server.pairs(), ElementsAre("drained+0x8, work+0x18", "drained+0x4, work+0x18",
                                          "drained+0x4, work+0x10"));
}

TEST(ConflictAttempts, AreNoneWhereOneOfBothComesInAnotherPhaseOnly) {
  Server server;
  const auto look = server.place("work", 0x10, 1, HuntPhase::run);
  server.conflict(look, server.place("drained", 0x4, 7));
  EXPECT_THAT(server.pairs(), IsEmpty());
  server.calibration_.is_signalled = false;
  EXPECT_THAT(server.pairs(), IsEmpty());
}

TEST(ConflictAttempts, OfAThreadWithANameDoNotWaitForManyOfOthers) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Server server;
    for (int i = 0; i < 50; ++i) {
      const auto at = 0x100 * static_cast<std::uint64_t>(i + 1);
      server.calibration_.conflicts.push_back({.point = server.place("loop", at, 3),
                                               .thread = 3,
                                               .write = server.place("drained", at, 7),
                                               .writer = 7,
                                               .written_then_only = true});
    }
    server.conflict(server.place("work", 0x10, 1), server.place("drained", 0x4, 7));
    const auto calibration = by_thread_name(server.calibration_);
    Attempts attempts(calibration, seed);
    int pairs = 0;
    bool is_found = false;
    while (pairs < 2 && !is_found) {
      const auto attempt = attempts.next();
      if (attempt->holds.size() != 2) continue;
      ++pairs;
      is_found = attempt->holds.back().point.function == "work";
    }
    EXPECT_TRUE(is_found) << seed;
  }
}

TEST(ConflictAttempts, AreHandedOutEarlyAmongAllAttempts) {
  Server server;
  const auto look = server.place("work", 0x10, 1);
  server.place("work", 0x18, 1);
  server.conflict(look, server.place("drained", 0x4, 7));
  for (int i = 0; i < 200; ++i) server.place("other", 8 * static_cast<std::uint64_t>(i + 1), 3);
  Attempts attempts(server.calibration_, 1);
  int pairs = 0;
  for (int i = 0; i < 6; ++i) pairs += attempts.next()->holds.size() == 2 ? 1 : 0;
  EXPECT_EQ(pairs, 2);
}

}  // namespace
}  // namespace lastcall::conflict_attempts_test
