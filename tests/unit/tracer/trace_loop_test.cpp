#include "tracer/loop/trace_loop.hpp"

#include <gmock/gmock.h>
#include <sys/syscall.h>

#include <csignal>
#include <tuple>

#include "unit/tracer/fake_ptrace.hpp"

namespace lastcall::trace_loop_test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FakePtrace;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

// Writes down what it is told, and wishes what it was given.
struct Told : TraceObserver {
  std::vector<std::string> what;
  SyscallAction wish{};
  Nanoseconds stands{};
  void executed(const Tracee& t) override { what.push_back("executed " + std::to_string(t.tid)); }
  void began(const Tracee& t) override {
    what.push_back("began " + std::to_string(t.pid) + "/" + std::to_string(t.tid));
  }
  SyscallAction on_syscall(const Tracee&, const SyscallEntry& entry) override {
    what.push_back("entry " + std::to_string(entry.number));
    return wish;
  }
  void on_syscall_exit(const Tracee&, const SyscallEntry& entry, std::int64_t result) override {
    what.push_back("exit " + std::to_string(entry.number) + " " + std::to_string(result));
  }
  Nanoseconds stands_at_exit(const Tracee&) override { return stands; }
  bool on_signal(const Tracee&, const siginfo_t& info) override {
    what.push_back("signal " + std::to_string(info.si_signo));
    return false;
  }
  void on_exit_call(const Tracee& t, int code) override {
    what.push_back("exit of all by " + std::to_string(t.tid) + " " + std::to_string(code));
  }
  void on_thread_exit(const Tracee& t, int) override {
    what.push_back("last of " + std::to_string(t.tid));
  }
  void process_ended(pid_t pid, const siginfo_t&) override {
    what.push_back("ended " + std::to_string(pid));
  }
};

struct Loop : ::testing::Test {
  static constexpr pid_t kPid = 100;
  static constexpr std::uint64_t kNext = 0x1002;
  FakePtrace calls;
  Told told;
  TraceLoop loop{calls, {&told}};

  void SetUp() override { ASSERT_TRUE(loop.follow(kPid, false)); }
  void add_thread(pid_t tid, pid_t pid = kPid) {
    calls.threads[tid].pid = pid;
    calls.stops(tid, SIGTRAP, PTRACE_EVENT_STOP);
    loop.work();
    (void)calls.resumed(tid);
  }
  std::size_t look() {
    std::size_t seen = 0;
    missing = loop.with_all_stopped([&](const auto& all) { seen = all.size(); });
    return seen;
  }
  std::size_t missing = 0;
};

TEST_F(Loop, ASignalIsDeliveredAsItCame) {
  calls.takes(kPid, SIGTERM);
  loop.work();
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run 15"));
  EXPECT_THAT(told.what, ElementsAre("signal 15"));
}

TEST_F(Loop, ASignalForTheProcessIsHandedToTheFirstThread) {
  add_thread(101);
  calls.was_interrupted_in(101, SYS_epoll_wait, kNext);
  calls.threads[101].signal.si_pid = 7;
  calls.takes(101, SIGTERM);
  loop.work();
  EXPECT_THAT(calls.resumed(101), ElementsAre("run"));
  EXPECT_EQ(calls.threads[101].registers.rip, kNext - 2);  // nothing interrupted it
  EXPECT_THAT(calls.sent, ElementsAre(Pair(kPid, SIGTERM)));
  EXPECT_THAT(told.what, Not(Contains("signal 15")));
  calls.threads[kPid].signal = {};
  calls.threads[kPid].signal.si_code = SI_TKILL;
  calls.takes(kPid, SIGTERM);
  loop.work();
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run 15"));
  EXPECT_EQ(calls.threads[kPid].signal.si_code, SI_USER);
  EXPECT_EQ(calls.threads[kPid].signal.si_pid, 7);
  EXPECT_THAT(told.what, Contains("signal 15"));
}

TEST_F(Loop, ASignalIsLeftToWhoTakesItIfItIsForThatThreadOrTheFirstCannot) {
  add_thread(101);
  calls.threads[101].signal.si_code = SI_TKILL;
  calls.takes(101, SIGTERM);
  loop.work();
  calls.threads[101].signal.si_code = SI_USER;
  calls.takes(101, SIGPIPE);
  loop.work();
  calls.status = {{"SigBlk", "0000000000004000"}};
  calls.takes(101, SIGTERM);
  loop.work();
  calls.status = {{"State", "Z (zombie)"}};
  calls.takes(101, SIGTERM);
  loop.work();
  EXPECT_THAT(calls.resumed(101), ElementsAre("run 15", "run 13", "run 15", "run 15"));
  EXPECT_THAT(calls.sent, IsEmpty());
}

