#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "campaign/results.hpp"
#include "reports/reports.hpp"
#include "unit/reports/every_outcome.hpp"

namespace lastcall {
namespace {

using ::lastcall::testing::every_outcome;

class Results : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = ::testing::TempDir() + "results-" + std::to_string(::getpid());
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ + "/" + name) << text;
  }
  std::string directory_;
};

TEST_F(Results, EveryReportIsTheSameAfterReading) {
  auto campaign = every_outcome();
  campaign.results = directory_;
  campaign.host = "host";
  campaign.broken = "no more room";
  auto& scenario = campaign.scenarios[0];
  scenario.trials[0].stop_moment = {Phase::drain, Nanoseconds(7)};
  scenario.trials[0].idle_tail = Nanoseconds(5);
  scenario.trials[0].idle_waits = {Nanoseconds(5), "server (80) waited"};
  scenario.trials[0].warnings = {"cannot remove /tmp/x"};
  scenario.silent = {{"clients #1", "no client was answered"}};
  scenario.findings[0].consequences = {{"released", "a file is left", {2}}};
  scenario.properties[0].not_judged = {{"sent late", 1}};
  scenario.properties[1].noted = {{"excused by KeyError", 300}};
  write("report.json", reports::json(campaign));

  const auto read = read_results(directory_);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_TRUE(read->is_complete);
  EXPECT_EQ(reports::json(read->summary), reports::json(campaign));
  EXPECT_EQ(reports::junit(read->summary), reports::junit(campaign));
  EXPECT_EQ(reports::markdown(read->summary), reports::markdown(campaign));
  EXPECT_EQ(reports::terminal(read->summary, true), reports::terminal(campaign, true));
}
TEST_F(Results, OfARunningCampaignAreItsFinishedTrials) {
  TrialResult result;
  result.seed = 3;
  result.verdicts = {{.property = "clean-exit", .outcome = Outcome::fail, .judged = 1}};
  auto line = R"({"scenario":"a.toml","trial":2,"directory":"","result":)" + to_json(result);
  line.back() = '}';
  write("trials.jsonl", line + "\n" + R"({"scenario":"a.toml","trial":3,"dir)");
  const auto read = read_results(directory_);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_FALSE(read->is_complete);
  ASSERT_EQ(read->summary.scenarios.size(), 1U);
  EXPECT_EQ(read->summary.scenarios[0].trials.size(), 1U);
  ASSERT_NE(find_trial(read->summary, 2), nullptr);
  EXPECT_EQ(find_trial(read->summary, 2)->seed, 3U);
  EXPECT_EQ(find_trial(read->summary, 3), nullptr);
  EXPECT_EQ(read->summary.exit_code, 1);
}
TEST_F(Results, DamageIsAnErrorThatNamesTheFile) {
  EXPECT_FALSE(read_results(directory_));
  for (const std::string damaged :
       {R"({"format":"lastcall-report")", R"([1])", R"({"format":"lastcall-report","version":9})",
        R"({"format":"lastcall-report","version":1,"seed":"x"})"}) {
    write("report.json", damaged);
    const auto read = read_results(directory_);
    ASSERT_FALSE(read) << damaged;
    EXPECT_NE(read.error().message().find("report.json"), std::string::npos);
  }
}

}  // namespace
}  // namespace lastcall
