#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include "lastcall/embed_gtest.hpp"
#include "lastcall/embed_rapidcheck.hpp"
#include "unit/embed/small_server.hpp"

namespace lastcall::embed::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

const Promises kPatient{.deadline = 5s};

std::size_t steps_of(const Schedule& schedule) {
  std::size_t steps = 0;
  for (const auto& thread : schedule.threads) steps += thread.size();
  return steps;
}

// The smallest has the one step open:0. How near shrinking comes to it in its time is up to the
// scheduler, which decides how often a smaller schedule meets the race.
TEST(Explore, FindsTheSlippingConnectionAndASmallSchedule) {
  const auto found = explore(server(Defect::checks_then_counts), {.trials = 50}, kPatient);
  ASSERT_TRUE(found.finding) << describe(found);
  EXPECT_EQ("released", found.finding->property);
  EXPECT_GE(found.finding->rate.failed, 2U);
  const auto text = to_string(found.finding->report.schedule);
  EXPECT_THAT(text, HasSubstr("open:0"));
  EXPECT_LE(steps_of(found.finding->report.schedule), 4U) << text;
}

TEST(Explore, ShrinksToTheOneStepThatMatters) {
  const auto found = explore(server(Defect::exits_wrong), {.trials = 5}, kPatient);
  ASSERT_TRUE(found.finding);
  EXPECT_EQ("clean-exit", found.finding->property);
  EXPECT_EQ("", to_string(found.finding->report.schedule));  // any stop at all
  const auto sends = explore(server(Defect::throws_on_send), {.trials = 50}, kPatient);
  ASSERT_TRUE(sends.finding);
  EXPECT_EQ("open:0 send:0", to_string(sends.finding->report.schedule));
}

TEST(Explore, HoldsForTheServerThatIsRightAndSaysWhatItJudged) {
  auto search = Search{.trials = 200, .seed = 7};
  search.require = {"deadline",           "released",      "close-handshake", "stops-accepting",
                    "in-flight-finished", "repeat-signal", "acked-durable"};
  const auto explored = explore(server(), search, kPatient);
  EXPECT_EXPLORATION_HOLDS(explored);
  EXPECT_EQ(200U, explored.trials);
  EXPECT_GT(explored.judged.at("in-flight-finished"), 0U);
}

TEST(Explore, DoesNotHoldIfWhatIsRequiredWasNeverJudged) {
  const auto stop_only = Schedules{[](std::size_t) { return *parse("stop").schedule; }, {}};
  const auto explored =
      explore(server(), stop_only, {.trials = 2, .require = {"close-handshake"}}, kPatient);
  EXPECT_FALSE(explored.held());
  EXPECT_THAT(describe(explored), HasSubstr("close-handshake is required"));
}

TEST(Explore, TheSameSeedDrawsTheSameSchedules) {
  std::vector<std::string> drawn[2];
  for (auto& texts : drawn) {
    const auto source = schedules();
    for (std::uint64_t trial = 0; trial < 20; ++trial) {
      texts.push_back(to_string(source(rc::Random(trial), rc::kNominalSize).value()));
    }
  }
  EXPECT_EQ(drawn[0], drawn[1]);
}

// Violates its promise in one run of `period`, whatever the schedule.
Factory rarely_wrong(int period) {
  return [period, runs = std::make_shared<int>(0)] {
    const bool is_wrong = (*runs)++ % period == 0;
    return std::make_unique<SmallServer>(is_wrong ? Defect::exits_wrong : Defect::none);
  };
}

const Schedules kShrinksOnce{
    [](std::size_t) { return *parse("open:0 stop").schedule; },
    [](const Schedule& schedule) -> NextSmaller {
      return [is_left = schedule.threads[0].size() > 1]() mutable -> std::optional<Schedule> {
        if (!std::exchange(is_left, false)) return std::nullopt;
        return parse("stop").schedule;
      };
    }};

