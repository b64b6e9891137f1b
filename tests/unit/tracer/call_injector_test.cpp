// The Nth system call of a kind is what the subject's own files and output say it is.
#include "tracer/calls/call_injector.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <filesystem>

#include "unit/tracer/fake_ptrace.hpp"
#include "unit/tracer/injected.hpp"

namespace lastcall::call_injector_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;
using Rule = CallInjector::Rule;

constexpr auto kError = [](int error, std::uint64_t count = 1) {
  return DisturbSyscall{.action = CallAction::error, .error = error, .count = count};
};
constexpr DisturbSyscall kShort{.action = CallAction::short_write};

TEST(SyscallWords, AreAllKnownToThisMachine) {
  for (const auto& word : syscall_words()) {
    const auto calls = syscalls_of(word);
    EXPECT_FALSE(calls.empty()) << word;
    for (const auto& call : calls) EXPECT_TRUE(syscall_number(std::string(call.name))) << call.name;
  }
}

// What a rule did, with one subject under it.
struct Injecting : InjectedTest {
  std::uint64_t counted = 0;

  std::string run(const Rule& rule, std::vector<std::string> command,
                  const Strike& strike = nullptr) {
    command.insert(command.begin(), kCallsSubject);
    return run_injected(
        [&](SegmentWriter& segment, Reached reached) {
          return CallInjector({{rule}, state()}, segment, std::move(reached));
        },
        CallInjector::syscalls({rule}), std::move(command), strike,
        [&](const CallInjector& injector) { counted = injector.counted(rule.fault); });
  }
  std::string save(const Rule& rule, const std::function<void(pid_t)>& strike = nullptr) {
    return run(rule, {"files", state(), "5"}, strike);
  }

  std::string state() {
    std::filesystem::create_directories(folder / "state");
    return folder / "state";
  }
  [[nodiscard]] bool exists(const std::string& name) const {
    return std::filesystem::exists(folder / ("state/" + name));
  }
  [[nodiscard]] std::vector<SyscallReached> reached() const { return all_of<SyscallReached>(); }
};

const auto kKill = [](pid_t pid) { EXPECT_EQ(::kill(pid, SIGKILL), 0); };

TEST_F(Injecting, ACallAtWhoseEntryTheTargetIsKilledIsNotMade) {
  EXPECT_EQ(save({{}, {.syscall = "rename", .nth = 3}, {}}, kKill), "signalled 9");
  EXPECT_TRUE(exists("2.ckpt"));
  EXPECT_TRUE(exists("3.tmp"));
  EXPECT_FALSE(exists("3.ckpt"));
  ASSERT_THAT(reached(), SizeIs(1));
  EXPECT_EQ(reached().front().call,
            "rename(\"" + state() + "/3.tmp\", \"" + state() + "/3.ckpt\")");
  EXPECT_THAT(reached().front().place, HasSubstr("save_files"));
  EXPECT_FALSE(reached().front().exit);
}

TEST_F(Injecting, ACallAtWhoseExitTheTargetIsKilledIsMade) {
  EXPECT_EQ(save({{}, {.syscall = "rename", .nth = 3, .at = CallSide::exit}, {}}, kKill),
            "signalled 9");
  EXPECT_TRUE(exists("3.ckpt"));
  EXPECT_FALSE(exists("4.tmp"));
  ASSERT_THAT(reached(), SizeIs(1));
  EXPECT_TRUE(reached().front().exit);
}

TEST_F(Injecting, ASignalAtTheEntryComesAfterTheCall) {
  const auto terminate = [](pid_t pid) { EXPECT_EQ(::kill(pid, SIGTERM), 0); };
  EXPECT_EQ(save({{}, {.syscall = "rename", .nth = 2}, {}}, terminate), "signalled 15");
  EXPECT_TRUE(exists("2.ckpt"));
  EXPECT_FALSE(exists("3.tmp"));
}

TEST_F(Injecting, WhoIsReleasedGoesOn) {
  EXPECT_EQ(save({{}, {.syscall = "fsync", .nth = 1}, {}}, [](pid_t) {}), "exited 0");
  EXPECT_EQ(output, "done\n");
}

