#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tracer/locks/lock_graph.hpp"

namespace lastcall::lock_graph_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A process by what its threads wait for: mutex(1, 2) is thread 1 that waits for 2.
ThreadWait mutex(pid_t tid, pid_t owner) {
  return {.pid = 1,
          .tid = tid,
          .name = "t" + std::to_string(tid),
          .place = "f" + std::to_string(tid) + "()",
          .wait = {.kind = WaitKind::mutex, .address = 16, .what = "mutex 0x10", .owner = owner}};
}
ThreadWait join(pid_t tid, pid_t joined) {
  auto one = mutex(tid, joined);
  one.wait.kind = WaitKind::thread;
  one.wait.what = "the end of";
  return one;
}
ThreadWait of_kind(WaitKind kind, pid_t tid) {
  auto one = mutex(tid, 0);
  one.wait.kind = kind;
  one.wait.what = kind == WaitKind::condition ? "condition variable 0x20" : "";
  return one;
}
ThreadWait condition(pid_t tid) { return of_kind(WaitKind::condition, tid); }
ThreadWait running(pid_t tid) { return of_kind(WaitKind::running, tid); }
ThreadWait timed(ThreadWait one) {
  one.wait.timed = true;
  return one;
}
ThreadWait probable(ThreadWait one) {
  one.wait.certain = false;
  return one;
}

std::vector<std::string> texts_of(const std::vector<ThreadWait>& waits) {
  std::vector<std::string> texts;
  for (const auto& one : stuck_threads(waits)) texts.push_back(stuck_text(one));
  return texts;
}
std::vector<bool> deadlocks_of(const std::vector<ThreadWait>& waits) {
  std::vector<bool> are;
  for (const auto& one : stuck_threads(waits)) are.push_back(is_deadlock(one));
  return are;
}

TEST(LockGraph, ACycleIsNamedOnceFromItsLowestThreadOn) {
  EXPECT_THAT(
      texts_of({mutex(4, 2), mutex(3, 4), mutex(2, 3)}),
      ElementsAre("deadlock of 3 threads: t2 (2) in f2() waits for mutex 0x10 held by t3 (3), "
                  "which in f3() waits for mutex 0x10 held by t4 (4), "
                  "which in f4() waits for mutex 0x10 held by t2"));
}

TEST(LockGraph, AThreadMayWaitForItself) {
  EXPECT_THAT(
      texts_of({mutex(2, 2), running(3)}),
      ElementsAre("deadlock of 1 thread: t2 (2) in f2() waits for mutex 0x10 held by itself"));
}

TEST(LockGraph, AJoinWhileHoldingWhatTheJoinedThreadNeedsIsACycle) {
  EXPECT_THAT(texts_of({join(2, 3), mutex(3, 2)}),
              ElementsAre("deadlock of 2 threads: t2 (2) in f2() waits for the end of t3 (3), "
                          "which in f3() waits for mutex 0x10 held by t2"));
}

TEST(LockGraph, ThreadsBehindACycleAreNotOfIt) {
  const auto stuck =
      stuck_threads({mutex(1, 3), mutex(2, 4), mutex(3, 4), mutex(4, 3), mutex(5, 1)});
  ASSERT_THAT(stuck, SizeIs(1));
  EXPECT_THAT(stuck.front().threads, ElementsAre(mutex(3, 4), mutex(4, 3)));
}

TEST(LockGraph, EveryCycleIsFound) {
  EXPECT_THAT(stuck_threads({mutex(1, 2), mutex(2, 1), mutex(3, 4), mutex(4, 3), mutex(5, 5)}),
              SizeIs(3));
}

TEST(LockGraph, AChainThatEndsInARunningThreadIsNone) {
  EXPECT_THAT(stuck_threads({mutex(1, 2), join(2, 3), running(3)}), IsEmpty());
}

TEST(LockGraph, OnlyCertainCyclesWithoutTimeOutsAreDeadlocks) {
  EXPECT_THAT(deadlocks_of({mutex(1, 2), join(2, 1)}), ElementsAre(true));
  EXPECT_THAT(deadlocks_of({mutex(1, 2), timed(mutex(2, 1))}), ElementsAre(false));
  EXPECT_THAT(deadlocks_of({mutex(1, 2), probable(mutex(2, 1))}), ElementsAre(false));
  EXPECT_THAT(deadlocks_of({condition(1), join(2, 1)}), ElementsAre(false));
  EXPECT_THAT(deadlocks_of({mutex(1, 7), running(2)}), ElementsAre(false));
}

TEST(LockGraph, WhatIsNotCertainOrEndsByItselfIsSaid) {
  EXPECT_THAT(
      texts_of({mutex(1, 2), probable(mutex(2, 1))}),
      ElementsAre("probable deadlock of 2 threads: t1 (1) in f1() waits for mutex 0x10 held by "
                  "t2 (2), which in f2() waits for mutex 0x10 probably held by t1"));
  EXPECT_THAT(
      texts_of({timed(mutex(1, 1)), running(2)}),
      ElementsAre("deadlock of 1 thread, until a time-out: t1 (1) in f1() waits for mutex 0x10 "
                  "held by itself"));
}

TEST(LockGraph, ALockOfAThreadThatHasEndedIsNeverUnlocked) {
  EXPECT_THAT(texts_of({mutex(1, 7), running(2)}),
              ElementsAre("t1 (1) in f1() waits for mutex 0x10 held by thread 7, which has ended"));
}

TEST(LockGraph, NobodyIsLeftToNotifyWhereAllOthersNeedAThread) {
  EXPECT_THAT(
      texts_of({condition(1), join(2, 1), mutex(3, 2)}),
      ElementsAre("nobody is left to notify: t1 (1) in f1() waits for condition variable 0x20"));
  EXPECT_THAT(
      texts_of({condition(1), condition(2)}),
      ElementsAre("nobody is left to notify: t1 (1) in f1() waits for condition variable 0x20; "
                  "t2 (2) in f2() waits for condition variable 0x20"));
}

TEST(LockGraph, WhoMayStillNotifyIsSomebodyLeft) {
  for (const auto& other : {running(2), timed(condition(2)), timed(join(2, 1)), mutex(2, 0),
                            of_kind(WaitKind::descriptor, 2), of_kind(WaitKind::semaphore, 2),
                            of_kind(WaitKind::futex, 2), of_kind(WaitKind::signal, 2)})
    EXPECT_THAT(stuck_threads({condition(1), other}), IsEmpty())
        << static_cast<int>(other.wait.kind);
}

TEST(LockGraph, EachProcessIsJudgedByItself) {
  auto other = running(2);
  other.pid = 2;
  EXPECT_THAT(stuck_threads({condition(1), other}), SizeIs(1));
}

TEST(LockGraph, ProbableOwnersMakeTheLackOfANotifierProbable) {
  const auto stuck = stuck_threads({condition(1), probable(mutex(2, 1))});
  ASSERT_THAT(stuck, SizeIs(1));
  EXPECT_FALSE(stuck.front().certain);
}

TEST(LockGraph, NothingIsStuckWhereNobodyIs) { EXPECT_THAT(stuck_threads({}), IsEmpty()); }

}  // namespace
}  // namespace lastcall::lock_graph_test