TEST(Explore, ARareRaceIsShrunkAtHalfItsOwnRate) {
  const auto found = explore(rarely_wrong(4), kShrinksOnce, {.trials = 1}, kPatient);
  ASSERT_TRUE(found.finding);
  EXPECT_EQ(1U, found.finding->accepted);
  EXPECT_EQ("stop", to_string(found.finding->report.schedule));
  EXPECT_EQ(20U, found.finding->rate.runs);
  EXPECT_EQ(5U, found.finding->rate.failed);
}

TEST(Explore, ASmallerScheduleIsNotAcceptedForOneLuckyRun) {
  // Always wrong with the connection, once in twenty runs without.
  const auto runs = std::make_shared<int>(0);
  class Lucky : public SmallServer {
   public:
    explicit Lucky(bool lucky) : lucky_(lucky) {}
    bool open(const Connection& connection) override {
      opened_ = true;
      return SmallServer::open(connection);
    }
    std::vector<std::string> left() override {
      // The runner's own try after the end does not count.
      return opened_before_end_ || lucky_ ? std::vector<std::string>{"timer"}
                                          : std::vector<std::string>{};
    }
    std::optional<int> wait_ended(std::chrono::steady_clock::time_point until) override {
      const auto code = SmallServer::wait_ended(until);
      if (code) opened_before_end_ = opened_.load();
      return code;
    }

   private:
    const bool lucky_;
    std::atomic<bool> opened_ = false;
    std::atomic<bool> opened_before_end_ = false;
  };
  const auto found = explore([runs] { return std::make_unique<Lucky>(++*runs % 20 == 0); },
                             kShrinksOnce, {.trials = 1}, kPatient);
  ASSERT_TRUE(found.finding);
  EXPECT_EQ(0U, found.finding->accepted);
  EXPECT_EQ("open:0 stop", to_string(found.finding->report.schedule));
  EXPECT_EQ("failed 20 of 20 runs", found.finding->rate.text());
}

TEST(Explore, RunsTheScheduleOfTheEnvironmentInstead) {
  ASSERT_EQ(0, ::setenv("LASTCALL_SCHEDULE", "open:0 | stop", 1));
  const auto found = explore(server(Defect::checks_then_counts), {.repeats = 3}, kPatient);
  ASSERT_EQ(0, ::setenv("LASTCALL_SCHEDULE", "open:0 | halt", 1));
  EXPECT_THROW(explore(server()), std::invalid_argument);
  ASSERT_EQ(0, ::unsetenv("LASTCALL_SCHEDULE"));
  EXPECT_EQ(3U, found.trials);
  ASSERT_TRUE(found.finding);
  EXPECT_EQ("failed 3 of 3 runs", found.finding->rate.text());
}

TEST(Assertions, PrintViolationHistoryAndTheLineToReproduce) {
  const auto found = explore(server(Defect::keeps_the_database), {.trials = 1}, kPatient);
  const auto explored = holds(found);
  EXPECT_FALSE(explored);
  const std::string text = explored.message();
  EXPECT_THAT(text, HasSubstr("released: fail: resource database is left"));
  EXPECT_THAT(text, HasSubstr("reproduce: LASTCALL_SCHEDULE='' '/"));
  EXPECT_THAT(text, HasSubstr("' --gtest_filter='Assertions.PrintViolationHistoryAndTheLine"));
  EXPECT_THAT(text, HasSubstr(R"({"t":"0.000000000","kind":)"));

  const auto one = holds("stop", server(Defect::keeps_the_database));
  EXPECT_THAT(one.message(), HasSubstr("schedule: stop"));
  EXPECT_THAT(one.message(), Not(HasSubstr("LASTCALL_SCHEDULE")));
  EXPECT_THAT(holds("halt", server()).message(), HasSubstr("there is no step 'halt'"));
}

TEST(Assertions, HoldForTheServerThatIsRight) {
  EXPECT_ALL_PROPERTIES_HOLD("open:0 send:0:1ms | stop", server(), kPatient);
  const auto wrong = server(Defect::exits_wrong);
  EXPECT_FALSE(holds("stop", wrong, kPatient));
}

}  // namespace
}  // namespace lastcall::embed::testing
