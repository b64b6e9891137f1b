#include "shutdown/connection_tracker.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <latch>
#include <stdexcept>
#include <thread>
#include <type_traits>

#include "shutdown/asio.hpp"

namespace graceful::shutdown {
namespace {

using ::testing::ElementsAre;
using namespace std::chrono_literals;
using Clock = ConnectionTracker::Clock;
constexpr auto kNever = Clock::time_point::max();

// A drain on a thread of its own that is known to wait: begin_stop() comes before the wait, and the
// callback of when_idle() is registered.
std::future<DrainOutcome> drain_elsewhere(ConnectionTracker& tracker, Clock::time_point deadline) {
  auto draining =
      std::async(std::launch::async, [&tracker, deadline] { return tracker.drain(deadline); });
  while (!tracker.stopping()) std::this_thread::yield();
  return draining;
}

TEST(ConnectionTracker, AGuardTakenBeforeTheStopIsWaitedFor) {
  ConnectionTracker tracker;
  auto guard = tracker.acquire();
  ASSERT_TRUE(guard);
  auto draining = drain_elsewhere(tracker, kNever);
  EXPECT_EQ(std::future_status::timeout, draining.wait_for(20ms));
  guard->release();
  const auto outcome = draining.get();  // there is no deadline: only the release can end this
  EXPECT_EQ(1U, outcome.under_way);
  EXPECT_EQ(1U, outcome.finished);
  EXPECT_EQ(0U, outcome.forced);
}

TEST(ConnectionTracker, NoGuardIsGivenOnceTheStopHasBegun) {
  ConnectionTracker tracker;
  tracker.begin_stop();
  EXPECT_FALSE(tracker.acquire());
  EXPECT_EQ(0U, tracker.drain(kNever).under_way);
}

TEST(ConnectionTracker, AGuardCanOnlyEndOnce) {
  static_assert(!std::is_copy_constructible_v<ConnectionGuard>);
  static_assert(!std::is_copy_assignable_v<ConnectionGuard>);
  ConnectionTracker tracker;
  auto first = tracker.acquire();
  auto second = tracker.acquire();
  auto moved = std::move(*first);
  first->release();
  EXPECT_EQ(2U, tracker.active());
  moved.release();
  moved.release();
  EXPECT_EQ(1U, tracker.active());
  *second = std::move(moved);
  EXPECT_EQ(0U, tracker.active());
}

TEST(ConnectionTracker, AGuardMayOutliveItsTracker) {
  auto tracker = std::make_unique<ConnectionTracker>();
  auto guard = tracker->acquire();
  tracker.reset();
  guard->release();
}

TEST(ConnectionTracker, AtTheDeadlineWhatIsLeftIsForcedAndCounted) {
  ConnectionTracker tracker;
  auto finishes = tracker.acquire({"quick", {}});
  std::atomic<int> forced{0};
  std::optional<ConnectionGuard> slow;
  slow = tracker.acquire({"slow", [&] {
                            ++forced;
                            slow->release();
                          }});
  auto stuck = tracker.acquire({"stuck", {}});
  tracker.begin_stop();
  finishes->release();
  const auto outcome = tracker.drain(Clock::now(), 500ms);
  EXPECT_EQ(3U, outcome.under_way);
  EXPECT_EQ(1U, outcome.finished);
  EXPECT_EQ(2U, outcome.forced);
  EXPECT_EQ(1U, outcome.left);
  EXPECT_EQ(1, forced);
  EXPECT_THAT(outcome.forced_names, ::testing::UnorderedElementsAre("slow", "stuck"));
  EXPECT_THAT(tracker.names(), ElementsAre("stuck"));
}

TEST(ConnectionTracker, AForceThatHangsOrThrowsDoesNotHoldTheStop) {
  ConnectionTracker tracker;
  auto let_go = std::make_shared<std::promise<void>>();
  auto hung = std::make_shared<std::latch>(1);
  auto throws = tracker.acquire({"a", [] { throw std::runtime_error("mine"); }});
  auto hangs = tracker.acquire({"b", [let_go, hung] {
                                  let_go->get_future().wait();
                                  hung->count_down();
                                }});
  const auto outcome = tracker.drain(Clock::now(), 1ms);
  EXPECT_EQ(2U, outcome.left);
  EXPECT_TRUE(outcome.still_forcing);
  let_go->set_value();
  hung->wait();
}

TEST(ConnectionTracker, HasteningEndsTheWaitAndForces) {
  ConnectionTracker tracker;
  std::optional<ConnectionGuard> guard;
  guard = tracker.acquire({"slow", [&] { guard->release(); }});
  auto draining =
      std::async(std::launch::async, [&] { return tracker.drain(kNever, std::chrono::hours(1)); });
  tracker.hasten();
  const auto outcome = draining.get();  // neither the deadline nor the hour passes
  EXPECT_EQ(1U, outcome.forced);
  EXPECT_EQ(0U, outcome.left);
}

// Polling at intervals of 100 ms makes the median 50 ms.
TEST(ConnectionTracker, TheLastReleaseWakesTheDrainAtOnce) {
  std::vector<Clock::duration> took;
  for (int i = 0; i < 31; ++i) {
    ConnectionTracker tracker;
    auto guard = tracker.acquire();
    std::promise<Clock::time_point> woken;
    std::thread drainer([&] {
      tracker.drain(kNever);
      woken.set_value(Clock::now());
    });
    while (!tracker.stopping()) std::this_thread::yield();
    const auto released = Clock::now();
    guard->release();
    took.push_back(woken.get_future().get() - released);
    drainer.join();
  }
  std::nth_element(took.begin(), took.begin() + 15, took.end());
  EXPECT_LT(took[15], 20ms);
}

TEST(ConnectionTracker, ManyDrainsAtOnceAllWake) {
  ConnectionTracker tracker;
  auto guard = tracker.acquire();
  std::vector<std::future<DrainOutcome>> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(std::async(std::launch::async, [&] { return tracker.drain(kNever); }));
  }
  guard->release();
  for (auto& each : all) EXPECT_EQ(0U, each.get().left);
}

// Threads take guards while another begins the stop: after the drain says that nobody is left, no
// guard exists and none is handed out.
TEST(ConnectionTracker, NoConnectionSlipsInBetweenTheCheckAndTheCount) {
  for (int round = 0; round < 300; ++round) {
    ConnectionTracker tracker;
    std::atomic<int> alive{0};
    std::atomic<bool> over{false};
    std::atomic<int> too_late{0};
    std::latch together(4);
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        together.arrive_and_wait();
        while (true) {
          const bool was_over = over;
          auto guard = tracker.acquire();
          if (!guard) return;
          ++alive;
          if (was_over || over) ++too_late;
          --alive;
        }
      });
    }
    together.arrive_and_wait();
    const auto outcome = tracker.drain(kNever);
    const int alive_now = alive;
    over = true;
    for (auto& thread : threads) thread.join();
    ASSERT_EQ(0U, outcome.left);
    ASSERT_EQ(0, alive_now);
    ASSERT_EQ(0, too_late);
    ASSERT_FALSE(tracker.acquire());
  }
}