TEST_F(Injecting, CallsInARowFail) {
  EXPECT_EQ(save({{}, {.syscall = "fsync", .nth = 2}, kError(EIO, 2)}), "exited 0");
  EXPECT_EQ(output, "fsync 2: EIO\nfsync 3: EIO\ndone\n");
  ASSERT_THAT(events, SizeIs(4));  // the fault around the first, and each call
  EXPECT_EQ(testing::words(events[0]), "fault_invoked 0 0 syscall error EIO 0 0");
  EXPECT_EQ(testing::words(events[2]), "fault_finished 0 0 0");
  EXPECT_THAT(reached().back().call, MatchesRegex("fsync\\([0-9]+<.*/state/3\\.tmp>\\)"));
}

TEST_F(Injecting, OnlyCallsOfTheFileCount) {
  const Rule rule{{}, {.syscall = "write", .path = "*/[24].tmp", .nth = 2}, kError(ENOSPC)};
  EXPECT_EQ(save(rule), "exited 0");
  EXPECT_EQ(output, "write 4: ENOSPC\ndone\n");
}

TEST_F(Injecting, OnlyCallsOnTheStateCount) {
  // Standard output is none of it.
  EXPECT_EQ(
      save({{}, {.syscall = "write", .role = DescriptorRole::state, .nth = 5}, kError(EDQUOT)}),
      "exited 0");
  EXPECT_EQ(output, "write 5: EDQUOT\ndone\n");
  EXPECT_EQ(
      save({{}, {.syscall = "rename", .role = DescriptorRole::state, .nth = 1}, kError(EXDEV)}),
      "exited 0");
  EXPECT_EQ(output, "rename 1: EXDEV\ndone\n");
}

TEST_F(Injecting, OnlyCallsOnTheLogCount) {
  EXPECT_EQ(save({{}, {.syscall = "write", .role = DescriptorRole::log, .nth = 1}, kShort}),
            "exited 0");
  EXPECT_EQ(output, "done\n");  // the rest of the line is written by another call
  ASSERT_THAT(reached(), SizeIs(1));
  EXPECT_THAT(reached().front().call, AllOf(HasSubstr("write(1<"), EndsWith(", 5)")));
}

TEST_F(Injecting, ACallIsMadeLater) {
  const auto begin = now();
  EXPECT_EQ(save({{},
                  {.syscall = "fsync", .nth = 4},
                  DisturbSyscall{.action = CallAction::delay,
                                 .duration = std::chrono::milliseconds(50)}}),
            "exited 0");
  EXPECT_GE(now() - begin, std::chrono::milliseconds(50));
  EXPECT_EQ(output, "done\n");
}

TEST_F(Injecting, CallsOfTheWholeTreeCount) {
  EXPECT_EQ(run({{}, {.syscall = "rename", .nth = 3}, kError(EPERM)}, {"children", state(), "4"}),
            "exited 0");
  EXPECT_EQ(output, "child 0: 0\nchild 1: 0\nchild 2: 1\nchild 3: 0\n");
}

TEST_F(Injecting, WhatIsNotReachedIsCounted) {
  EXPECT_EQ(save({{}, {.syscall = "rename", .path = "*/[12].*", .nth = 3}, kError(EPERM)}),
            "exited 0");
  EXPECT_THAT(events, IsEmpty());
  EXPECT_EQ(counted, 2U);
}

TEST_F(Injecting, AListenerRefusesForOnce) {
  EXPECT_EQ(run({{}, {.syscall = "accept", .role = DescriptorRole::listener}, kError(EMFILE)},
                {"accept"}),
            "exited 0");
  EXPECT_EQ(output, "accept 1: EMFILE\naccept 2: connected\n");
}

TEST_F(Injecting, WritesOfSeveralPartsAreCutShortAndTheirArgumentsPutBack) {
  for (const auto& [word, program] : {std::pair("write", "writev"), std::pair("send", "sendmsg")}) {
    EXPECT_EQ(run({{}, {.syscall = word, .role = DescriptorRole::connection}, kShort}, {program}),
              "exited 0");
    EXPECT_EQ(output, "client 12\nserver 6\nserver 6\n") << program;
  }
}

TEST_F(Injecting, WhoWaitsForAnEdgeAfterAShortWriteGetsIt) {
  EXPECT_EQ(
      run({{}, {.syscall = "send"}, DisturbSyscall{.action = CallAction::short_write, .count = 2}},
          {"edges"}),
      "exited 0");
  EXPECT_EQ(output, "tcp: 6, then room\nunix: 6, then room\n");
}

