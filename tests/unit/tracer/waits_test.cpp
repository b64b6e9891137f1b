#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <regex>

#include "tracer/locks/lock_graph.hpp"
#include "tracer/locks/waits.hpp"
#include "tracer/stacks/stack_reader.hpp"
#include "unit/scratch_folder.hpp"
#include "unit/tracer/traced.hpp"

namespace lastcall::waits_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Seen {
  std::vector<Stack> stacks;
  std::vector<ThreadWait> waits;
  std::vector<Stuck> stuck;

  [[nodiscard]] std::string text() const {
    auto text = stacks_text(stacks);
    for (const auto& one : waits)
      text += one.name + " (" + std::to_string(one.tid) + ") in " + one.place + ": " +
              one.wait.what + '\n';
    for (const auto& one : stuck) text += stuck_text(one) + '\n';
    return text;
  }
};

Seen look(Tracer& tracer) {
  Seen seen;
  tracer.on_its_thread([&](TraceLoop& loop) {
    loop.with_all_stopped([&](const std::vector<Tracee>& all) {
      seen.stacks = stacks_of(all);
      seen.waits = waits_of(all, seen.stacks);
    });
  });
  seen.stuck = stuck_threads(seen.waits);
  return seen;
}

// Looks until all is as it should be, because "ready" comes before the wait itself.
Seen look_until(Tracer& tracer, const std::function<bool(const Seen&)>& good) {
  const auto limit = now() + std::chrono::seconds(10);
  for (;;) {
    auto seen = look(tracer);
    if (good(seen) || now() > limit) return seen;
  }
}

std::size_t count_of(const Seen& seen, WaitKind kind) {
  return static_cast<std::size_t>(std::ranges::count_if(
      seen.waits, [kind](const ThreadWait& one) { return one.wait.kind == kind; }));
}

bool is_stuck(const Seen& seen) { return !seen.stuck.empty(); }

// Once something is stuck, or all is as it should be; without that if it never is.
Seen stuck_program(const std::string& program,
                   const std::function<bool(const Seen&)>& good = is_stuck) {
  Traced subject;
  subject.start({kWaitsSubject, program});
  EXPECT_EQ(subject.line(), "ready");
  return look_until(subject.tracer(), good);
}

// Without the numbers that are not known beforehand.
std::string known(const std::string& text) {
  return std::regex_replace(text, std::regex(R"(0x[0-9a-f]+|on \d+|\d+(?=[),\]]))"), "#");
}

std::vector<std::string> texts_of(const Seen& seen) {
  std::vector<std::string> texts;
  for (const auto& one : seen.stuck) texts.push_back(known(stuck_text(one)));
  return texts;
}

bool is_one_deadlock(const Seen& seen) {
  return seen.stuck.size() == 1 && is_deadlock(seen.stuck.front());
}

#define MUTEX_WANTED "void subject::take_second<std::mutex>(std::mutex&)+#"
#define RWLOCK_WANTED "void subject::take_second<std::shared_mutex>(std::shared_mutex&)+#"
#define TIMED_WANTED                                                                   \
  "void subject::take_second<subject::run_timed_mutexes()::Timed>(subject::run_timed_" \
  "mutexes()::Timed&)+#"

struct Waits : TracedTest {};

TEST_F(Waits, TwoMutexesInOppositeOrderAreADeadlock) {
  const auto seen = stuck_program("mutexes");
  EXPECT_TRUE(is_one_deadlock(seen)) << seen.text();
  EXPECT_THAT(texts_of(seen),
              ElementsAre("deadlock of 2 threads: worker-1 (#) in " MUTEX_WANTED
                          " waits for mutex subject::run_mutexes()::locks+# held by worker-2 (#), "
                          "which in " MUTEX_WANTED
                          " waits for mutex subject::run_mutexes()::locks held by worker-1"))
      << seen.text();
}

TEST_F(Waits, ThreeMutexesInACircleAreADeadlock) {
  const auto seen = stuck_program("three-mutexes");
  EXPECT_TRUE(is_one_deadlock(seen)) << seen.text();
  EXPECT_THAT(seen.stuck.front().threads, SizeIs(3)) << seen.text();
}