TEST_F(Loop, KnowsWhetherThereIsAChoiceOfTakers) {
  add_thread(101);
  calls.threads[200].pid = 200;
  const std::string sigterm = "0000000000004000";
  EXPECT_TRUE(loop.has_several_takers(kPid, SIGTERM));
  calls.blocked = {{101, sigterm}};
  EXPECT_FALSE(loop.has_several_takers(kPid, SIGTERM));
  EXPECT_TRUE(loop.has_several_takers(kPid, SIGINT));
  add_thread(102);
  EXPECT_TRUE(loop.has_several_takers(kPid, SIGTERM));
  calls.status["State"] = "Z (zombie)";  // the first thread has ended alone
  EXPECT_FALSE(loop.has_several_takers(kPid, SIGTERM));
  EXPECT_FALSE(loop.has_several_takers(200, SIGTERM));
}

TEST_F(Loop, ASignalIsSentWhileNobodyStandsStill) {
  add_thread(101);
  std::vector<std::string> stood;
  const auto send = [&] {
    for (const auto& [tid, thread] : calls.threads) {
      if (thread.stopped) stood.push_back(std::to_string(tid));
    }
    stood.emplace_back("sent");
  };
  calls.enters(kPid, SYS_write);
  calls.enters(101, SYS_write);
  loop.send_while_all_run(send);
  EXPECT_THAT(stood, ElementsAre("sent"));
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run"));
  EXPECT_THAT(calls.resumed(101), ElementsAre("run"));
}

TEST_F(Loop, ASignalIsSentInTheEndAlthoughSomebodyStandsStillAllTheTime) {
  add_thread(101);
  calls.threads[101].takes_again = 1'000'000'000;
  calls.threads[101].signal.si_code = SI_TKILL;
  calls.threads[101].signal.si_code = SI_TKILL;
  calls.takes(101, SIGURG);
  bool stood = false;
  bool sent = false;
  loop.send_while_all_run([&] {
    sent = true;
    stood = calls.threads[101].stopped;
    calls.threads[101].takes_again = 0;
  });
  EXPECT_TRUE(sent && stood);
  EXPECT_FALSE(calls.threads[101].stopped);
}

TEST_F(Loop, AGroupStopIsListenedTo) {
  calls.stops(kPid, SIGSTOP, PTRACE_EVENT_STOP);
  loop.work();
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("listen"));
  calls.stops(kPid, SIGTRAP, PTRACE_EVENT_STOP);  // SIGCONT
  loop.work();
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run"));
}

TEST_F(Loop, WhoIsInAGroupStopStaysThereWhenLookedAt) {
  calls.threads[kPid].stops_as_group = true;
  EXPECT_EQ(look(), 1U);
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("listen"));
}

TEST_F(Loop, ANewThreadMayStopBeforeItsMakerSaysSo) {
  calls.threads[101].pid = kPid;
  calls.stops(101, SIGTRAP, PTRACE_EVENT_STOP);
  calls.stops(kPid, SIGTRAP, PTRACE_EVENT_CLONE);
  loop.work();
  EXPECT_THAT(told.what, ElementsAre("began 100/101"));
  EXPECT_THAT(calls.resumed(101), ElementsAre("run"));
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run"));
  EXPECT_EQ(loop.threads(), 2U);
}

TEST_F(Loop, AChildThatHasNotStoppedYetIsSomebody) {
  calls.threads[200].pid = 200;
  calls.threads[kPid].message = 200;
  calls.stops(kPid, SIGTRAP, PTRACE_EVENT_FORK);
  loop.work();
  calls.ends(kPid);
  loop.work();
  EXPECT_EQ(loop.threads(), 1U) << "the child goes on";
  calls.ends(200, CLD_KILLED, SIGKILL);  // before its first stop
  loop.work();
  EXPECT_EQ(loop.threads(), 0U);
}

