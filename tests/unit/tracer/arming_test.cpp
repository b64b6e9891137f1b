// Filters that are given to processes while they run, where CAP_SYS_ADMIN is missing.
#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <csignal>
#include <cstdlib>
#include <latch>
#include <random>
#include <set>
#include <thread>

#include "unit/scratch_folder.hpp"
#include "unit/tracer/fake_ptrace.hpp"
#include "unit/tracer/traced.hpp"
#include "unit/without_capability.hpp"

namespace lastcall::arming_test {
namespace {

using ::testing::ElementsAre;
using testing::FakePtrace;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::WithoutCapability;

// The numbers from 100,000 on that were closed, and what could not be filtered.
struct Closes : TraceObserver {
  std::multiset<std::uint64_t> seen;
  std::vector<std::string> unfiltered;
  std::pair<int, TraceLoop*> wake_at{};
  bool on_signal(const Tracee&, const siginfo_t& info) override {
    if (info.si_signo == wake_at.first) wake_at.second->wake_filters();
    return false;
  }
  SyscallAction on_syscall(const Tracee&, const SyscallEntry& entry) override {
    if (entry.number == SYS_close && entry.arguments[0] >= 100'000) seen.insert(entry.arguments[0]);
    return {};
  }
  void not_filtered(const Tracee& thread, const std::string& why) override {
    unfiltered.push_back(std::to_string(thread.pid) + ": " + why);
  }
};

// One thread in an untimed wait, on a stack that ends in the page below it.
struct ArmingOne : ::testing::Test {
  static constexpr pid_t kPid = 100;
  static constexpr std::uint64_t kNext = 0x1002;
  static constexpr std::uint64_t kStack = 0x7000;
  const std::vector<sock_filter> program{{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  FakePtrace calls;
  Closes closes;
  TraceLoop loop{calls, {&closes}};
  std::int64_t result = 0;
  std::optional<user_regs_struct> made_with;
  std::optional<sock_fprog> header;

  void SetUp() override {
    calls.status = {{"Seccomp", "0"}, {"Seccomp_filters", "0"}};
    calls.was_interrupted_in(kPid, SYS_futex, kNext);
    auto& registers = calls.threads[kPid].registers;
    registers.rax = static_cast<std::uint64_t>(-512);  // ERESTARTSYS
    registers.cs = 0x33;
    registers.rsp = kStack;
    calls.memory[kNext - 2] = 0x0f;
    calls.memory[kNext - 1] = 0x05;
    fill(kStack - 0x200, 0x400);
    calls.at_call = [this](pid_t tid) {
      made_with = calls.threads[tid].registers;
      sock_fprog block{};
      if (calls.read_memory(tid, made_with->rdx, std::as_writable_bytes(std::span(&block, 1))) ==
          sizeof block)
        header = block;
      return result;
    };
    ASSERT_TRUE(loop.follow_unfiltered(kPid, program));
  }
  void fill(std::uint64_t from, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i)
      calls.memory[from + i] = static_cast<std::uint8_t>(i * 7);
  }
  // Wakes the filters; nothing of the thread is to have changed.
  void arm() {
    const auto before = calls.memory;
    const auto& registers = calls.threads[kPid].registers;
    const auto as_it_was = registers;
    loop.wake_filters();
    EXPECT_EQ(calls.memory, before);
    EXPECT_EQ(std::memcmp(&as_it_was, &registers, sizeof registers), 0);
  }
};

TEST_F(ArmingOne, MakesItCallAndLeavesItAsItWas) {
  arm();
  ASSERT_TRUE(made_with && header);
  EXPECT_EQ(made_with->rax, static_cast<std::uint64_t>(SYS_seccomp));
  EXPECT_EQ(made_with->orig_rax, ~0ULL);  // nothing is made again in its stead
  EXPECT_EQ(made_with->rdi, std::uint64_t{SECCOMP_SET_MODE_FILTER});
  EXPECT_EQ(made_with->rsi, std::uint64_t{SECCOMP_FILTER_FLAG_TSYNC});
  EXPECT_LE(made_with->rdx + sizeof(sock_fprog) + sizeof(sock_filter), kStack - 128);
  EXPECT_EQ(header->len, 1);
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("to exit", "run", "run"));
  EXPECT_THAT(closes.unfiltered, IsEmpty());
  made_with.reset();
  loop.wake_filters();
  EXPECT_FALSE(made_with) << "once is enough";
}

TEST_F(ArmingOne, UsesWhatIsInUseOfAStackThatEndsThere) {
  calls.memory.clear();
  calls.memory[kNext - 2] = 0x0f;
  calls.memory[kNext - 1] = 0x05;
  fill(kStack, 0x100);
  arm();
  ASSERT_TRUE(made_with);
  EXPECT_EQ(made_with->rdx, kStack);
}

TEST_F(ArmingOne, SaysWhyItCannot) {
  result = -EACCES;
  arm();
  EXPECT_THAT(closes.unfiltered, ElementsAre("100: Permission denied"));
  arm();
  EXPECT_THAT(closes.unfiltered, SizeIs(1));
}

TEST_F(ArmingOne, SaysThatOneThreadCouldNotBeFiltered) {
  result = 102;
  arm();
  EXPECT_THAT(closes.unfiltered, ElementsAre("100: a thread filters its calls itself"));
}

TEST_F(ArmingOne, MakesNoCallInAProcessThatFiltersItself) {
  calls.status["Seccomp_filters"] = "1";
  arm();
  EXPECT_FALSE(made_with);
  EXPECT_THAT(closes.unfiltered, ElementsAre("100: it filters its calls itself"));
}

TEST_F(ArmingOne, MakesNoCallInA32BitProgram) {
  calls.threads[kPid].registers.cs = 0x23;
  arm();
  EXPECT_FALSE(made_with);
  EXPECT_THAT(closes.unfiltered, ElementsAre(HasSubstr("32-bit")));
}

TEST_F(ArmingOne, DeliversASignalThatComesFirstAndThenTriesAgain) {
  calls.at_entry = [this] {
    calls.reports.pop_back();
    calls.threads[kPid].in_call = false;
    calls.takes(kPid, SIGUSR1);
  };
  arm();
  EXPECT_FALSE(made_with);
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("to exit", "run 10"));
  loop.work();
  EXPECT_TRUE(made_with);
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("to exit", "run", "run"));
  EXPECT_THAT(closes.unfiltered, IsEmpty());
}

TEST_F(ArmingOne, IsTriedAgainAtAnInterruptionThatCameFirst) {
  calls.at_entry = [this] {
    calls.reports.pop_back();
    calls.threads[kPid].in_call = false;
    calls.stops(kPid, SIGTRAP, PTRACE_EVENT_STOP);
  };
  arm();
  EXPECT_TRUE(made_with);
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("to exit", "to exit", "run", "run"));
}

