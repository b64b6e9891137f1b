#include "shutdown/watchdog.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <deque>
#include <thread>

#include "shutdown/asio.hpp"
#include "unit/shutdown/notify_listener.hpp"

namespace graceful::shutdown {
namespace {

using ::testing::HasSubstr;
using testing::NotifyListener;
using namespace std::chrono_literals;

// An event loop that runs when the test says so.
struct Loop {
  std::deque<std::function<void()>> queue;
  Post post() {
    return [this](std::function<void()> work) { queue.push_back(std::move(work)); };
  }
  void run() {
    while (!queue.empty()) {
      auto work = std::move(queue.front());
      queue.pop_front();
      work();
    }
  }
};

TEST(Heart, AStuckLoopDoesNotBeatAndNothingPilesUpInItsQueue) {
  Loop loop;
  int beats = 0;
  Heart heart({loop.post()}, [&] { ++beats; });
  for (int i = 0; i < 100; ++i) heart.tick();
  EXPECT_EQ(0, beats);
  EXPECT_EQ(1U, loop.queue.size());
  loop.run();
  EXPECT_EQ(1, beats);
  heart.tick();
  loop.run();
  EXPECT_EQ(2, beats);
  EXPECT_EQ(2U, heart.beats());
}

TEST(Heart, OfSeveralLoopsAllMustHaveProgressed) {
  Loop one, two;
  int beats = 0;
  Heart heart({one.post(), two.post()}, [&] { ++beats; });
  for (int i = 0; i < 10; ++i) {
    heart.tick();
    one.run();
  }
  EXPECT_EQ(0, beats);
  two.run();
  EXPECT_EQ(1, beats);
}

TEST(Heart, AProbeThatOutlivesItsHeartIsHarmless) {
  Loop loop;
  int beats = 0;
  {
    Heart({loop.post()}, [&] { ++beats; }).tick();
  }
  loop.run();
}

TEST(Heart, APausedHeartDoesNotBeat) {
  Loop loop;
  int beats = 0;
  Heart heart({loop.post()}, [&] { ++beats; });
  heart.tick();
  heart.pause();
  loop.run();
  heart.tick();
  loop.run();
  EXPECT_EQ(0, beats);
  heart.resume();
  heart.tick();
  loop.run();
  EXPECT_EQ(1, beats);
}

class WatchdogTest : public ::testing::Test {
 protected:
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }
  static void clear() {
    ::unsetenv("WATCHDOG_USEC");
    ::unsetenv("WATCHDOG_PID");
  }
  static std::string refusal(const WatchdogSettings& settings) {
    const auto started = Watchdog::start(settings);
    return started ? "" : started.error().message();
  }
  Loop loop_;
};

TEST_F(WatchdogTest, AnIntervalThatIsNotUnderHalfTheTimeOutIsRefused) {
  const std::vector<Post> executors{loop_.post()};
  EXPECT_THAT(refusal({.executors = executors, .timeout = 10s, .interval = 5s, .notifier = {}}),
              HasSubstr("under half"));
  EXPECT_THAT(refusal({.executors = executors, .timeout = 10s, .interval = 20s, .notifier = {}}),
              HasSubstr("under half"));
  EXPECT_THAT(refusal({.executors = executors, .timeout = 10s, .interval = 0s, .notifier = {}}),
              HasSubstr("not positive"));
  EXPECT_THAT(refusal({.executors = {}, .timeout = 10s, .interval = {}, .notifier = {}}),
              HasSubstr("no executor"));
  EXPECT_EQ(
      "", refusal({.executors = executors, .timeout = 10s, .interval = 4999999us, .notifier = {}}));
}

TEST_F(WatchdogTest, TheEnvironmentSaysWhetherAndHowOften) {
  EXPECT_FALSE((*watchdog_timeout_from_environment()).has_value());
  WatchdogSettings settings;
  settings.executors = {loop_.post()};
  EXPECT_EQ(nullptr, *Watchdog::start(settings));
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(10s, (*Watchdog::start(settings))->interval());
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_NE(nullptr, *Watchdog::start(settings));
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(nullptr, *Watchdog::start(settings));  // meant for another process
  ::setenv("WATCHDOG_PID", "me", 1);
  EXPECT_THAT(refusal(settings), HasSubstr("WATCHDOG_PID=me"));
  ::unsetenv("WATCHDOG_PID");
  for (const char* nonsense : {"", "0", "-1", "30s", "99999999999999999999"}) {
    ::setenv("WATCHDOG_USEC", nonsense, 1);
    EXPECT_THAT(refusal(settings), HasSubstr("WATCHDOG_USEC")) << nonsense;
  }
}

TEST_F(WatchdogTest, BeatsComeFromTheLoopThatIsWatched) {
  NotifyListener manager;
  boost::asio::io_context context;
  const auto work = boost::asio::make_work_guard(context);
  auto watchdog = *Watchdog::start({.executors = {on_executor(context.get_executor())},
                                    .timeout = 30ms,
                                    .interval = 1ms,
                                    .notifier = ServiceNotifier(manager.address())});
  // The loop does not run, whatever the watchdog's own thread does.
  EXPECT_EQ(0U, watchdog->beats());
  EXPECT_FALSE(manager.next_if_any());
  std::thread runs([&] { context.run(); });
  for (int i = 0; i < 5; ++i) EXPECT_EQ("WATCHDOG=1", manager.next());
  watchdog->stop();
  context.stop();
  runs.join();
}

TEST_F(WatchdogTest, BeatsComeAtTheInterval) {
  NotifyListener manager;
  boost::asio::io_context context;
  const auto work = boost::asio::make_work_guard(context);
  std::thread runs([&] { context.run(); });
  const auto from = std::chrono::steady_clock::now();
  auto watchdog = *Watchdog::start({.executors = {on_executor(context.get_executor())},
                                    .timeout = 6s,
                                    .interval = 20ms,
                                    .notifier = ServiceNotifier(manager.address())});
  EXPECT_EQ("WATCHDOG=1", manager.next());  // the first at once
  for (int i = 0; i < 10; ++i) EXPECT_EQ("WATCHDOG=1", manager.next());
  const auto took = std::chrono::steady_clock::now() - from;
  EXPECT_GE(took, 10 * 20ms);
  EXPECT_LT(took, 10s);  // a third of the time-out each would be 20 s
  watchdog->stop();
  context.stop();
  runs.join();
}

TEST_F(WatchdogTest, ItBeatsWhileDrainingOnRequestOnly) {
  for (const bool on_request : {true, false}) {
    NotifyListener manager;
    boost::asio::io_context context;
    const auto work = boost::asio::make_work_guard(context);
    auto watchdog = *Watchdog::start({.executors = {on_executor(context.get_executor())},
                                      .timeout = 30ms,
                                      .interval = 1ms,
                                      .beat_while_draining = on_request,
                                      .notifier = ServiceNotifier(manager.address())});
    watchdog->draining_begins();
    std::thread runs([&] { context.run(); });
    if (on_request) {
      for (int i = 0; i < 3; ++i) EXPECT_EQ("WATCHDOG=1", manager.next());
    }
    watchdog->stop();
    if (!on_request) {
      EXPECT_FALSE(manager.next_if_any());
    }
    context.stop();
    runs.join();
  }
}

}  // namespace
}  // namespace graceful::shutdown
