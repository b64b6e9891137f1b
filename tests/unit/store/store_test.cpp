#include "store/store.hpp"

#include <SQLiteCpp/Database.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "store/schema.hpp"
#include "store/stored_summary.hpp"
#include "store/writer.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

using ::testing::HasSubstr;

constexpr auto kText = R"(
about = "a test"
crowd = "none"
[target]
command = ["server", "{port}"]
ready = { log = "^ready" }
[[clients]]
url = "http://127.0.0.1:{port}/"
[[faults]]
what = "stop"
when = { phase = "load", at = "50ms" }
)";

CampaignStart start(const std::string& run = "0123") {
  return {.run = run,
          .started_utc = "2026-01-31T12:00:00Z",
          .seed = 18'000'000'000'000'000'000ULL,
          .lastcall_version = "0.1.0",
          .results = "r",
          .machine = "{}",
          .writer = this_writer(),
          .shard = {2, 3},
          .stops_by_its_results = true,
          .scenarios = {{.file = "a.toml",
                         .text = kText,
                         .hash = sha256(kText),
                         .planned = 5,
                         .target_build = "server build-id 0f",
                         .target_version = "1.2"}}};
}

StoredTrial trial(std::uint32_t number, Outcome outcome = Outcome::pass) {
  StoredTrial stored;
  stored.trial.number = number;
  stored.trial.trial = number;
  stored.trial.seed = 17'000'000'000'000'000'000ULL + number;
  stored.trial.directory = "trials/a-000" + std::to_string(number);
  stored.trial.stop = std::chrono::milliseconds(5);
  stored.trial.verdicts.push_back(
      {.property = "deadline", .outcome = outcome, .judged = 1, .reason = "odd \xff byte"});
  if (outcome == Outcome::fail) stored.plan = "{}";
  return stored;
}

class StoreFile : public ::testing::Test {
 protected:
  testing::ScratchFolder folder_;
  std::string path_ = folder_ / "results.sqlite";

