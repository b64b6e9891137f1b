#include "tracer/calls/timed_waits.hpp"

#include <gmock/gmock.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "unit/tracer/fake_ptrace.hpp"
#include "unit/tracer/traced.hpp"
#include "unit/without_capability.hpp"

namespace lastcall::timed_waits_test {
namespace {

using std::chrono::milliseconds;
using testing::FakePtrace;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;
using testing::WithoutCapability;

// "poll 300 alone, exit_called", in whole milliseconds as they were asked for.
std::string words(const TimedWait& wait) {
  return wait.call + " " + std::to_string(wait.requested / milliseconds(1)) +
         (wait.alone ? " alone" : "") + (wait.was_going_on ? " going on" : "") + ", " +
         std::string(name(wait.then));
}

struct TimedWaitsTest : TracedTest {
  TimedWaits observer;
  std::vector<TimedWait> waits;
  std::vector<std::string> places;

  // All threads are in the calls that they wait in.
  static void until_asleep(pid_t pid) {
    const auto sleeps = [](const auto& task) {
      const auto stat = read_file(task.path().string() + "/stat");
      return stat && stat->find(") S ") != std::string::npos;
    };
    const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
    const auto limit = now() + std::chrono::seconds(10);
    while (!std::ranges::all_of(std::filesystem::directory_iterator(tasks), sleeps) &&
           now() < limit) {
      ::sched_yield();
    }
  }

