#include "shutdown/resource_manager.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <future>
#include <latch>
#include <stdexcept>

#include "unit/scratch_folder.hpp"

namespace graceful::shutdown {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;
using Which = ResourceManager::Which;

struct Resources {
  ResourceManager manager;
  std::vector<std::string> closed;

  Resources& add(const std::string& name, ResourceOptions options = {}) {
    const auto added = manager.add(make_resource(name, [this, name] { closed.push_back(name); }),
                                   std::move(options));
    EXPECT_TRUE(added.has_value());
    return *this;
  }
};

TEST(ResourceManager, TheLastRegisteredIsClosedFirst) {
  Resources all;
  all.add("database").add("cache").add("queue");
  ASSERT_TRUE(all.manager.cleanup().has_value());
  EXPECT_THAT(all.closed, ElementsAre("queue", "cache", "database"));
}

TEST(ResourceManager, AResourceIsClosedBeforeThoseItDependsOn) {
  Resources all;
  all.add("queue", {.depends_on = {"database", "log"}})
      .add("database", {.depends_on = {"log"}})
      .add("log");
  ASSERT_TRUE(all.manager.cleanup().has_value());
  EXPECT_THAT(all.closed, ElementsAre("queue", "database", "log"));
}

TEST(ResourceManager, WhatPersistingNeedsIsHeldWithAllItDependsOn) {
  Resources all;
  all.add("disk").add("database", {.depends_on = {"disk"}}).add("cache");
  ASSERT_TRUE(all.manager.hold_for_persisting("database").has_value());
  const auto order = *all.manager.order();
  EXPECT_THAT(order.in_cleaning, ElementsAre("cache"));
  EXPECT_THAT(order.after_persisting, ElementsAre("database", "disk"));
  ASSERT_TRUE(all.manager.cleanup(Which::in_cleaning).has_value());
  EXPECT_THAT(all.closed, ElementsAre("cache"));
  ASSERT_TRUE(all.manager.cleanup(Which::after_persisting).has_value());
  EXPECT_THAT(all.closed, ElementsAre("cache", "database", "disk"));
}

// The user of a resource that is held, itself not held, goes in Cleaning, though registered first.
TEST(ResourceManager, AUserOfAHeldResourceIsClosedInCleaning) {
  Resources all;
  all.add("session", {.depends_on = {"database"}}).add("database", {.needed_for_persisting = true});
  EXPECT_THAT(all.manager.order()->in_cleaning, ElementsAre("session"));
}

TEST(ResourceManager, ACycleIsRefusedWithItsNames) {
  Resources all;
  all.add("a", {.depends_on = {"b"}}).add("b", {.depends_on = {"a"}}).add("c");
  const auto order = all.manager.order();
  ASSERT_FALSE(order.has_value());
  EXPECT_THAT(order.error().message(), HasSubstr("a, b"));
  EXPECT_FALSE(all.manager.cleanup().has_value());
  EXPECT_THAT(all.closed, IsEmpty());
}

TEST(ResourceManager, AnUnknownDependencyIsRefusedByName) {
  Resources all;
  all.add("queue", {.depends_on = {"databse"}});
  EXPECT_THAT(all.manager.order().error().message(), HasSubstr("databse"));
  EXPECT_FALSE(all.manager.hold_for_persisting("nobody").has_value());
}

TEST(ResourceManager, ANameIsGivenOnceAndNotEmpty) {
  Resources all;
  all.add("queue");
  EXPECT_FALSE(all.manager.add(make_resource("queue", [] {})).has_value());
  EXPECT_FALSE(all.manager.add(make_resource("", [] {})).has_value());
  EXPECT_FALSE(all.manager.add(make_resource("self", [] {}), {.depends_on = {"self"}}).has_value());
  EXPECT_FALSE(all.manager.add(make_resource("ago", [] {}), {.limit = -1ms}).has_value());
}

TEST(ResourceManager, OneThatFailsOrThrowsOrHangsDoesNotStopTheOthersAndEachIsReported) {
  Resources all;
  auto let_go = std::make_shared<std::promise<void>>();
  auto ended = std::make_shared<std::latch>(1);
  all.add("first");
  ASSERT_TRUE(all.manager
                  .add(make_resource("hangs",
                                     [let_go, ended] {
                                       let_go->get_future().wait();
                                       ended->count_down();
                                     }),
                       {.limit = 5ms})
                  .has_value());
  ASSERT_TRUE(all.manager.add(make_resource("throws", [] { throw std::runtime_error("mine"); }))
                  .has_value());
  ASSERT_TRUE(all.manager.add(make_resource("throws-int", [] { throw 5; })).has_value());
  ASSERT_TRUE(
      all.manager
          .add(make_resource("fails", []() -> Result<void> { return Error("close", "it", EIO); }))
          .has_value());
  all.add("last");
  const auto reports = *all.manager.cleanup();
  ASSERT_EQ(6U, reports.size());
  EXPECT_EQ("last: done", reports[0].text());
  EXPECT_EQ(StepOutcome::failed, reports[1].outcome);
  EXPECT_THAT(reports[1].text(), HasSubstr("Input/output error"));
  EXPECT_THAT(reports[2].text(), HasSubstr("unknown type"));
  EXPECT_THAT(reports[3].text(), HasSubstr("mine"));
  EXPECT_EQ(StepOutcome::timed_out, reports[4].outcome);
  EXPECT_GE(reports[4].duration, 5ms);
  EXPECT_EQ("first: done", reports[5].text());
  EXPECT_THAT(all.closed, ElementsAre("last", "first"));
  let_go->set_value();
  ended->wait();
}

TEST(ResourceManager, NoCleanupRunsPastTheLatestMoment) {
  ResourceManager manager(1h);
  auto let_go = std::make_shared<std::promise<void>>();
  ASSERT_TRUE(
      manager.add(make_resource("hangs", [let_go] { let_go->get_future().wait(); })).has_value());
  const auto reports = *manager.cleanup(Which::all, ResourceManager::Clock::now());
  EXPECT_EQ(StepOutcome::timed_out, reports.at(0).outcome);
  let_go->set_value();
}

TEST(ResourceManager, AResourceIsClosedOnce) {
  Resources all;
  all.add("queue");
  EXPECT_EQ(1U, all.manager.cleanup()->size());
  EXPECT_EQ(0U, all.manager.cleanup()->size());
}

TEST(ReadyMade, TheDatabaseIsFlushedThenClosedAndClosedAlsoWhenTheFlushFailed) {
  std::vector<std::string> done;
  const auto close = [&] { done.emplace_back("close"); };
  const auto good =
      database_resource("db", {.flush = [&] { done.emplace_back("flush"); }, .close = close});
  EXPECT_TRUE(good->cleanup().has_value());
  EXPECT_THAT(done, ElementsAre("flush", "close"));
  const auto bad = database_resource(
      "db", {.flush = []() -> Result<void> { return Error("write", "the last batch", ENOSPC); },
             .close = close});
  EXPECT_THAT(bad->cleanup().error().message(), HasSubstr("last batch"));
  const auto worse =
      database_resource("db", {.flush = [] { throw std::runtime_error("mine"); }, .close = close});
  EXPECT_THAT(worse->cleanup().error().message(), HasSubstr("mine"));
  EXPECT_EQ(4U, done.size());
}

TEST(ReadyMade, TheLogIsFlushed) {
  bool flushed = false;
  EXPECT_TRUE(log_flush_resource("log", [&] { flushed = true; })->cleanup().has_value());
  EXPECT_TRUE(flushed);
}

TEST(ReadyMade, AFileIsSyncedByPathAndByDescriptorAndAMissingOneIsAnError) {
  const lastcall::testing::ScratchFolder folder;
  EXPECT_TRUE(file_sync_resource("file", folder.write("a", "text"))->cleanup().has_value());
  EXPECT_TRUE(file_sync_resource("folder", folder.path())->cleanup().has_value());
  int ends[2];
  ASSERT_EQ(0, ::pipe(ends));
  EXPECT_TRUE(file_sync_resource("pipe", ends[0])->cleanup().has_value());
  ::close(ends[0]);
  ::close(ends[1]);
  const auto missing = file_sync_resource("file", folder / "none")->cleanup();
  EXPECT_EQ(ENOENT, missing.error().error_number);
  EXPECT_EQ(EBADF, file_sync_resource("closed", ends[1])->cleanup().error().error_number);
}

}  // namespace
}  // namespace graceful::shutdown