TEST_F(Loop, OnlyTheEndOfAProcessIsAnEnd) {
  add_thread(101);
  calls.ends(101);
  loop.work();
  EXPECT_THAT(loop.take_ends(), IsEmpty());
  calls.ends(kPid, CLD_KILLED, SIGKILL);
  calls.ends(999, CLD_EXITED, 3);  // nobody that is traced
  loop.work();
  const auto ends = loop.take_ends();
  ASSERT_EQ(ends.size(), 2U);
  EXPECT_EQ(ends[0].si_status, SIGKILL);
  EXPECT_EQ(ends[1].si_pid, 999);
  EXPECT_EQ(told.what.back(), "ended 100");
  EXPECT_EQ(loop.threads(), 0U);
}

TEST_F(Loop, AnExecutionEndsAllOtherThreads) {
  add_thread(101);
  add_thread(102);
  add_thread(200, 200);
  calls.threads[kPid].message = 102;  // who called it, and is the leader now
  calls.stops(kPid, SIGTRAP, PTRACE_EVENT_EXEC);
  loop.work();
  EXPECT_EQ(loop.threads(), 2U);
  EXPECT_EQ(told.what.back(), "executed 100");
}

TEST_F(Loop, ACallThatTheTracerInterruptedIsMadeAgain) {
  calls.was_interrupted_in(kPid, SYS_epoll_wait, kNext);
  EXPECT_EQ(look(), 1U);
  EXPECT_EQ(calls.threads[kPid].registers.rip, kNext - 2);
  EXPECT_EQ(calls.threads[kPid].registers.rax, static_cast<std::uint64_t>(SYS_epoll_wait));
}

TEST_F(Loop, ACallThatASignalInterruptedToldSo) {
  calls.was_interrupted_in(kPid, SYS_epoll_wait, kNext);
  EXPECT_EQ(look(), 1U);
  calls.takes(kPid, SIGTERM);  // before it ran at all
  loop.work();
  EXPECT_EQ(calls.threads[kPid].registers.rip, kNext);
  EXPECT_EQ(static_cast<std::int64_t>(calls.threads[kPid].registers.rax), -EINTR);
}

TEST_F(Loop, ACallThatIsAboutToBeMadeAgainIsInterruptedByASignal) {
  constexpr std::int64_t kRestartUnlessHandled = -514;  // ERESTARTNOHAND
  constexpr std::int64_t kRestartTheRest = -516;        // ERESTART_RESTARTBLOCK
  for (const auto& [number, result, again] :
       {std::tuple(SYS_pause, kRestartUnlessHandled, SYS_pause),
        std::tuple(SYS_nanosleep, kRestartTheRest, SYS_restart_syscall),
        std::tuple(SYS_epoll_wait, std::int64_t{-EINTR}, SYS_epoll_wait)}) {
    auto& registers = calls.threads[kPid].registers;
    calls.was_interrupted_in(kPid, static_cast<std::uint64_t>(number), kNext);
    registers.rax = static_cast<std::uint64_t>(result);
    EXPECT_EQ(look(), 1U);
    // The kernel has let it go back to the instruction, where the timer's interrupt met it.
    registers.rip = kNext - 2;
    registers.rax = static_cast<std::uint64_t>(again);
    registers.orig_rax = ~0ULL;
    calls.takes(kPid, SIGTERM);
    loop.work();
    EXPECT_EQ(registers.rip, kNext);
    EXPECT_EQ(static_cast<std::int64_t>(registers.rax), result);
    EXPECT_EQ(registers.orig_rax, static_cast<std::uint64_t>(number));
    // Once only.
    registers.rip = kNext - 2;
    registers.rax = static_cast<std::uint64_t>(number);
    calls.takes(kPid, SIGTERM);
    loop.work();
    EXPECT_EQ(registers.rip, kNext - 2);
  }
}

TEST_F(Loop, AnIgnoredSignalInterruptsNothing) {
  calls.was_interrupted_in(kPid, SYS_epoll_wait, kNext);
  calls.status = {{"SigCgt", "0000000000000000"}, {"SigIgn", "0000000000001000"}};
  calls.takes(kPid, SIGPIPE);  // 13
  loop.work();
  EXPECT_EQ(calls.threads[kPid].registers.rip, kNext - 2);
  calls.was_interrupted_in(kPid, SYS_epoll_wait, kNext);
  calls.takes(kPid, SIGTERM);  // neither caught nor ignored: it will end the process
  loop.work();
  EXPECT_EQ(calls.threads[kPid].registers.rip, kNext);
  calls.status = {{"SigCgt", "0000000000010000"}, {"SigIgn", "0000000000000000"}};
  calls.takes(kPid, SIGCHLD);  // 17, which is caught
  loop.work();
  EXPECT_EQ(calls.threads[kPid].registers.rip, kNext);
}