TEST_F(Waits, WritersOfTwoRwlocksAreADeadlock) {
  const auto seen = stuck_program("rwlocks");
  EXPECT_TRUE(is_one_deadlock(seen)) << seen.text();
  EXPECT_THAT(texts_of(seen),
              ElementsAre("deadlock of 2 threads: worker-1 (#) in " RWLOCK_WANTED
                          " waits for rwlock subject::run_rwlocks()::locks+# held by worker-2 (#), "
                          "which in " RWLOCK_WANTED
                          " waits for rwlock subject::run_rwlocks()::locks held by worker-1"))
      << seen.text();
}

TEST_F(Waits, ReadersThatWaitForWritersAreADeadlock) {
  const auto seen = stuck_program("readers");
  EXPECT_TRUE(is_one_deadlock(seen)) << seen.text();
}

TEST_F(Waits, WritersThatWaitForReadersAreAProbableDeadlock) {
  const auto seen = stuck_program("shared");
  EXPECT_THAT(
      texts_of(seen),
      ElementsAre("probable deadlock of 2 threads: waits_subject (#) in " RWLOCK_WANTED
                  " waits for rwlock # probably held by waits_subject (#), which in " RWLOCK_WANTED
                  " waits for rwlock # probably held by waits_subject"))
      << seen.text();
  EXPECT_FALSE(is_one_deadlock(seen));
}

TEST_F(Waits, PriorityInheritingMutexesNameTheirOwners) {
  const auto seen = stuck_program("priority-mutexes", [](const Seen& now_seen) {
    return is_stuck(now_seen) && !now_seen.stuck.front().certain;  // the kernel has refused by then
  });
  if (seen.text().find("pthread_mutex_lock") == std::string::npos)
    GTEST_SKIP() << "no debug files of the C library, whose function has no other name";
  ASSERT_THAT(seen.stuck, SizeIs(1)) << seen.text();
  ASSERT_THAT(seen.stuck.front().threads, SizeIs(2)) << seen.text();
  // One of them the kernel refused; glibc lets it wait on another word than its mutex'. Of two that
  // come at the same time it refuses both.
  EXPECT_FALSE(seen.stuck.front().certain) << seen.text();
}

TEST_F(Waits, ACycleWithATimeOutIsNoDeadlock) {
  const auto seen = stuck_program("timed-mutexes");
  EXPECT_THAT(texts_of(seen),
              ElementsAre("deadlock of 2 threads, until a time-out: worker-1 (#) in " TIMED_WANTED
                          " waits for mutex subject::run_timed_mutexes()::locks+# held by worker-2 "
                          "(#), which in " TIMED_WANTED
                          " waits for mutex subject::run_timed_mutexes()::locks held by worker-1"))
      << seen.text();
  EXPECT_FALSE(is_one_deadlock(seen));
}

TEST_F(Waits, AJoinWhileHoldingWhatTheJoinedThreadWantsIsADeadlock) {
  const auto seen = stuck_program("join");
  EXPECT_TRUE(is_one_deadlock(seen)) << seen.text();
  EXPECT_THAT(texts_of(seen),
              ElementsAre("deadlock of 2 threads: waits_subject (#) in subject::run_join()+# waits "
                          "for the end of joined (#), which in " MUTEX_WANTED
                          " waits for mutex accounts held by waits_subject"))
      << seen.text();
}

TEST_F(Waits, AMutexLockedTwiceIsADeadlock) {
  const auto seen = stuck_program("self");
  EXPECT_TRUE(is_one_deadlock(seen)) << seen.text();
  EXPECT_THAT(texts_of(seen), ElementsAre("deadlock of 1 thread: waits_subject (#) in " MUTEX_WANTED
                                          " waits for mutex accounts held by itself"))
      << seen.text();
}

TEST_F(Waits, AMutexOnTheWaitingThreadsOwnStackIsAMutex) {
  const auto seen = stuck_program("self-local");
  EXPECT_TRUE(is_one_deadlock(seen)) << seen.text();
}

