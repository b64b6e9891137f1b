// A loop that is held up is said so; one that is not, is not.
#include "client/lag_meter.hpp"

#include <gtest/gtest.h>
#include <time.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <fstream>
#include <thread>

#include "unit/client/event_words.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

using std::chrono::milliseconds;

void sleep_until(TimePoint when) {
  const auto since = when.time_since_epoch().count();
  const timespec until{since / 1'000'000'000, since % 1'000'000'000};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

// Of this thread, waiting to run (proc(5), schedstat).
Nanoseconds time_without_processor() {
  std::int64_t ran = 0;
  std::int64_t waited = 0;
  std::ifstream("/proc/thread-self/schedstat") >> ran >> waited;
  return Nanoseconds(waited);
}

class LagOfALoop : public ::testing::Test {
 protected:
  std::vector<Nanoseconds> lags() {
    EXPECT_TRUE(segment_.finish().has_value());
    std::vector<Nanoseconds> found;
    for (const auto& event : testing::events_of(folder_ / "lag.seg")) {
      const auto& lag = std::get<Lag>(event.body);
      EXPECT_EQ(lag.source, "clients-7");
      found.emplace_back(lag.nanoseconds);
    }
    return found;
  }

  testing::ScratchFolder folder_;
  boost::asio::io_context io_;
  SegmentWriter segment_ = *SegmentWriter::create(folder_ / "lag.seg");
  LagMeter meter_{io_, segment_, "clients-7"};
};

TEST_F(LagOfALoop, IsRecordedWhenAHandlerHoldsItUp) {
  constexpr auto kBlocked = milliseconds(60);
  const auto begin = now();
  bool blocked = false;
  meter_.start();
  boost::asio::post(io_, [&] {
    sleep_until(now() + kBlocked);
    blocked = true;
  });
  while (!blocked) io_.run_one();
  io_.poll();
  const Nanoseconds all = now() - begin;
  meter_.stop();
  const auto found = lags();
  ASSERT_FALSE(found.empty());
  // The timer was due within its interval after the handler began.
  EXPECT_GE(std::ranges::max(found), kBlocked - LagMeter::kEvery);
  EXPECT_LE(std::ranges::max(found), all);
}

TEST_F(LagOfALoop, ThatIsHeldUpAsItIsStoppedIsRecorded) {
  meter_.start();
  io_.poll();
  sleep_until(now() + milliseconds(60));
  meter_.stop();
  EXPECT_EQ(lags().size(), 1U);
}

TEST_F(LagOfALoop, ThatIsIdleIsNotRecorded) {
  // If the machine was late too, nothing can be said: by a thread that measures it in another way,
  // and by how long this one waited for a processor.
  std::atomic<bool> go_on = true;
  Nanoseconds machine{};
  std::thread independent([&] {
    while (go_on) {
      const auto due = now() + milliseconds(2);
      sleep_until(due);
      machine = std::max(machine, Nanoseconds(now() - due));
    }
  });
  const auto waited = time_without_processor();
  meter_.start();
  io_.run_for(milliseconds(200));
  meter_.stop();
  go_on = false;
  independent.join();
  const auto late = machine + time_without_processor() - waited;
  const auto found = lags();
  if (late <= LagMeter::kWorthSaying / 2) {
    EXPECT_TRUE(found.empty());
  }
}

TEST_F(LagOfALoop, StoppedLetsTheLoopRunEmpty) {
  meter_.start();
  io_.poll();
  meter_.stop();
  io_.run_for(std::chrono::seconds(10));
  EXPECT_TRUE(io_.stopped());
}

}  // namespace
}  // namespace lastcall