TEST_F(ArmingOne, MayEndInBetween) {
  calls.at_entry = [this] {
    calls.reports.pop_back();
    calls.ends(kPid, CLD_KILLED, SIGKILL);
  };
  loop.wake_filters();
  EXPECT_EQ(loop.threads(), 0U);
  EXPECT_THAT(closes.unfiltered, IsEmpty());
}

TEST_F(ArmingOne, WhoIsLateComesBackAsItWas) {
  const auto as_it_was = calls.threads[kPid].registers;
  calls.at_entry = [this] { calls.reports.pop_back(); };
  loop.wake_filters();
  EXPECT_NE(calls.threads[kPid].registers.rax, as_it_was.rax);
  calls.stops(kPid, SIGTRAP | 0x80);
  loop.work();
  loop.work();
  EXPECT_TRUE(made_with);
  EXPECT_EQ(std::memcmp(&calls.threads[kPid].registers, &as_it_was, sizeof as_it_was), 0);
}

TEST_F(ArmingOne, ANewProcessHasWhatItsParentHas) {
  arm();
  made_with.reset();
  const auto begins = [this](pid_t pid) {
    calls.threads[pid].pid = pid;
    calls.threads[pid].registers = calls.threads[kPid].registers;
    calls.stops(pid, SIGTRAP, PTRACE_EVENT_STOP);
    loop.work();
  };
  calls.status["Seccomp_filters"] = "1";
  begins(200);
  EXPECT_FALSE(made_with);
  calls.status["Seccomp_filters"] = "0";  // was made before
  begins(300);
  EXPECT_TRUE(made_with);
  EXPECT_THAT(closes.unfiltered, IsEmpty());
}

struct Arming : TracedTest {
  WithoutCapability without{CAP_SYS_ADMIN};
  Closes closes;
  Traced subject{{SYS_close}, {&closes}};