  Store to_write() {
    auto store = Store::open_to_write(path_);
    if (!store) throw std::runtime_error(store.error().message);
    return std::move(*store);
  }
  StoredCampaign read_back(std::int64_t id = 1) {
    auto store = Store::open_to_read(path_);
    if (!store) throw std::runtime_error(store.error().message);
    return *store->load(id);
  }
  std::string bytes() {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(StoreFile, GivesBackWhatItWasGiven) {
  {
    auto store = to_write();
    const auto id = *store.begin(start());
    ASSERT_TRUE(store.add(id, trial(2, Outcome::fail)));
    ASSERT_TRUE(store.add(id, trial(1)));
    ASSERT_TRUE(store.end(id, {.ended_utc = "2026-01-31T12:01:00Z",
                               .duration = std::chrono::seconds(60),
                               .interrupted = true,
                               .broken = "why",
                               .exit_code = 130,
                               .gave_up = {"it does not start"}}));
  }
  const auto campaign = read_back();
  EXPECT_EQ(campaign.start.scenarios.at(0).gave_up, "it does not start");
  EXPECT_EQ(summary_of(campaign)->scenarios.at(0).gave_up, "it does not start");
  EXPECT_EQ(campaign.start.seed, start().seed);
  EXPECT_EQ(campaign.start.shard, start().shard);
  EXPECT_TRUE(campaign.start.stops_by_its_results);
  EXPECT_EQ(campaign.start.scenarios.at(0).text, kText);
  EXPECT_EQ(campaign.start.scenarios.at(0).target_build, "server build-id 0f");
  EXPECT_EQ(campaign.start.scenarios.at(0).target_version, "1.2");
  ASSERT_TRUE(campaign.end);
  EXPECT_EQ(campaign.end->exit_code, 130);
  EXPECT_EQ(campaign.end->broken, "why");
  ASSERT_EQ(campaign.trials.size(), 2U);
  const auto& second = campaign.trials[1];
  EXPECT_EQ(second.trial.number, 2U);
  EXPECT_EQ(second.trial.seed, trial(2).trial.seed);
  EXPECT_EQ(second.trial.directory, "trials/a-0002");
  EXPECT_EQ(second.trial.verdicts.at(0).outcome, Outcome::fail);
  EXPECT_EQ(second.plan, "{}");
}
TEST_F(StoreFile, KeepsCampaignsApartAndInOrder) {
  auto store = to_write();
  const auto first = *store.begin(start("1"));
  const auto second = *store.begin(start("2"));
  ASSERT_TRUE(store.add(second, trial(1)));
  EXPECT_EQ(*store.campaigns(), (std::vector<std::int64_t>{first, second}));
  EXPECT_EQ(read_back(first).trials.size(), 0U);
  EXPECT_EQ(read_back(second).trials.size(), 1U);
}
TEST_F(StoreFile, RefusesATrialTwice) {
  auto store = to_write();
  const auto id = *store.begin(start());
  ASSERT_TRUE(store.add(id, trial(1)));
  EXPECT_FALSE(store.add(id, trial(1)));
  EXPECT_EQ(read_back().trials.size(), 1U);
}
// Of four campaigns the last two that began before, and of those what its scenarios judged.
TEST_F(StoreFile, TellsWhatEarlierCampaignsOfTheSameScenariosFound) {
  auto store = to_write();
  const auto add = [&](int day, std::initializer_list<Outcome> outcomes,
                       const std::string& file = "a.toml") {
    auto campaign = start(file + std::to_string(day));
    campaign.started_utc = "2026-01-0" + std::to_string(day) + "T12:00:00Z";
    campaign.scenarios[0].file = file;
    const auto id = *store.begin(campaign);
    std::uint32_t number = 0;
    for (const auto outcome : outcomes) EXPECT_TRUE(store.add(id, trial(++number, outcome)));
    return campaign;
  };
  using enum Outcome;
  (void)add(1, {fail});
  const auto shown = add(4, {fail, fail, fail});
  (void)add(3, {pass, fail, unknown, not_applicable});
  (void)add(2, {pass, pass});
  (void)add(3, {fail}, "b.toml");
  (void)add(5, {fail});
  const auto past = *store.before(shown, 2);
  ASSERT_EQ(past.size(), 2U);
  EXPECT_EQ(past[0].started_utc, "2026-01-02T12:00:00Z");
  EXPECT_EQ(past[0].target_version, "1.2");
  ASSERT_EQ(past[0].counts.size(), 1U);
  EXPECT_EQ(past[0].counts[0].trials, 2U);
  ASSERT_EQ(past[1].counts.size(), 1U);
  const auto& counts = past[1].counts[0];
  EXPECT_EQ(counts.scenario, "a.toml");
  EXPECT_EQ(counts.property, "deadline");
  EXPECT_EQ(counts.failures, 1U);
  EXPECT_EQ(counts.trials, 2U);
  EXPECT_EQ(counts.unknown, 1U);
}
// As version 1 left it, which had no gave_up.
TEST_F(StoreFile, AnOlderOneIsMigrated) {
  {
    SQLite::Database old(path_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    old.exec(std::string(store_schema::kSteps[0]));
    old.exec("PRAGMA user_version=1");
    old.exec("PRAGMA application_id=" + std::to_string(store_schema::kApplication));
    old.exec(
        "INSERT INTO campaigns (id, run, started_utc, seed, lastcall_version, results, "
        "machine, writer, shard, shards, stops_by_its_results) VALUES (1, 'a', "
        "'2026-01-31T12:00:00Z', '7', '0.1.0', 'r', '{}', '', 1, 1, 0)");
    old.exec(
        "INSERT INTO scenarios (campaign, position, file, hash, text, planned, target_build, "
        "target_version) VALUES (1, 0, 'a.toml', 'h', 't', 5, '', '')");
  }
  const auto campaign = read_back();
  EXPECT_EQ(campaign.start.seed, 7U);
  EXPECT_EQ(campaign.start.scenarios.at(0).file, "a.toml");
  EXPECT_EQ(campaign.start.scenarios.at(0).gave_up, "");
}
TEST_F(StoreFile, IsOneFileWhenItIsLeftAlone) {
  auto store = to_write();
  ASSERT_TRUE(store.begin(start()));
  store.leave_alone();
  EXPECT_FALSE(std::filesystem::exists(path_ + "-wal"));
  EXPECT_EQ(read_back().trials.size(), 0U);
}
// Killed at any moment, a writer leaves all that it has said it added.
TEST_F(StoreFile, KeepsWhatAKilledProcessAdded) {
  int told[2];
  ASSERT_EQ(::pipe(told), 0);
  const auto child = ::fork();
  if (child == 0) {
    auto store = Store::open_to_write(path_);
    const auto id = *store->begin(start());
    for (std::uint32_t number = 1;; ++number) {
      if (!store->add(id, trial(number))) ::_exit(1);
      if (::write(told[1], "+", 1) != 1) ::_exit(1);
    }
  }
  char added[40];
  std::size_t count = 0;
  while (count < sizeof added) {
    const auto n = ::read(told[0], added, sizeof added - count);
    ASSERT_GT(n, 0);
    count += static_cast<std::size_t>(n);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(told[0]);
  ::close(told[1]);
  const auto campaign = read_back();
  EXPECT_GE(campaign.trials.size(), count);
  EXPECT_FALSE(campaign.end);
  EXPECT_FALSE(is_running(campaign.start.writer));
  const auto summary = *summary_of(campaign);
  EXPECT_TRUE(summary.interrupted);
  EXPECT_EQ(summary.scenarios.at(0).trials.size(), campaign.trials.size());
}
TEST_F(StoreFile, TwoProcessesWriteAtOnce) {
  constexpr std::uint32_t kTrials = 60;
  const auto write_campaign = [&](const std::string& run) {
    const auto child = ::fork();
    if (child != 0) return child;
    auto store = Store::open_to_write(path_);
    if (!store) ::_exit(1);
    const auto id = *store->begin(start(run));
    for (std::uint32_t number = 1; number <= kTrials; ++number) {
      if (!store->add(id, trial(number))) ::_exit(2);
    }
    ::_exit(0);
  };
  const pid_t children[] = {write_campaign("1"), write_campaign("2"), write_campaign("3")};
  for (const auto child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  for (const auto id : {1, 2, 3}) EXPECT_EQ(read_back(id).trials.size(), kTrials);
}

TEST_F(StoreFile, ADamagedOneIsRefusedAndLeftAsItIs) {
  {
    auto store = to_write();
    const auto id = *store.begin(start());
    for (std::uint32_t number = 1; number < 50; ++number) ASSERT_TRUE(store.add(id, trial(number)));
    store.leave_alone();
  }
  const auto sound = bytes();
  for (const auto& broken : {sound.substr(0, sound.size() / 2), sound.substr(0, 100),
                             sound.substr(0, 4096) + std::string(sound.size() - 4096, 'x')}) {
    folder_.write("results.sqlite", broken);
    for (const bool writing : {true, false}) {
      const auto opened = writing ? Store::open_to_write(path_) : Store::open_to_read(path_);
      ASSERT_FALSE(opened);
      EXPECT_THAT(opened.error().message, HasSubstr("is damaged"));
      EXPECT_FALSE(opened.error().of_the_user);
      EXPECT_EQ(bytes(), broken);
    }
  }
}
TEST_F(StoreFile, WhatIsNoStoreIsRefusedAndLeftAsItIs) {
  for (const auto& text : {std::string("about = \"a scenario\"\n"), std::string(5000, 'a')}) {
    folder_.write("results.sqlite", text);
    EXPECT_FALSE(Store::open_to_write(path_));
    EXPECT_EQ(bytes(), text);
  }
  const auto missing = Store::open_to_read(folder_ / "none.sqlite");
  ASSERT_FALSE(missing);
  EXPECT_TRUE(missing.error().of_the_user);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none.sqlite"));
}
TEST_F(StoreFile, OneOfANewerLastcallIsRefused) {
  {
    auto store = to_write();
    store.leave_alone();
  }
  auto newer = bytes();
  newer.replace(60, 4, std::string("\0\0\0\x63", 4));  // user_version: 99
  folder_.write("results.sqlite", newer);
  const auto opened = Store::open_to_write(path_);
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().of_the_user);
  EXPECT_THAT(opened.error().message, HasSubstr("version 99"));
  EXPECT_EQ(bytes(), newer);
}
TEST_F(StoreFile, ADatabaseOfAnotherProgramIsRefused) {
  {
    auto store = to_write();
    store.leave_alone();
  }
  auto other = bytes();
  other.replace(68, 4, std::string(4, '\0'));  // application_id
  folder_.write("results.sqlite", other);
  const auto opened = Store::open_to_write(path_);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("is no store of lastcall"));
  EXPECT_EQ(bytes(), other);
}
TEST_F(StoreFile, AnEmptyFileBecomesAStore) {
  folder_.write("results.sqlite", "");
  EXPECT_TRUE(to_write().begin(start()));
}

TEST(Writer, ThisProcessRunsAndOneThatEndedDoesNot) {
  EXPECT_TRUE(is_running(this_writer()));
  EXPECT_FALSE(is_running(""));
  EXPECT_FALSE(is_running("boot pid:[1] 1 1"));
  auto other = this_writer();
  other.back() = other.back() == '1' ? '2' : '1';  // began at another time
  EXPECT_FALSE(is_running(other));
}
TEST(Writer, RandomIdsDiffer) {
  EXPECT_EQ(random_id().size(), 32U);
  EXPECT_NE(random_id(), random_id());
}
TEST(StoredSummary, JudgesAsTheCampaignDid) {
  StoredCampaign campaign{.start = start(), .trials = {trial(1), trial(2, Outcome::fail)}};
  const auto summary = *summary_of(campaign);
  const auto& scenario = summary.scenarios.at(0);
  EXPECT_EQ(scenario.about, "a test");
  EXPECT_EQ(scenario.planned, 5U);
  const auto deadline = std::ranges::find(scenario.properties, "deadline", &PropertySummary::name);
  ASSERT_NE(deadline, scenario.properties.end());
  EXPECT_EQ(deadline->fail, 1U);
  campaign.start.scenarios[0].text = "nonsense = 1";
  EXPECT_FALSE(summary_of(campaign));
}
TEST(Sha256, IsThatOfTheStandard) {
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace lastcall