TEST_F(Loop, TheResultOfACallIsToldToWhoAskedForIt) {
  told.wish.see_exit = true;
  calls.enters(kPid, SYS_write);
  loop.work();
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("to exit"));
  calls.returns(kPid, -EBADF);
  loop.work();
  EXPECT_THAT(told.what, ElementsAre("entry 1", "exit 1 -9"));
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run"));
}

TEST_F(Loop, ACallThatTheKernelWillMakeAgainHasNoResultYet) {
  told.wish.see_exit = true;
  calls.enters(kPid, SYS_write);
  loop.work();
  calls.returns(kPid, -512);  // ERESTARTSYS
  loop.work();
  EXPECT_THAT(told.what, ElementsAre("entry 1"));
}

TEST_F(Loop, TheResultOfAnExecutionIsToldToo) {
  add_thread(101);
  told.what.clear();
  told.wish.see_exit = true;
  calls.enters(101, SYS_execve);
  loop.work();
  calls.threads[kPid].message = 101;  // who called it, and is the leader now
  calls.stops(kPid, SIGTRAP, PTRACE_EVENT_EXEC);
  loop.work();
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("to exit"));
  calls.returns(kPid, 0);
  loop.work();
  EXPECT_THAT(told.what, ElementsAre("entry 59", "executed 100", "exit 59 0"));
  EXPECT_EQ(look(), 1U);
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run", "run"));  // nothing is asked for any more
}

TEST_F(Loop, ACallCanFailWithoutBeingMade) {
  told.wish.error = ENOSPC;
  calls.enters(kPid, SYS_fsync);
  loop.work();
  EXPECT_EQ(calls.threads[kPid].registers.orig_rax, ~0ULL);
  EXPECT_EQ(static_cast<std::int64_t>(calls.threads[kPid].registers.rax), -ENOSPC);
}

TEST_F(Loop, AWriteCanBeCutShort) {
  told.wish.length = 5;
  calls.enters(kPid, SYS_write, {3, 0, 10});
  loop.work();
  EXPECT_EQ(calls.threads[kPid].registers.rdx, 5U);
}

TEST_F(Loop, ACallCanBeMadeLater) {
  told.wish.delay = std::chrono::milliseconds(1);
  calls.enters(kPid, SYS_write);
  loop.work();
  EXPECT_THAT(calls.resumed(kPid), IsEmpty());
  ASSERT_TRUE(loop.next_timer());
  EXPECT_EQ(look(), 1U);  // held, and stays so
  EXPECT_THAT(calls.resumed(kPid), IsEmpty());
  while (loop.next_timer()) loop.work();
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run"));
}

TEST_F(Loop, WhoWaitsAtACallIsReleased) {
  told.wish.delay = std::chrono::hours(1);
  told.wish.see_exit = true;
  told.stands = std::chrono::hours(1);
  loop.release(kPid);  // runs, and need not be
  calls.enters(kPid, SYS_write);
  loop.work();
  EXPECT_THAT(calls.resumed(kPid), IsEmpty());
  loop.release(kPid);
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("to exit"));
  EXPECT_FALSE(loop.next_timer());
  calls.returns(kPid, 3);
  loop.work();
  EXPECT_THAT(told.what, ElementsAre("entry 1", "exit 1 3"));
  EXPECT_THAT(calls.resumed(kPid), IsEmpty());
  loop.release(kPid);
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run"));
}

TEST_F(Loop, SigkillTakesAThreadOutOfItsDelay) {
  told.wish.delay = std::chrono::hours(1);
  calls.enters(kPid, SYS_write);
  loop.work();
  calls.stops(kPid, SIGTRAP, PTRACE_EVENT_EXIT);
  loop.work();
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run"));
  EXPECT_FALSE(loop.next_timer());
  calls.ends(kPid, CLD_KILLED, SIGKILL);
  loop.work();
  EXPECT_EQ(loop.threads(), 0U);
}

TEST_F(Loop, AnExitIsToldOfItsCallerAlthoughOthersAreSeenFirst) {
  add_thread(101);
  add_thread(102);
  told.what.clear();
  calls.dies(101, SYS_futex, 0, 3);
  calls.dies(kPid, SYS_exit_group, 1, 3);  // called it too late
  calls.dies(102, SYS_exit_group, 3, 3);
  loop.work();
  EXPECT_THAT(told.what,
              ElementsAre("exit of all by 102 3", "last of 101", "last of 100", "last of 102"));
  for (const pid_t tid : {kPid, 101, 102}) EXPECT_THAT(calls.resumed(tid), ElementsAre("run"));
  EXPECT_EQ(calls.awaited, Nanoseconds(0));
}