// Calls of this process as if it were traced.
struct OwnCalls : ::testing::Test {
  struct OwnMemory : testing::FakePtrace {
    std::size_t read_memory(pid_t, std::uint64_t address, std::span<std::byte> into) override {
      const iovec here{into.data(), into.size()};
      const iovec there{reinterpret_cast<void*>(address), into.size()};
      const auto count = ::process_vm_readv(::getpid(), &here, 1, &there, 1, 0);
      return count < 0 ? 0 : static_cast<std::size_t>(count);
    }
  };
  testing::ScratchFolder folder;
  OwnMemory calls;
  Tracee self{::getpid(), ::getpid(), calls};
  SegmentWriter segment = *SegmentWriter::create(folder / "tracer.seg");
  int told = 0;
  pid_t standing = -1;  // as it was told last

  CallInjector injector(const NthSyscall& when, std::optional<DisturbSyscall> disturb = {}) {
    const auto reached = [this](FaultId, pid_t tid) {
      ++told;
      standing = tid;
    };
    return {{{{{}, when, disturb}}, folder.path()}, segment, reached};
  }
  static std::uint64_t word(const void* pointer) {
    return reinterpret_cast<std::uint64_t>(pointer);
  }
};

TEST_F(OwnCalls, CountFromTheFirstProgramOn) {
  auto observer = injector({.syscall = "sync"});
  EXPECT_EQ(observer.on_syscall(self, {SYS_sync, {}}).delay, Nanoseconds(0));
  observer.executed(self);
  EXPECT_GT(observer.on_syscall(self, {SYS_sync, {}}).delay, Nanoseconds(0));
  EXPECT_EQ(observer.on_syscall(self, {SYS_sync, {}}).delay, Nanoseconds(0));
  EXPECT_EQ(told, 1);
}

TEST_F(OwnCalls, StandOnlyWhereTheTracerDoesNotDoItself) {
  auto waits = injector({.syscall = "sync"});
  waits.executed(self);
  (void)waits.on_syscall(self, {SYS_sync, {}});
  EXPECT_EQ(standing, self.tid);
  auto fails = injector({.syscall = "sync"}, kError(EIO));
  fails.executed(self);
  EXPECT_EQ(fails.on_syscall(self, {SYS_sync, {}}).error, EIO);
  EXPECT_EQ(standing, 0);
}

TEST_F(OwnCalls, CountFromTheirPhaseOn) {
  auto observer = injector({.syscall = "sync", .phase = Phase::load, .nth = 2});
  observer.executed(self);
  (void)observer.on_syscall(self, {SYS_sync, {}});
  (void)observer.on_syscall(self, {SYS_sync, {}});
  EXPECT_EQ(observer.counted({}), 0U);
  observer.begin(Phase::load);
  (void)observer.on_syscall(self, {SYS_sync, {}});
  observer.begin(Phase::drain);
  (void)observer.on_syscall(self, {SYS_sync, {}});
  EXPECT_EQ(observer.counted({}), 2U);
  EXPECT_EQ(told, 1);
}

TEST_F(OwnCalls, NameFilesByAFolderThatIsOpen) {
  auto observer = injector({.syscall = "rename", .path = folder / "new"});
  observer.executed(self);
  const ScopedFd open_folder(::open(folder.path().c_str(), O_PATH | O_CLOEXEC));
  const auto descriptor = static_cast<std::uint64_t>(open_folder.get());
  const auto here = static_cast<std::uint64_t>(AT_FDCWD);
  const char* from = "old";
  const char* to = "sub/../new";
  (void)observer.on_syscall(self, {SYS_renameat2, {descriptor, word(from), here, word(to), 0}});
  EXPECT_EQ(told, 0);
  (void)observer.on_syscall(self, {SYS_renameat2, {here, word(from), descriptor, word(to), 0}});
  EXPECT_EQ(told, 1);
}

TEST_F(OwnCalls, AnInterruptedCallIsStillLeftByItsExit) {
  auto observer = injector({.syscall = "sync", .at = CallSide::exit});
  observer.executed(self);
  const SyscallEntry entry{SYS_sync, {}};
  EXPECT_TRUE(observer.on_syscall(self, entry).see_exit);
  EXPECT_TRUE(observer.on_syscall(self, entry).see_exit);  // the kernel makes it again
  EXPECT_EQ(observer.stands_at_exit(self), Nanoseconds(0));
  observer.on_syscall_exit(self, entry, 0);
  EXPECT_GT(observer.stands_at_exit(self), Nanoseconds(0));
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace lastcall::call_injector_test