  void start(const std::string& how) {
    subject.start({kArmingSubject, how}, true);
    EXPECT_EQ(subject.line(), "ready");
  }
  void play(const std::string& how) {
    start(how);
    EXPECT_THAT(closes.seen, IsEmpty());
    subject.tracer().wake_filters();
    subject.signal(SIGTERM);
    EXPECT_EQ(subject.rest(), "");
    EXPECT_EQ(subject.end(), "exited 0");
    std::multiset<std::uint64_t> wanted{300'000, 300'001, 300'002};
    for (std::uint64_t i = 0; i < 11; ++i) wanted.insert(200'000 + i);
    EXPECT_EQ(closes.seen, wanted);
    EXPECT_THAT(closes.unfiltered, IsEmpty());
  }
  void expect_left_alone(const std::string& how) {
    start(how);
    subject.tracer().wake_filters();
    subject.signal(SIGTERM);
    EXPECT_EQ(subject.end(), "exited 0");
    EXPECT_THAT(closes.unfiltered, ElementsAre(HasSubstr("filters its calls itself")));
  }
};

TEST_F(Arming, EveryThreadIsFilteredAndNoWaitIsDisturbed) { play("threads"); }

TEST_F(Arming, EveryProcessIsFilteredAndNoWaitIsDisturbed) { play("processes"); }

TEST_F(Arming, BeginsBeforeTheHandlerOfTheSignalThatItIsDoneAt) {
  subject.tracer().on_its_thread([this](TraceLoop& loop) { closes.wake_at = {SIGTERM, &loop}; });
  start("signals");
  subject.signal(SIGTERM);
  EXPECT_EQ(subject.rest(), "0\n");
  EXPECT_EQ(subject.end(), "exited 0");
  EXPECT_THAT(closes.seen, ElementsAre(200'000));
}

TEST_F(Arming, LosesNoSignal) {
  start("signals");
  constexpr int kSignals = 500;
  const int arming_at = static_cast<int>(std::random_device()() % (kSignals / 2));
  std::latch reached(1);
  std::thread sender([&] {
    for (int i = 0; i < kSignals; ++i) {
      if (i == arming_at) reached.count_down();
      ASSERT_EQ(::sigqueue(subject.pid(), SIGRTMIN, {}), 0);
      if (i % 50 == 10) subject.signal(SIGSTOP);
      if (i % 50 == 40) subject.signal(SIGCONT);
    }
  });
  reached.wait();
  subject.tracer().wake_filters();
  sender.join();
  subject.signal(SIGTERM);
  EXPECT_EQ(subject.rest(), std::to_string(kSignals) + "\n");
  EXPECT_EQ(subject.end(), "exited 0");
  EXPECT_THAT(closes.seen, ElementsAre(200'000));
  EXPECT_THAT(closes.unfiltered, IsEmpty());
}

// Its stacks are small and move, and it sends itself signals all the time.
constexpr const char* kGo = R"(
package main

import (
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

func deep(n int) int {
	if n == 0 {
		return 0
	}
	var block [64]int
	block[n%64] = n
	return block[n%64] - n + 1 + deep(n-1)
}

func main() {
	listener, _ := net.Listen("tcp", "127.0.0.1:0")
	go func() { listener.Accept() }()
	over := make(chan struct{})
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		all.Add(2)
		go func() {
			defer all.Done()
			for kept := make([][]byte, 100); ; kept[deep(50)] = make([]byte, 1000) {
				if deep(99) != 99 {
					os.Stdout.WriteString("wrong\n")
				}
				select {
				case <-over:
					return
				default:
				}
			}
		}()
		go func(i int) {
			defer all.Done()
			runtime.LockOSThread()
			begin := time.Now()
			pause := syscall.NsecToTimespec(200_000_000)
			// The runtime's own signals may interrupt it.
			err := syscall.Nanosleep(&pause, nil)
			if err != syscall.EINTR && (err != nil || time.Since(begin) < 200*time.Millisecond) {
				os.Stdout.WriteString("disturbed\n")
			}
			<-over
			syscall.Close(200_000 + i)
		}(i)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	os.Stdout.WriteString("ready\n")
	<-stop
	close(over)
	all.Wait()
	if exec.Command("/bin/true").Run() != nil {
		os.Stdout.WriteString("no child\n")
	}
	syscall.Close(200_008)
}
)";

// Before there is a tracer, which waits for all children.
struct GoProgram {
  testing::ScratchFolder folder;
  std::string program = folder / "go";
  bool made = std::system(("PATH=$PATH:/usr/local/go/bin GOFLAGS= go build -o " + program + " " +
                           folder.write("a.go", kGo) + " 2>/dev/null")
                              .c_str()) == 0;
};
struct ArmingGo : GoProgram, Arming {};

TEST_F(ArmingGo, LetsItGoOn) {
  if (!made) GTEST_SKIP() << "no go";
  subject.start({program}, true);
  EXPECT_EQ(subject.line(), "ready");
  subject.tracer().wake_filters();
  subject.signal(SIGTERM);
  EXPECT_EQ(subject.rest(), "");
  EXPECT_EQ(subject.end(), "exited 0");
  EXPECT_THAT(closes.seen, SizeIs(9));
  EXPECT_THAT(closes.unfiltered, IsEmpty());
}

TEST_F(Arming, LeavesAProcessAloneThatFiltersItself) { expect_left_alone("filters-itself"); }

TEST_F(Arming, LeavesAProcessAloneOfWhichAThreadFiltersItself) {
  expect_left_alone("thread-filters-itself");
}

}  // namespace
}  // namespace lastcall::arming_test
