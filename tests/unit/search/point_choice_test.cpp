#include "search/point_choice.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace lastcall::point_choice_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// A function at an address, with places inside of it.
struct Function {
  std::string name;
  std::uint64_t start;
  std::vector<PointKind> inside{};
};

class Program {
 public:
  explicit Program(const std::vector<Function>& functions) {
    for (const auto& one : functions) {
      add(one, 0, PointKind::entry);
      for (std::size_t i = 0; i < one.inside.size(); ++i) add(one, i + 1, one.inside[i]);
    }
  }
  [[nodiscard]] const std::vector<CodePoint>& points() const { return points_; }

  // A calibration in which threads came to functions.
  struct Meeting {
    std::string function;
    std::string thread_name;
    HuntPhase phase = HuntPhase::run;
    int thread = 1;
  };
  [[nodiscard]] Calibration met(const std::vector<Meeting>& meetings) const {
    Calibration calibration;
    for (const auto& one : meetings) {
      for (const auto& point : points_) {
        if (point.function != one.function || point.within != 0) continue;
        calibration.visits.push_back({.point = calibration.points.size(),
                                      .thread = one.thread,
                                      .thread_name = one.thread_name,
                                      .phase = one.phase,
                                      .times = 1});
        calibration.points.push_back(point);
      }
    }
    return calibration;
  }

 private:
  void add(const Function& function, std::uint64_t within, PointKind kind) {
    points_.push_back({.module = "/p",
                       .offset = function.start + within,
                       .function = function.name,
                       .within = within,
                       .kind = kind});
  }
  std::vector<CodePoint> points_;
};

std::vector<std::string> texts(const PointChoice& choice) {
  std::vector<std::string> all;
  for (const auto& point : choice.points) all.push_back(point_text(point));
  return all;
}

constexpr auto kAccess = PointKind::access;
constexpr auto kAtomic = PointKind::atomic;
constexpr auto kAfterCall = PointKind::after_call;

TEST(PointChoice, EverywhereFunctionsComeFirstAndAccessesLast) {
  const Program program({{"a", 16, {kAccess, kAtomic}}, {"b", 32, {kAfterCall}}});
  const auto choice = choose_points(program.points(), PointScope::everywhere, {}, 4);
  EXPECT_THAT(texts(choice), ElementsAre("a", "b", "a+0x2", "b+0x1"));
  EXPECT_EQ(choice.left_out, 1U);
}

TEST(PointChoice, OfFunctionsNothingInsideIsTakenOrLeftOut) {
  const Program program({{"a", 16, {kAccess}}, {"b", 32, {kAtomic}}, {"c", 48}});
  const auto choice = choose_points(program.points(), PointScope::functions, {}, 2);
  EXPECT_THAT(texts(choice), ElementsAre("a", "b"));
  EXPECT_EQ(choice.left_out, 1U);
}

TEST(PointChoice, NoPlaceInsideOfAFunctionThatNobodyMet) {
  const Program program({{"met", 16, {kAtomic}}, {"unmet", 32, {kAtomic, kAccess}}});
  const auto choice =
      choose_points(program.points(), PointScope::insides, program.met({{"met", "a"}}), 10);
  EXPECT_THAT(texts(choice), ElementsAre("met+0x1"));
  EXPECT_EQ(choice.unmet, 2U);
  EXPECT_EQ(choice.left_out, 0U);
}

TEST(PointChoice, AThreadThatComesToFewPlacesHasItsTurn) {
  const std::vector<PointKind> many(20, kAfterCall);
  const Program program({{"busy", 16, many}, {"rare", 64, {kAtomic, kAccess}}});
  const auto met = program.met({{"busy", "server"}, {"rare", "jobs"}});
  const auto choice = choose_points(program.points(), PointScope::insides, met, 4);
  EXPECT_THAT(texts(choice), UnorderedElementsAre("busy+0x1", "busy+0x2", "rare+0x1", "rare+0x2"));
  EXPECT_EQ(choice.left_out, 18U);
}

TEST(PointChoice, ThreadsWithoutANameHaveATurnEach) {
  const std::vector<PointKind> many(20, kAfterCall);
  const Program program({{"busy", 16, many}, {"rare", 64, {kAtomic}}});
  const auto met = program.met({{"busy", "", HuntPhase::stop, 0}, {"rare", "", HuntPhase::start}});
  EXPECT_THAT(texts(choose_points(program.points(), PointScope::insides, met, 2)),
              UnorderedElementsAre("busy+0x1", "rare+0x1"));
}

TEST(PointChoice, ThreadsOfOneNameHaveOneTurn) {
  const std::vector<PointKind> many(20, kAfterCall);
  const Program program({{"a", 16, many}, {"b", 64, many}, {"c", 96, many}});
  const auto met = program.met({{"a", "worker", HuntPhase::run, 1},
                                {"b", "worker", HuntPhase::run, 2},
                                {"c", "timer", HuntPhase::run, 3}});
  EXPECT_THAT(texts(choose_points(program.points(), PointScope::insides, met, 4)),
              UnorderedElementsAre("a+0x1", "a+0x2", "c+0x1", "c+0x2"));
}

TEST(PointChoice, TheStopComesBeforeTheLoadAndTheStart) {
  const Program program({{"start", 16, {kAtomic}},
                         {"run", 32, {kAtomic}},
                         {"stop", 48, {kAccess, kAtomic}},
                         {"both", 64, {kAtomic}}});
  const auto met = program.met({{"start", "a", HuntPhase::start},
                                {"run", "a", HuntPhase::run},
                                {"both", "a", HuntPhase::stop},
                                {"both", "a", HuntPhase::run},
                                {"stop", "a", HuntPhase::stop}});
  const auto chosen = [&](std::size_t most) {
    return texts(choose_points(program.points(), PointScope::insides, met, most));
  };
  EXPECT_THAT(chosen(2), UnorderedElementsAre("stop+0x2", "both+0x1"));
  EXPECT_THAT(chosen(4), UnorderedElementsAre("stop+0x1", "stop+0x2", "both+0x1", "run+0x1"));
}

TEST(PointChoice, AFunctionWhoseEntryWasLeftOutMayHaveBeenMet) {
  const Program program({{"a", 16, {kAtomic}}, {"b", 32, {kAtomic, kAccess}}});
  const auto choice = choose_points(program.points(), PointScope::insides, {}, 1);
  EXPECT_THAT(choice.points, IsEmpty());
  EXPECT_EQ(choice.unmet, 1U);
  EXPECT_EQ(choice.left_out, 2U);
}

TEST(PointChoice, JoinedCalibrationsKeepTheirPlaces) {
  const Program program({{"a", 16}, {"b", 32}});
  auto second = program.met({{"b", "jobs"}});
  second.threads_are_stable = false;
  const auto both = joined(program.met({{"a", "ping"}, {"b", "ping"}}), second);
  ASSERT_EQ(both.visits.size(), 3U);
  EXPECT_EQ(both.points[both.visits[0].point].function, "a");
  EXPECT_EQ(both.points[both.visits[2].point].function, "b");
  EXPECT_EQ(both.visits[2].thread_name, "jobs");
  EXPECT_FALSE(both.threads_are_stable);
}

}  // namespace
}  // namespace lastcall::point_choice_test
