#include "reference_server/event_store.hpp"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <future>
#include <thread>

#include "unit/reference_server/served.hpp"

namespace {
std::atomic<int> synced = 0;
std::atomic<bool> disk_fails = false;
}  // namespace

// SQLite's own calls come here: the program's symbols go before those of a shared library.
extern "C" int fdatasync(int fd) {
  ++synced;
  if (disk_fails) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

namespace reference_server {
namespace {

class EventStoreTest : public Served {};

Event event(const std::string& id, const std::string& body = "{}") {
  return {"http", id, "event", body};
}

TEST_F(EventStoreTest, AnEventIsStoredOnceHoweverOftenItComes) {
  open();
  EXPECT_EQ(add(event("a")), Stored::fresh);
  EXPECT_EQ(add(event("a")), Stored::known);
  EXPECT_EQ(add(event("a", "[]")), Stored::conflict);
  EXPECT_EQ(add({"ocpp/CP1", "a", "Heartbeat", "{}"}), Stored::fresh);
  EXPECT_EQ(ask({}).size(), 2U);
  EXPECT_EQ(store_->totals().events, 2U);
  EXPECT_EQ(store_->totals().last_id, "a");
}

TEST_F(EventStoreTest, WhatWaitsIsWrittenInBatches) {
  open(100);
  int stored = 0;
  for (int i = 0; i < 1000; ++i) {
    store_->add(event(std::to_string(i)), [&](Stored how) { stored += how == Stored::fresh; });
  }
  until([&] { return stored == 1000; });
  EXPECT_GE(metrics_.batches, 10U);
  EXPECT_LT(metrics_.batches, 500U);  // the first ones may be small
}

TEST_F(EventStoreTest, WhatWasReportedIsThereAfterARestart) {
  open();
  add(event("a"));
  add(event("b"));
  store_.reset();
  open();
  const auto found = ask({});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].event.id, "b");
  EXPECT_EQ(store_->totals().events, 2U);
  EXPECT_EQ(store_->totals().last_id, "b");
}

TEST_F(EventStoreTest, WhatWasReportedIsThereAfterSigkill) {
  const pid_t child = ::fork();
  if (child == 0) {
    open();
    add(event("a"));
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  open();
  EXPECT_EQ(ask({}).size(), 1U);
}

// PRAGMA synchronous=FULL is of a connection and leaves no trace in the file: its effect is that
// each commit is synced (https://www.sqlite.org/pragma.html#pragma_synchronous).
TEST_F(EventStoreTest, WhatWasReportedHasBeenSynced) {
  open();
  for (int i = 0; i < 20; ++i) {
    const int before = synced;
    ASSERT_EQ(Stored::fresh, add(event(std::to_string(i))));
    EXPECT_GT(synced, before) << i;
  }
}

// From here on no commit succeeds; the store's thread is held until it has been told to finish.
TEST_F(EventStoreTest, WhatFinishCannotWriteIsAnError) {
  std::promise<void> go_on;
  auto held = go_on.get_future().share();
  std::atomic<int> posted = 0;
  const auto post = [&](const std::function<void()>& call) {
    if (posted++ == 0) held.wait();
    call();
  };
  auto opened = EventStore::open({folder_ + "/events.db", 1, post}, log_, metrics_);
  ASSERT_TRUE(opened) << opened.error().message();
  store_ = std::move(*opened);
  store_->add(event("first"), [](Stored) {});
  while (posted == 0) std::this_thread::yield();

  disk_fails = true;
  std::atomic<int> failed = 0;
  const auto count = [&](Stored how) { failed += how == Stored::failed ? 1 : 0; };
  store_->add(event("last"), count);
  auto finishing = std::async(std::launch::async, [&] { return store_->finish(); });
  while (failed == 0) {  // who comes once it is finishing is refused at once
    store_->add(event("probe"), count);
    finishing.wait_for(std::chrono::milliseconds(1));
  }
  go_on.set_value();
  const auto finished = finishing.get();
  disk_fails = false;
  ASSERT_FALSE(finished);
  EXPECT_NE(finished.error().message().find("events of the last batches"), std::string::npos);
  EXPECT_GE(failed, 2);
}

TEST_F(EventStoreTest, FinishWritesWhatWaitsAndTakesNothingNew) {
  open(10);
  int stored = 0;
  int failed = 0;
  const auto count = [&](Stored how) { ++(how == Stored::fresh ? stored : failed); };
  for (int i = 0; i < 100; ++i) store_->add(event(std::to_string(i)), count);
  EXPECT_TRUE(store_->finish());
  store_->add(event("late"), count);
  until([&] { return stored + failed == 101; });
  EXPECT_EQ(stored, 100);
  EXPECT_EQ(failed, 1);
  EXPECT_TRUE(store_->close());
  store_.reset();
  open();
  EXPECT_EQ(ask({}).size(), 100U);
}

TEST_F(EventStoreTest, QuestionsAreAnsweredInOrderAndBounded) {
  open();
  for (const auto* id : {"a", "b", "c", "d"}) add(event(id));
  EventStore::Question latest;
  latest.limit = 2;
  latest.latest = true;
  const auto last = ask(latest);
  ASSERT_EQ(last.size(), 2U);
  EXPECT_EQ(last[0].event.id, "c");
  EXPECT_EQ(last[1].event.id, "d");
  EventStore::Question after;
  after.after = last[0].sequence;
  EXPECT_EQ(ask(after).size(), 1U);
  EventStore::Question by_id;
  by_id.id = "b";
  EXPECT_EQ(ask(by_id).size(), 1U);
}

TEST_F(EventStoreTest, ASecondServerOnTheSameDatabaseIsRefused) {
  open();
  add(event("a"));
  const auto second =
      EventStore::open({folder_ + "/events.db", 1, [](const auto&) {}}, log_, metrics_);
  EXPECT_FALSE(second);
}

TEST_F(EventStoreTest, AFolderThatIsNotThereIsAnError) {
  const auto none =
      EventStore::open({folder_ + "/no/events.db", 1, [](const auto&) {}}, log_, metrics_);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message().find("open the database"), std::string::npos);
}

}  // namespace
}  // namespace reference_server