TEST_F(Waits, ANotifiedThreadWaitsForTheMutexAgain) {
  const auto seen = stuck_program("notified");
  EXPECT_TRUE(is_one_deadlock(seen)) << seen.text();
  EXPECT_EQ(count_of(seen, WaitKind::mutex), 1U) << seen.text();
}

TEST_F(Waits, AMutexOfAThreadThatHasEndedIsSaid) {
  const auto seen = stuck_program("ended");
  EXPECT_THAT(texts_of(seen),
              ElementsAre("waits_subject (#) in " MUTEX_WANTED
                          " waits for mutex accounts held by thread #, which has ended"))
      << seen.text();
}

TEST_F(Waits, AConditionVariableNobodyIsLeftToNotifyIsSaid) {
  const auto seen = stuck_program("unnotified");
  EXPECT_THAT(texts_of(seen),
              ElementsAre("nobody is left to notify: worker (#) in subject::wait_in_queue()+# "
                          "waits for condition variable subject::queue"))
      << seen.text();
  EXPECT_FALSE(is_one_deadlock(seen));
}

TEST_F(Waits, AHealthyServerIsNotStuck) {
  Traced subject;
  subject.start({kWaitsSubject, "healthy"});
  EXPECT_EQ(subject.line(), "ready");
  const auto good = [](const Seen& seen) {
    return count_of(seen, WaitKind::condition) == 2 &&
           // Without debug files of the C library a semaphore is not recognised.
           count_of(seen, WaitKind::semaphore) + count_of(seen, WaitKind::futex) == 1 &&
           count_of(seen, WaitKind::time) == 1 && count_of(seen, WaitKind::descriptor) == 1;
  };
  const auto seen = look_until(subject.tracer(), good);
  EXPECT_TRUE(good(seen)) << seen.text();
  EXPECT_THAT(seen.stuck, IsEmpty()) << seen.text();
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(look(subject.tracer()).stuck, IsEmpty());
    EXPECT_TRUE(good(look_until(subject.tracer(), good)));
  }
}

TEST_F(Waits, WhoWaitsForNothingButUntimedLocksIsSeenWithoutBeingStopped) {
  const auto waits_of_program = [](const std::string& program) {
    Traced subject;
    subject.start({kWaitsSubject, program});
    EXPECT_EQ(subject.line(), "ready");
    std::string waits;
    const auto limit = now() + std::chrono::seconds(program == "join" ? 10 : 1);
    while (waits.empty() && now() < limit) waits = untimed_futex_waits(subject.pid());
    EXPECT_TRUE(waits.empty() || untimed_futex_waits(subject.pid()) == waits) << "it has moved";
    return waits;
  };
  const auto waits = waits_of_program("join");
  EXPECT_EQ(std::ranges::count(waits, '\n'), 2) << waits;  // who joins, and who is joined
  EXPECT_EQ(waits_of_program("mutexes"), "");              // its first thread waits for a signal
  EXPECT_EQ(waits_of_program("healthy"), "");
  EXPECT_EQ(untimed_futex_waits(::getpid()), "");  // it runs
}

TEST_F(Waits, AMutexOfAThreadAtWorkIsNotStuck) {
  Traced subject;
  subject.start({kWaitsSubject, "contended"});
  EXPECT_EQ(subject.line(), "ready");
  const auto seen = look_until(subject.tracer(), [](const Seen& one) {
    return count_of(one, WaitKind::mutex) == 1 && count_of(one, WaitKind::signal) == 1;
  });
  EXPECT_EQ(count_of(seen, WaitKind::mutex), 1U) << seen.text();
  EXPECT_THAT(seen.stuck, IsEmpty()) << seen.text();
  const auto waiting = std::ranges::find(seen.waits, "waiting", &ThreadWait::name);
  ASSERT_NE(waiting, seen.waits.end());
  EXPECT_EQ(waiting->wait.owner, subject.pid());
}

std::string in_lambda_of_join(const std::string& lambda) {
  return "std::thread::_State_impl<std::thread::_Invoker<std::tuple<waits::in_join()::" + lambda +
         "> > >::_M_run()+#: a signal";
}