TEST(ConnectionTracker, TheIdleCallComesOnceAndNotAfterItsSubscriptionIsGone) {
  ConnectionTracker tracker;
  int called = 0, dropped = 0;
  auto guard = tracker.acquire();
  const auto kept = tracker.when_idle([&] { ++called; });
  {
    const auto gone = tracker.when_idle([&] { ++dropped; });
  }
  tracker.begin_stop();
  EXPECT_EQ(0, called);
  guard->release();
  EXPECT_EQ(1, called);
  EXPECT_EQ(0, dropped);
  const auto late = tracker.when_idle([&] { ++called; });
  EXPECT_EQ(2, called);
}

TEST(AsyncDrain, ACoroutineIsWokenByTheLastReleaseOnAnyThread) {
  boost::asio::io_context context;
  ConnectionTracker tracker;
  auto guard = tracker.acquire();
  auto draining =
      boost::asio::co_spawn(context, async_drain(tracker, kNever), boost::asio::use_future);
  context.poll();
  EXPECT_TRUE(tracker.stopping());
  std::thread elsewhere([&] { guard->release(); });
  context.run();  // returns when nothing is left to wait for
  elsewhere.join();
  const auto outcome = draining.get();
  EXPECT_EQ(1U, outcome.finished);
  EXPECT_EQ(0U, outcome.forced);
}

TEST(AsyncDrain, ACoroutineForcesAtItsDeadline) {
  boost::asio::io_context context;
  ConnectionTracker tracker;
  std::optional<ConnectionGuard> slow;
  slow = tracker.acquire({"slow", [&] { slow->release(); }});
  auto draining = boost::asio::co_spawn(context, async_drain(tracker, Clock::now() + 1ms, 1h),
                                        boost::asio::use_future);
  context.run();
  const auto outcome = draining.get();
  EXPECT_EQ(1U, outcome.forced);
  EXPECT_EQ(0U, outcome.left);
  EXPECT_THAT(outcome.forced_names, ElementsAre("slow"));
}

TEST(AsyncDrain, HasteningWakesACoroutine) {
  boost::asio::io_context context;
  ConnectionTracker tracker;
  auto slow = tracker.acquire();
  auto draining =
      boost::asio::co_spawn(context, async_drain(tracker, kNever), boost::asio::use_future);
  context.poll();
  tracker.hasten();
  context.run();
  EXPECT_EQ(1U, draining.get().left);
}

TEST(AsyncWait, ACoroutineGetsTheReasonAlsoWhenItComesLate) {
  SignalSettings settings;
  settings.from_kernel = false;
  const auto signals = *SignalHandler::start(settings);
  boost::asio::io_context context;
  auto early = boost::asio::co_spawn(context, async_wait(*signals), boost::asio::use_future);
  context.poll();
  signals->request(Term{});
  auto late = boost::asio::co_spawn(context, async_wait(*signals), boost::asio::use_future);
  context.run();
  EXPECT_EQ(Signal(Term{}), early.get().signal);
  EXPECT_EQ(Signal(Term{}), late.get().signal);
}

}  // namespace
}  // namespace graceful::shutdown