  // From the stop to the end.
  std::string run(const std::string& program) {
    Traced subject(TimedWaits::syscalls(), {&observer}, TimedWaits::conditional_syscalls());
    subject.start({kTimedWaitsSubject, program}, true);
    EXPECT_EQ(subject.line(), "ready");
    until_asleep(subject.pid());
    subject.tracer().wake_filters();
    subject.signal(SIGTERM);
    auto end = subject.end();
    subject.tracer().on_its_thread([&](TraceLoop&) {
      waits.assign(observer.waits().begin(), observer.waits().end());
      for (const auto& wait : waits) places.push_back(place_of(observer.named(*wait.stack)));
    });
    return end;
  }
};

TEST_F(TimedWaitsTest, ASleepIsSeenWithWhatItsThreadDidThen) {
  EXPECT_EQ(run("sleep"), "exited 3");
  ASSERT_THAT(waits, SizeIs(1));
  EXPECT_EQ(words(waits[0]), "clock_nanosleep 200 alone, exit_called");
  EXPECT_THAT(places[0], HasSubstr("sleep_a_while"));
  EXPECT_GE(waits[0].to - waits[0].from, milliseconds(199));
  EXPECT_EQ(waits[0].stack->stack.thread_name.substr(0, 15), "timed_waits_sub");
}
TEST_F(TimedWaitsTest, ASleepThatASignalInterruptedGoesOn) {
  EXPECT_EQ(run("flag"), "exited 0");
  ASSERT_THAT(waits, SizeIs(1));
  EXPECT_TRUE(waits[0].was_going_on) << words(waits[0]);
  EXPECT_TRUE(waits[0].alone);
  EXPECT_LT(waits[0].requested, milliseconds(600)) << "not two";
}
TEST_F(TimedWaitsTest, AWaitThatTheTracerInterruptedGoesOn) {
  EXPECT_EQ(run("acceptor"), "exited 0");
  ASSERT_THAT(waits, SizeIs(1));
  EXPECT_EQ(words(waits[0]), "poll 300 going on, thread_ended");
  EXPECT_EQ(waits[0].stack->stack.thread_name, "acceptor");
}
TEST_F(TimedWaitsTest, ALoopThatPollsIsSeenAtOnePlace) {
  EXPECT_EQ(run("polls"), "exited 0");
  ASSERT_THAT(waits, SizeIs(3));
  EXPECT_EQ(words(waits[0]), "poll 50 alone, went_on");
  EXPECT_EQ(words(waits[2]), "poll 50 alone, exit_called");
  EXPECT_EQ(waits[0].stack, waits[2].stack) << "taken once";
  EXPECT_THAT(places[0], HasSubstr("poll_nothing"));
}
TEST_F(TimedWaitsTest, AConditionThatNobodyNotifiesIsSeen) {
  EXPECT_EQ(run("condition"), "exited 0");
  ASSERT_THAT(waits, SizeIs(1));
  EXPECT_EQ(waits[0].call, "futex");
  EXPECT_GT(waits[0].requested, milliseconds(90));
  EXPECT_LE(waits[0].requested, milliseconds(100));
}
TEST_F(TimedWaitsTest, EveryWayToWaitIsKnown) {
  EXPECT_EQ(run("ways"), "exited 0");
  std::vector<std::string> all;
  for (const auto& wait : waits) all.push_back(words(wait));
  EXPECT_THAT(all, ::testing::ElementsAre("epoll_wait 20, went_on", "epoll_pwait2 21, went_on",
                                          MatchesRegex("p?select6? 22 alone, went_on"),
                                          "pselect6 23 alone, went_on", "ppoll 23, went_on",
                                          "rt_sigtimedwait 23, exit_called"));
}
TEST_F(TimedWaitsTest, WhatEndsForAnotherReasonOrIsShortIsNone) {
  EXPECT_EQ(run("somebody"), "exited 0");
  for (const auto& wait : waits) ADD_FAILURE() << words(wait);
}
TEST_F(TimedWaitsTest, CallsThatCannotWaitLongDoNotStop) {
  struct Counter : TraceObserver {
    int polls = 0;
    SyscallAction on_syscall(const Tracee&, const SyscallEntry& entry) override {
      if (entry.number == SYS_epoll_wait) ++polls;
      return {};
    }
  } counter;
  Traced subject(TimedWaits::syscalls(), {&counter}, TimedWaits::conditional_syscalls());
  subject.start({kTimedWaitsSubject, "somebody"});
  EXPECT_EQ(subject.line(), "ready");
  subject.signal(SIGTERM);
  EXPECT_EQ(subject.end(), "exited 0");
  EXPECT_EQ(counter.polls, 0);
}
TEST_F(TimedWaitsTest, AreSeenWhereFiltersAreGivenAtTheStop) {
  const WithoutCapability unprivileged(CAP_SYS_ADMIN);
  EXPECT_EQ(run("acceptor"), "exited 0");
  ASSERT_THAT(waits, SizeIs(1));
  EXPECT_EQ(words(waits[0]), "poll 300 going on, thread_ended");
}

// One thread, of which the test says what it does.
struct TimedWaitsOf : ::testing::Test {
  static constexpr pid_t kPid = 1 << 30;  // nobody's
  static constexpr std::uint64_t kLimit = 0x1000;
  FakePtrace calls;
  TimedWaits observer;
  Tracee thread{kPid, kPid, calls};