TEST_F(Waits, EveryKindOfWaitIsNamed) {
  Traced subject;
  subject.start({kStacksSubject, "threads"});
  EXPECT_EQ(subject.line(), "ready");
  const auto count = [](const Seen& seen) {
    return std::ranges::count_if(
        seen.waits, [](const ThreadWait& one) { return one.wait.kind != WaitKind::running; });
  };
  const auto seen = look_until(subject.tracer(), [&](const Seen& one) { return count(one) == 18; });
  ASSERT_EQ(count(seen), 18) << seen.text();
  std::vector<std::string> texts;
  for (const auto& one : seen.waits)
    texts.push_back(known(one.place + ": " + one.wait.what + (one.wait.timed ? ", timed" : "")));
  EXPECT_THAT(texts,
              ::testing::UnorderedElementsAre(
                  "subject::run_threads()+#: a signal", "waits::in_mutex()+#: mutex waits::locked",
                  "waits::in_condition()+#: condition variable waits::never",
                  "waits::in_timed_condition()+#: condition variable #, timed",
                  "waits::in_read()+#: read # (pipe:[#])",
                  "waits::in_epoll()+#: epoll_wait # (anon_inode:[eventpoll])",
                  "waits::in_sleep()+#: sleep, timed", "waits::in_join()+#: the end of",
                  // GCC's name of the lambda, or Clang's.
                  ::testing::AnyOf(in_lambda_of_join("{lambda()#1}"), in_lambda_of_join("$_0")),
                  "waits::in_poll()+#: poll", "waits::in_select()+#: select",
                  "waits::in_accept()+#: accept # (socket:[#])",
                  "waits::in_receive()+#: recv # (socket:[#])",
                  ::testing::AnyOf("waits::in_semaphore()+#: semaphore waits::semaphore",
                                   "waits::in_semaphore()+#: futex waits::semaphore"),
                  "waits::in_barrier()+#: futex waits::barrier+#",
                  "waits::in_shared_mutex()+#: rwlock waits::shared",
                  "waits::in_future()+#: futex #", "waits::in_sigwait()+#: a signal"))
      << seen.text();
}

constexpr const char* kRust = R"(
use std::io::Write;
use std::sync::{Arc, Barrier, Mutex};
#[inline(never)]
fn transfer(from: &Mutex<u64>, to: &Mutex<u64>, all: &Barrier) {
  let mut one = from.lock().unwrap();
  all.wait();
  println!("ready");
  std::io::stdout().flush().unwrap();
  let mut other = to.lock().unwrap();
  *one -= 1;
  *other += 1;
}
fn main() {
  let locks = [Arc::new(Mutex::new(1)), Arc::new(Mutex::new(2))];
  let all = Arc::new(Barrier::new(2));
  let threads: Vec<_> = (0..2).map(|i| {
    let (a, b, all) = (locks[i].clone(), locks[1 - i].clone(), all.clone());
    std::thread::Builder::new().name(format!("worker-{}", i + 1)).spawn(move || transfer(&a, &b, &all)).unwrap()
  }).collect();
  for one in threads { one.join().unwrap(); }
}
)";

TEST_F(Waits, RustMutexesInOppositeOrderAreAProbableDeadlock) {
  const testing::ScratchFolder folder;
  const auto source = folder.write("a.rs", kRust);
  const auto program = folder / "rust";
  if (std::system(("rustc -O -o " + program + " " + source + " >/dev/null 2>&1").c_str()) != 0)
    GTEST_SKIP() << "no rustc";
  Traced subject;
  subject.start({program});
  EXPECT_EQ(subject.line(), "ready");
  const auto seen =
      look_until(subject.tracer(), [](const Seen& one) { return !one.stuck.empty(); });
  EXPECT_THAT(texts_of(seen),
              ElementsAre("probable deadlock of 2 threads: worker-1 (#) in a::transfer+# waits for "
                          "mutex # probably held by worker-2 (#), which in a::transfer+# waits for "
                          "mutex # probably held by worker-1"))
      << seen.text();
  EXPECT_FALSE(is_one_deadlock(seen));
}

}  // namespace
}  // namespace lastcall::waits_test