TEST_F(Loop, TheCallerOfAnExitIsWaitedFor) {
  add_thread(101);
  told.what.clear();
  calls.dies(101, SYS_futex, 0, 0);
  calls.at_await = [&] { calls.dies(kPid, SYS_exit_group, 0, 0); };
  loop.work();
  EXPECT_THAT(told.what, ElementsAre("exit of all by 100 0", "last of 101", "last of 100"));
}

TEST_F(Loop, AThreadThatEndsAloneIsNoExit) {
  add_thread(101);
  told.what.clear();
  calls.dies(101, SYS_exit, 0, 0);
  loop.work();
  EXPECT_THAT(told.what, ElementsAre("last of 101"));
  EXPECT_EQ(calls.awaited, Nanoseconds(0));
}

TEST_F(Loop, WhoIsEndedByAnExecutionIsNotWaitedWith) {
  add_thread(101);
  told.wish.see_exit = true;
  calls.enters(kPid, SYS_execve);
  loop.work();
  told.what.clear();
  calls.dies(101, SYS_futex, 0, 0);
  loop.work();
  EXPECT_THAT(told.what, ElementsAre("last of 101"));
  EXPECT_EQ(calls.awaited, Nanoseconds(0));
}

TEST_F(Loop, WhoStopsAllTheTimeLetsOthersHaveTheirTurn) {
  add_thread(101);
  calls.threads[101].takes_again = 100;
  calls.takes(101, SIGSEGV);
  calls.enters(kPid, SYS_write);
  loop.work();
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run"));
  EXPECT_GT(calls.threads[101].takes_again, 90);
}

TEST_F(Loop, WhoIsGoneNeedNotBeResumed) {
  calls.threads[kPid].gone = true;
  calls.takes(kPid, SIGTERM);
  loop.work();
  EXPECT_THAT(calls.resumed(kPid), IsEmpty());
}

TEST_F(Loop, AThreadThatNothingInterruptsIsNotWaitedForLong) {
  add_thread(101);
  calls.threads[101].uninterruptible = true;
  EXPECT_EQ(look(), 1U);
  EXPECT_EQ(missing, 1U);
  EXPECT_GT(calls.awaited, Nanoseconds(0));
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run"));
}

TEST_F(Loop, WhatIsReportedWhileAllAreStoppedIsHandledAfterwards) {
  add_thread(101);
  told.what.clear();
  std::vector<std::string> meanwhile;
  calls.threads[101].uninterruptible = true;  // what stops it is the signal
  calls.threads[101].signal.si_code = SI_TKILL;
  calls.at_interrupt = [&] { calls.takes(101, SIGUSR1); };
  loop.with_all_stopped([&](const auto& all) {
    EXPECT_EQ(all.size(), 2U);
    meanwhile = told.what;
  });
  EXPECT_THAT(meanwhile, IsEmpty());
  EXPECT_THAT(told.what, ElementsAre("signal 10"));
  EXPECT_THAT(calls.resumed(101), ElementsAre("run 10"));
}

// Stops the process of whoever takes a fatal SIGTERM, and looks.
struct Looking : Told {
  TraceLoop* loop = nullptr;
  std::vector<pid_t> seen;
  bool on_signal(const Tracee& thread, const siginfo_t& info) override {
    (void)Told::on_signal(thread, info);
    if (info.si_signo == SIGTERM) {
      loop->with_process_stopped(thread.pid, [&](const auto& all) {
        for (const auto& one : all) seen.push_back(one.tid);
      });
      what.push_back("looked");
    }
    return false;
  }
};

struct StoppingObserver : ::testing::Test {
  static constexpr pid_t kPid = 100;
  FakePtrace calls;
  Looking looking;
  TraceLoop loop{calls, {&looking}};

  void SetUp() override {
    looking.loop = &loop;
    ASSERT_TRUE(loop.follow(kPid, false));
    for (const pid_t tid : {101, 102, 200}) {
      calls.threads[tid].pid = tid == 200 ? 200 : kPid;
      calls.stops(tid, SIGTRAP, PTRACE_EVENT_STOP);
    }
    loop.work();
    for (const pid_t tid : {101, 102, 200}) (void)calls.resumed(tid);
    looking.what.clear();
  }
};

