#include "tracer/loop/tracer.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>

#include "base/file.hpp"
#include "unit/scratch_folder.hpp"
#include "unit/tracer/traced.hpp"

namespace lastcall::tracer_test {
namespace {

// Counts entries and results of a call, and can wish something.
struct Watch : TraceObserver {
  std::uint64_t number = 0;
  SyscallAction wish{};
  int entries = 0;
  std::vector<std::int64_t> results{};
  int executions = 0;

  Watch(int syscall, SyscallAction wished)
      : number(static_cast<std::uint64_t>(syscall)), wish(wished) {}
  void executed(const Tracee&) override { ++executions; }
  SyscallAction on_syscall(const Tracee&, const SyscallEntry& entry) override {
    if (executions == 0 || entry.number != number) return {};
    ++entries;
    return wish;
  }
  void on_syscall_exit(const Tracee&, const SyscallEntry&, std::int64_t result) override {
    results.push_back(result);
  }
};

struct TracedPrograms : TracedTest {};

TEST_F(TracedPrograms, AProgramEndsAsItDoesUntraced) {
  Traced shell;
  shell.start({"sh", "-c", "echo hello; exit 7"});
  EXPECT_EQ(shell.rest(), "hello\n");
  EXPECT_EQ(shell.end(), "exited 7");
}

TEST_F(TracedPrograms, AnEndThatIsSeenWhileSomethingElseIsAskedIsToldAtOnce) {
  // Each shows it only if the tracer waits for the end, and so takes the signal that tells of it.
  for (int i = 0; i < 5; ++i) {
    Traced sleeper;
    sleeper.start({"sleep", "1000"});
    sleeper.tracer().on_its_thread([&](TraceLoop& loop) {
      (void)::kill(sleeper.pid(), SIGKILL);
      while (loop.processes().contains(sleeper.pid()))
        loop.with_all_stopped([](const std::vector<Tracee>&) {});
    });
    pollfd ends{sleeper.tracer().ends_fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&ends, 1, 5000), 1) << "it waits for the next signal of a child";
    EXPECT_EQ(sleeper.end(), "signalled 9");
  }
}

TEST_F(TracedPrograms, ASignalReachesItsHandler) {
  Traced shell;
  shell.start(
      {"sh", "-c", "trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.05; done"});
  EXPECT_EQ(shell.line(), "ready");
  shell.signal(SIGTERM);
  EXPECT_EQ(shell.line(), "caught");
  EXPECT_EQ(shell.end(), "exited 3");
}

TEST_F(TracedPrograms, ASignalWithoutAHandlerEndsIt) {
  for (const int number : {SIGTERM, SIGKILL, SIGSEGV}) {
    Traced sleeping;
    sleeping.start({"sleep", "100"});
    sleeping.signal(number);
    EXPECT_EQ(sleeping.end(), "signalled " + std::to_string(number));
  }
}

TEST_F(TracedPrograms, WhatItStartsIsFollowedThroughForkVforkAndExec) {
  Watch exits(SYS_exit_group, {});
  Traced shell({SYS_exit_group}, {&exits});
  shell.start({"sh", "-c", "(sh -c 'echo inner; exit 4'); echo $?; true | cat; sleep 0.01 & wait"});
  EXPECT_EQ(shell.rest(), "inner\n4\n");
  EXPECT_EQ(shell.end(), "exited 0");
  EXPECT_GE(exits.executions, 4);  // sh, sh, cat, sleep
  EXPECT_GE(exits.entries, 5);     // and the subshells
}

TEST_F(TracedPrograms, AProcessMadeByPosixSpawnIsFollowed) {
  Watch exits(SYS_exit_group, {});
  Traced python({SYS_exit_group}, {&exits});
  python.start(
      {"python3", "-c",
       "import os; p = os.posix_spawn('/bin/true', ['true'], {}); print(os.waitpid(p, 0)[1])"});
  EXPECT_EQ(python.rest(), "0\n");
  EXPECT_EQ(python.end(), "exited 0");
  EXPECT_EQ(exits.entries, 2);
}

TEST_F(TracedPrograms, ThreadsComeAndGo) {
  Traced threads;
  threads.start({kSubject, "threads"});
  EXPECT_EQ(threads.rest(), "800 threads\n");
  EXPECT_EQ(threads.end(), "exited 0");
}

TEST_F(TracedPrograms, AThreadThatIsNotTheFirstMayExecute) {
  Traced subject;
  subject.start({kSubject, "exec-from-thread"});
  EXPECT_EQ(subject.rest(), "said\n");
  EXPECT_EQ(subject.end(), "exited 0");
}

std::size_t look(Tracer& tracer) {
  std::size_t seen = 0;
  tracer.on_its_thread([&](TraceLoop& loop) {
    loop.with_all_stopped([&](const std::vector<Tracee>& all) { seen = all.size(); });
  });
  return seen;
}

char state_of(pid_t pid) {
  const auto status = read_file("/proc/" + std::to_string(pid) + "/status");
  const auto at = status ? status->find("State:\t") : std::string::npos;
  return at == std::string::npos ? '?' : (*status)[at + 7];
}

TEST_F(TracedPrograms, AStoppedProcessStaysStoppedUntilItIsContinued) {
  Traced counting;
  counting.start({"python3", "-u", "-c",
                  "import time\nprint('ready')\nbegin = time.process_time()\n"
                  "while time.process_time() - begin < 0.1: pass\nprint('over')"});
  EXPECT_EQ(counting.line(), "ready");
  counting.signal(SIGSTOP);
  const auto limit = now() + std::chrono::seconds(5);
  while (state_of(counting.pid()) != 't' && now() < limit) {
    (void)look(counting.tracer());
    // Who is interrupted again before it had a processor never comes to its signals.
    const auto until = now() + std::chrono::milliseconds(1);
    while (state_of(counting.pid()) != 't' && now() < until) std::this_thread::yield();
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(look(counting.tracer()), 1U);
    EXPECT_EQ(state_of(counting.pid()), 't');
  }
  counting.signal(SIGCONT);
  EXPECT_EQ(counting.line(), "over");
  EXPECT_EQ(counting.end(), "exited 0");
}

TEST_F(TracedPrograms, BeingLookedAtInterruptsNoCall) {
  Traced subject;
  subject.start({kSubject, "epoll"});
  EXPECT_EQ(subject.line(), "ready");
  for (int i = 0; i < 200; ++i) EXPECT_EQ(look(subject.tracer()), 1U);
  subject.signal(SIGTERM);
  EXPECT_EQ(subject.rest(), "interrupted by SIGTERM\n");
  EXPECT_EQ(subject.end(), "exited 5");
}

TEST_F(TracedPrograms, ASignalThatComesWhileItIsLookedAtStillInterrupts) {
  for (int i = 0; i < 50; ++i) {
    Traced subject;
    subject.start({kSubject, "epoll"});
    EXPECT_EQ(subject.line(), "ready");
    subject.tracer().on_its_thread([&](TraceLoop& loop) {
      loop.with_all_stopped([&](const std::vector<Tracee>&) { subject.signal(SIGTERM); });
    });
    EXPECT_EQ(subject.rest(), "interrupted by SIGTERM\n");
    EXPECT_EQ(subject.end(), "exited 5");
  }
}

// A signal that comes before pause(2) is called does not interrupt it.
void until_it_pauses(pid_t pid) {
  const auto path = "/proc/" + std::to_string(pid) + "/syscall";
  const auto limit = now() + std::chrono::seconds(10);
  for (auto call = read_file(path); call && now() < limit; call = read_file(path)) {
    if (call->starts_with(std::to_string(SYS_pause) + " ")) return;
    std::this_thread::yield();
  }
}

TEST_F(TracedPrograms, TheFirstThreadTakesASignalAlsoIfItStoodStillMeanwhile) {
  struct Takers : TraceObserver {
    std::vector<std::pair<bool, pid_t>> all;  // whether the first took it, and the sender
    bool on_signal(const Tracee& thread, const siginfo_t& info) override {
      if (info.si_signo == SIGUSR1) all.emplace_back(thread.tid == thread.pid, info.si_pid);
      return false;
    }
  } takers;
  Traced subject({}, {&takers});
  subject.start({kSubject, "epoll-threads"});
  EXPECT_EQ(subject.line(), "ready");
  for (int i = 0; i < 100; ++i) {
    until_it_pauses(subject.pid());
    subject.tracer().on_its_thread([&](TraceLoop& loop) {
      loop.with_all_stopped([&](const std::vector<Tracee>&) { subject.signal(SIGUSR1); });
    });
    ASSERT_EQ(subject.line(), "the first");
    ASSERT_EQ(subject.line(), "awake");  // and no other was interrupted
  }
  subject.signal(SIGKILL);
  EXPECT_EQ(subject.end(), "signalled 9");
  EXPECT_EQ(takers.all, std::vector(100, std::pair(true, ::getpid())));
}

TEST_F(TracedPrograms, ASignalThatComesJustAfterALookStillInterrupts) {
  Traced subject;
  subject.start({kSubject, "epoll-threads"});
  EXPECT_EQ(subject.line(), "ready");
  for (int i = 0; i < 3000; ++i) {
    until_it_pauses(subject.pid());
    (void)look(subject.tracer());
    const auto until = now() + std::chrono::microseconds(i % 50);
    while (now() < until) {
    }
    subject.signal(SIGUSR1);
    // One that the kernel chose finds that the first, who just goes on, has taken it.
    auto line = subject.line();
    while (line == "interrupted") line = subject.line();
    ASSERT_EQ(line, "the first");
    while (line != "awake" && !line.empty()) line = subject.line();
    ASSERT_EQ(line, "awake") << "after " << i;
  }
  subject.signal(SIGKILL);
  EXPECT_EQ(subject.end(), "signalled 9");
}

struct SignalCount : TraceObserver {
  std::atomic<int> count = 0;
  bool on_signal(const Tracee&, const siginfo_t&) override { return ++count, false; }
};

TEST_F(TracedPrograms, AnIgnoredSignalInterruptsNoCall) {
  SignalCount signals;
  Traced subject({}, {&signals});
  subject.start({kSubject, "epoll-child"});
  EXPECT_EQ(subject.line(), "ready");
  EXPECT_EQ(subject.line(), "child over");
  const auto limit = now() + std::chrono::seconds(5);
  while ((signals.count < 1 || state_of(subject.pid()) != 'S') && now() < limit) {  // SIGCHLD
  }
  subject.signal(SIGTERM);
  EXPECT_EQ(subject.rest(), "interrupted by SIGTERM\n");
  EXPECT_EQ(subject.end(), "exited 5");
}

TEST_F(TracedPrograms, FiltersSleepUntilTheyAreWoken) {
  Watch closes(SYS_close, {});
  Traced subject({SYS_close}, {&closes});
  subject.start({kSubject, "close-and-wait"}, true);
  EXPECT_EQ(subject.line(), "ready");
  EXPECT_EQ(closes.entries, 0);
  subject.tracer().wake_filters();
  subject.signal(SIGTERM);
  EXPECT_EQ(subject.end(), "exited 0");
  EXPECT_EQ(closes.entries, 100);
}

TEST_F(TracedPrograms, ACallCanBeMadeToFail) {
  testing::ScratchFolder folder;
  Watch writes(SYS_write, {.error = ENOSPC});
  Traced subject({SYS_write}, {&writes});
  subject.start({kSubject, "write", folder.path() + "/f"});
  EXPECT_EQ(subject.end(), "exited 0");
  EXPECT_EQ(std::filesystem::file_size(folder.path() + "/f"), 0U);
}

}  // namespace
}  // namespace lastcall::tracer_test