  void limit(Nanoseconds time) {
    constexpr std::chrono::seconds kSecond(1);
    const timespec there{time / kSecond, (time % kSecond).count()};
    (void)calls.write_memory(kPid, kLimit, std::as_bytes(std::span(&there, 1)));
  }
  bool enters(std::uint64_t number, std::array<std::uint64_t, 6> arguments = {}) {
    entry_ = {number, arguments};
    return observer.on_syscall(thread, entry_).see_exit;
  }
  void leaves(std::int64_t result) { observer.on_syscall_exit(thread, entry_, result); }
  std::vector<std::string> seen() {
    std::vector<std::string> all;
    for (const auto& wait : observer.waits()) all.push_back(words(wait));
    return all;
  }
  SyscallEntry entry_;
};

TEST_F(TimedWaitsOf, TheKernelMakesTheRestOfAWaitAgain) {
  limit(milliseconds(100));
  EXPECT_TRUE(enters(SYS_nanosleep, {kLimit}));
  EXPECT_TRUE(enters(SYS_restart_syscall));  // the exit between them is nobody's concern
  leaves(0);
  EXPECT_EQ(seen(), std::vector<std::string>{"nanosleep 100 alone, went_on"});
  EXPECT_FALSE(enters(SYS_restart_syscall)) << "of a call that was not seen";
}
TEST_F(TimedWaitsOf, WhatAThreadDoesInBetweenEndsAWait) {
  EXPECT_TRUE(enters(SYS_epoll_wait, {3, 0, 1, 500}));
  leaves(-EINTR);
  EXPECT_FALSE(enters(SYS_close, {5}));
  EXPECT_FALSE(enters(SYS_restart_syscall));
  EXPECT_TRUE(enters(SYS_epoll_wait, {3, 0, 1, 500}));
  leaves(-EINTR);
  EXPECT_TRUE(enters(SYS_epoll_wait, {3, 0, 1, 500}));
  leaves(1);
  EXPECT_THAT(seen(), IsEmpty());
}
TEST_F(TimedWaitsOf, TheRestOfAWaitIsKnownByItsEnd) {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  const auto end =
      std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec) + milliseconds(500);
  for (const bool is_rest : {true, false}) {
    limit(end);
    EXPECT_TRUE(enters(SYS_clock_nanosleep, {CLOCK_MONOTONIC, TIMER_ABSTIME, kLimit}));
    leaves(-EINTR);
    const auto interrupted = now();
    EXPECT_FALSE(enters(SYS_close, {5})) << "by a handler of the signal";
    limit(is_rest ? end : end + milliseconds(100));
    EXPECT_TRUE(enters(SYS_clock_nanosleep, {CLOCK_MONOTONIC, TIMER_ABSTIME, kLimit}));
    leaves(0);
    ASSERT_THAT(seen(), SizeIs(is_rest ? 1 : 2));
    EXPECT_EQ(observer.waits().back().from <= interrupted, is_rest);
  }
}
TEST_F(TimedWaitsOf, AShortWaitInBetweenDoesNot) {
  EXPECT_TRUE(enters(SYS_poll, {0, 1, 500}));
  leaves(-EINTR);
  limit(milliseconds(5));
  EXPECT_FALSE(enters(SYS_futex, {0, FUTEX_WAIT_PRIVATE, 0, kLimit}));  // as for Python's lock
  leaves(0);
  EXPECT_THAT(seen(), IsEmpty());
  EXPECT_TRUE(enters(SYS_poll, {0, 1, 400}));
  leaves(0);
  ASSERT_THAT(seen(), SizeIs(1));
  EXPECT_GE(observer.waits().front().requested, milliseconds(400));
  EXPECT_LE(observer.waits().front().requested,
            observer.waits().front().to - observer.waits().front().from + milliseconds(400));
}
TEST_F(TimedWaitsOf, AFutexHasTwoKindsOfLimits) {
  limit(milliseconds(50));
  EXPECT_TRUE(enters(SYS_futex, {0, FUTEX_WAIT_PRIVATE, 0, kLimit}));
  leaves(-ETIMEDOUT);
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  limit(std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec) + std::chrono::hours(1));
  EXPECT_TRUE(enters(SYS_futex, {0, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, kLimit}));
  leaves(-EAGAIN);
  EXPECT_FALSE(enters(SYS_futex, {0, FUTEX_WAKE_PRIVATE, 1, kLimit}));
  EXPECT_EQ(seen(), std::vector<std::string>{"futex 50, went_on"});
}
TEST_F(TimedWaitsOf, TheLastAreKept) {
  for (std::uint64_t i = 0; i < TimedWaits::kKept + 3; ++i) {
    EXPECT_TRUE(enters(SYS_poll, {0, 0, 100 + i}));
    leaves(0);
  }
  EXPECT_THAT(observer.waits(), SizeIs(TimedWaits::kKept));
  EXPECT_EQ(observer.left_out(), 3U);
  EXPECT_EQ(observer.waits().front().requested, milliseconds(103));
  observer.on_thread_exit(thread, SIGKILL);
  EXPECT_EQ(observer.waits().back().then, AfterWait::went_on) << "it was killed";
  observer.on_thread_exit(thread, 0);
  EXPECT_EQ(observer.waits().back().then, AfterWait::thread_ended);
}

}  // namespace
}  // namespace lastcall::timed_waits_test