TEST_F(StoppingObserver, SeesTheThreadsOfThatProcess) {
  calls.takes(kPid, SIGTERM);
  loop.work();
  EXPECT_THAT(looking.seen, ElementsAre(kPid, 101, 102));
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run 15"));
  EXPECT_THAT(calls.resumed(101), ElementsAre("run"));
  EXPECT_THAT(calls.resumed(200), IsEmpty());  // was never stopped
}

TEST_F(StoppingObserver, IsToldAfterwardsWhatHappenedMeanwhile) {
  calls.threads[102].uninterruptible = true;  // what stops it is the signal
  calls.threads[102].signal.si_code = SI_TKILL;
  calls.at_interrupt = [&] { calls.takes(102, SIGTERM); };
  calls.takes(kPid, SIGTERM);
  loop.work();
  EXPECT_THAT(looking.what, ElementsAre("signal 15", "looked", "signal 15", "looked"));
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run 15", "run"));
  EXPECT_THAT(calls.resumed(102), ElementsAre("run 15"));
}

TEST_F(StoppingObserver, SigkillMayTakeWhomItTellsOfToItsEnd) {
  calls.threads[kPid].message = SIGKILL;
  calls.at_interrupt = [&] { calls.stops(kPid, SIGTRAP, PTRACE_EVENT_EXIT); };
  calls.takes(kPid, SIGTERM);
  loop.work();
  EXPECT_THAT(looking.what, ElementsAre("signal 15", "looked", "last of 100"));
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run"));  // once, and out of that stop
}

TEST_F(StoppingObserver, WhomItTellsOfMayBeGone) {
  calls.threads[102].uninterruptible = true;
  calls.at_interrupt = [&] {
    calls.ends(kPid, CLD_KILLED, SIGKILL);
    calls.ends(102, CLD_KILLED, SIGKILL);
  };
  calls.takes(kPid, SIGTERM);
  loop.work();
  EXPECT_THAT(looking.seen, ElementsAre(101));
  EXPECT_THAT(looking.what, ElementsAre("signal 15", "looked", "ended 100"));
  EXPECT_EQ(loop.threads(), 2U);
}

TEST(SleepingFilters, AreWokenInEveryThreadAlsoInOneThatIsLate) {
  FakePtrace calls;
  TraceLoop loop(calls, {});
  ASSERT_TRUE(loop.follow(100, true));
  const auto asleep = calls.threads[100].options;
  calls.threads[101].pid = 100;
  calls.threads[101].options = asleep;
  calls.stops(101, SIGTRAP, PTRACE_EVENT_STOP);
  loop.work();
  calls.threads[101].uninterruptible = true;
  loop.wake_filters();
  EXPECT_EQ(calls.threads[100].options, asleep & ~std::uint32_t{PTRACE_O_SUSPEND_SECCOMP});
  EXPECT_EQ(calls.threads[101].options, asleep);
  calls.takes(101, SIGUSR1);
  loop.work();
  EXPECT_EQ(calls.threads[101].options, calls.threads[100].options);
}

TEST(SleepingFilters, LetExitsBeToldUnlessAChildEndsAsUsual) {
  FakePtrace calls;
  Told told;
  TraceLoop loop(calls, {&told});
  ASSERT_TRUE(loop.follow(100, true));
  for (const pid_t pid : {100, 200, 300}) calls.threads[pid].pid = pid;
  calls.dies(200, SYS_exit_group, 0, 0);
  calls.dies(300, SYS_exit_group, 1, 1);
  calls.dies(100, SYS_exit_group, 0, 0);
  loop.work();
  EXPECT_THAT(told.what, AllOf(Contains("exit of all by 300 1"), Contains("exit of all by 100 0"),
                               Not(Contains("exit of all by 200 0"))));
}

TEST(SleepingFilters, AnErrorSaysThatItMayNotTrace) {
  FakePtrace calls;
  calls.seize_problem = EPERM;
  TraceLoop loop(calls, {});
  const auto followed = loop.follow(100, false);
  ASSERT_FALSE(followed);
  EXPECT_EQ(followed.error().message(),
            "cannot trace process 100: Operation not permitted (a container's seccomp profile or "
            "kernel.yama.ptrace_scope forbids ptrace(2): --cap-add=SYS_PTRACE allows it in a "
            "container; trace = false in [target] does without)");
}

}  // namespace
}  // namespace lastcall::trace_loop_test
