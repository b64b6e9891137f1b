#include "tracer/ptrace/breakpoints.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <csignal>
#include <span>

#include "tracer/loop/trace_loop.hpp"
#include "unit/tracer/fake_ptrace.hpp"

namespace lastcall::breakpoints_test {
namespace {

using ::testing::ElementsAre;
using testing::FakePtrace;
using ::testing::IsEmpty;

constexpr std::uint64_t kAddress = 0x5000;
constexpr std::uint8_t kInt3 = 0xcc;
constexpr std::uint8_t kCompare = 0x49;  // begins an instruction that is not emulated
constexpr std::uint8_t kNop = 0x90;

// Sets one in every program that is executed.
struct Setter : TraceObserver {
  std::vector<std::string> told;
  Nanoseconds stands{};
  bool sets = true;
  bool lifts = false;
  void executed(const Tracee& thread) override {
    if (!sets) return;
    EXPECT_EQ(thread.breakpoints->set(thread.calls, thread.tid, kAddress), 0);
  }
  void on_breakpoint(const Tracee& thread, std::uint64_t address) override {
    user_regs_struct registers{};
    EXPECT_EQ(thread.calls.registers(thread.tid, registers), 0);
    EXPECT_EQ(registers.rip, address);
    told.push_back(std::to_string(thread.pid) + "/" + std::to_string(thread.tid));
    if (!lifts) return;
    EXPECT_EQ(thread.breakpoints->lift(thread.calls, thread.tid, address), 0);
  }
  Nanoseconds stands_at_breakpoint(const Tracee&, std::uint64_t) override { return stands; }
};

constexpr std::uint64_t kScratch = 0x6000;

// As Setter, with a scratch place.
struct ScratchSetter : Setter {
  void executed(const Tracee& thread) override {
    Setter::executed(thread);
    thread.breakpoints->use_scratch(kScratch);
  }
};

template <class SetterType>
struct AtBreakpointOf : ::testing::Test {
  static constexpr pid_t kPid = 100;
  FakePtrace calls;
  SetterType setter;
  TraceLoop loop{calls, {&setter}};

  void SetUp() override {
    ASSERT_TRUE(loop.follow(kPid, false));
    add(101, kPid);
  }
  void add(pid_t tid, pid_t pid) {
    calls.threads[tid].pid = pid;
    calls.stops(tid, SIGTRAP, PTRACE_EVENT_STOP);
    loop.work();
    (void)calls.resumed(tid);
  }
  void begin_with(std::uint8_t code) {
    calls.memory[kAddress] = code;
    calls.stops(kPid, SIGTRAP, PTRACE_EVENT_EXEC);  // ends thread 101
    loop.work();
    add(101, kPid);
    (void)calls.resumed(kPid);
    ASSERT_EQ(calls.memory[kAddress], kInt3);
  }
  void hits(pid_t tid) {
    auto& thread = calls.threads[tid];
    thread.registers.rip = kAddress + 1;
    thread.signal.si_code = SI_KERNEL;
    calls.takes(tid, SIGTRAP);
    loop.work();
  }
  std::uint64_t rip(pid_t tid) { return calls.threads[tid].registers.rip; }
};
using AtBreakpoint = AtBreakpointOf<Setter>;
using WithScratch = AtBreakpointOf<ScratchSetter>;

TEST_F(AtBreakpoint, ASimpleInstructionIsEmulatedAndNobodyElseStops) {
  begin_with(kNop);
  hits(kPid);
  EXPECT_THAT(setter.told, ElementsAre("100/100"));
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run"));
  EXPECT_THAT(calls.resumed(101), IsEmpty());
  EXPECT_EQ(rip(kPid), kAddress + 1);
  EXPECT_EQ(calls.memory[kAddress], kInt3);
}

TEST_F(AtBreakpoint, AnyOtherIsExecutedWhileAllThreadsOfTheProcessAreStopped) {
  begin_with(kCompare);
  add(200, 200);
  calls.at_step = [&] {
    EXPECT_EQ(calls.memory[kAddress], kCompare);
    EXPECT_TRUE(calls.threads[101].stopped);
    EXPECT_FALSE(calls.threads[200].stopped);
    return true;
  };
  hits(kPid);
  EXPECT_THAT(setter.told, ElementsAre("100/100"));
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("step", "run"));
  EXPECT_THAT(calls.resumed(101), ElementsAre("run"));
  EXPECT_EQ(calls.memory[kAddress], kInt3);
}

TEST_F(AtBreakpoint, ThreadsThatMeetItTogetherAreAllTold) {
  begin_with(kCompare);
  add(102, kPid);
  auto& other = calls.threads[102];
  other.uninterruptible = true;  // what stops it is the breakpoint
  calls.at_interrupt = [&] {
    other.registers.rip = kAddress + 1;
    other.signal.si_code = SI_KERNEL;
    calls.takes(102, SIGTRAP);
  };
  hits(kPid);
  EXPECT_THAT(setter.told, ElementsAre("100/100", "100/102"));
  EXPECT_EQ(calls.resumed(102).front(), "step");
}

TEST_F(AtBreakpoint, ASignalBeforeTheStepIsDeliveredAndNothingIsToldTwice) {
  begin_with(kCompare);
  calls.at_step = [&] {
    calls.threads[kPid].registers.rip = kAddress;
    calls.takes(kPid, SIGTERM);
    calls.at_step = nullptr;
    return false;
  };
  hits(kPid);
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("step", "run 15"));
  EXPECT_EQ(calls.memory[kAddress], kInt3);
  hits(kPid);  // its handler has returned
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("step", "run"));
  EXPECT_THAT(setter.told, ElementsAre("100/100"));
  hits(kPid);
  EXPECT_THAT(setter.told, ElementsAre("100/100", "100/100"));
}

TEST_F(AtBreakpoint, SigkillDuringTheStepIsAnEndLikeAnyOther) {
  begin_with(kCompare);
  calls.at_step = [&] {
    calls.stops(kPid, SIGTRAP, PTRACE_EVENT_EXIT);
    return false;
  };
  hits(kPid);
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("step", "run"));
  EXPECT_EQ(calls.memory[kAddress], kInt3);
}

TEST_F(AtBreakpoint, OtherTrapsAreDelivered) {
  begin_with(kNop);
  calls.threads[kPid].registers.rip = kAddress + 1;
  calls.threads[kPid].signal.si_code = SI_TKILL;
  calls.takes(kPid, SIGTRAP);
  loop.work();
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run 5"));
  calls.threads[kPid].registers.rip = kAddress + 9;  // int3 of the program's own
  calls.threads[kPid].signal.si_code = SI_KERNEL;
  calls.takes(kPid, SIGTRAP);
  loop.work();
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run 5"));
  EXPECT_THAT(setter.told, IsEmpty());
}

TEST_F(AtBreakpoint, WhoMetOneThatWasLiftedMeanwhileGoesOn) {
  begin_with(kNop);
  setter.lifts = true;
  hits(kPid);
  EXPECT_EQ(calls.memory[kAddress], kNop);
  EXPECT_EQ(rip(kPid), kAddress);
  hits(101);
  EXPECT_EQ(rip(101), kAddress);
  EXPECT_THAT(calls.resumed(101), ElementsAre("run"));
  EXPECT_THAT(setter.told, ElementsAre("100/100"));
}

TEST_F(AtBreakpoint, AForkedChildHasThemForItself) {
  begin_with(kNop);
  calls.status["PPid"] = std::to_string(kPid);
  add(200, 200);
  setter.lifts = true;
  hits(200);
  EXPECT_THAT(setter.told, ElementsAre("200/200"));
  calls.memory[kAddress] = kInt3;  // which is the child's memory no longer
  setter.lifts = false;
  hits(kPid);
  EXPECT_THAT(setter.told, ElementsAre("200/200", "100/100"));
}

TEST_F(AtBreakpoint, AChildMadeByVforkSharesThem) {
  begin_with(kNop);
  calls.sharing = {kPid, 200};
  calls.threads[kPid].message = 200;
  calls.stops(kPid, SIGTRAP, PTRACE_EVENT_VFORK);
  loop.work();
  add(200, 200);
  setter.lifts = true;
  hits(200);
  hits(kPid);
  EXPECT_THAT(setter.told, ElementsAre("200/200"));
}

TEST_F(AtBreakpoint, AnotherProgramHasNone) {
  begin_with(kNop);
  setter.sets = false;
  calls.stops(kPid, SIGTRAP, PTRACE_EVENT_EXEC);
  loop.work();
  (void)calls.resumed(kPid);
  hits(kPid);
  EXPECT_THAT(setter.told, IsEmpty());
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run 5"));
}

TEST_F(AtBreakpoint, AThreadStandsThereUntilItIsReleased) {
  begin_with(kCompare);
  setter.stands = std::chrono::hours(1);
  hits(kPid);
  EXPECT_THAT(calls.resumed(kPid), IsEmpty());
  EXPECT_EQ(calls.memory[kAddress], kInt3);
  loop.release(kPid);
  loop.work();
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("step", "run"));
  EXPECT_THAT(setter.told, ElementsAre("100/100"));
  EXPECT_EQ(calls.memory[kAddress], kInt3);
}

TEST_F(AtBreakpoint, AThreadThatSigkillTakesWhileItStandsThereIsLeftAlone) {
  begin_with(kNop);
  setter.stands = std::chrono::hours(1);
  hits(kPid);
  calls.stops(kPid, SIGTRAP, PTRACE_EVENT_EXIT);
  loop.work();
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("run"));
  loop.release(kPid);
  EXPECT_THAT(calls.resumed(kPid), IsEmpty());
}

TEST_F(WithScratch, ACopyIsSteppedThereAndNobodyElseStops) {
  begin_with(kCompare);  // add %al,(%r8), with the zeros that follow
  calls.at_step = [&] {
    EXPECT_EQ(calls.memory[kAddress], kInt3);
    EXPECT_EQ(calls.memory[kScratch], kCompare);
    EXPECT_FALSE(calls.threads[101].stopped);
    calls.threads[kPid].registers.rip = kScratch + 3;
    return true;
  };
  hits(kPid);
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("step", "run"));
  EXPECT_THAT(calls.resumed(101), IsEmpty());
  EXPECT_EQ(rip(kPid), kAddress + 3);
  EXPECT_THAT(setter.told, ElementsAre("100/100"));
}

TEST_F(WithScratch, ASignalBeforeTheStepIsDeliveredWhereTheThreadReallyIs) {
  begin_with(kCompare);
  calls.at_step = [&] {
    calls.threads[kPid].registers.rip = kScratch;
    calls.takes(kPid, SIGTERM);
    calls.at_step = nullptr;
    return false;
  };
  hits(kPid);
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("step", "run 15"));
  EXPECT_EQ(rip(kPid), kAddress);
  hits(kPid);  // its handler has returned
  EXPECT_THAT(setter.told, ElementsAre("100/100"));
}

TEST_F(WithScratch, WhatCannotBeCopiedIsSteppedInItsPlace) {
  begin_with(0xff);
  calls.memory[kAddress + 1] = 0xd0;  // call *%rax
  hits(kPid);
  EXPECT_THAT(calls.resumed(kPid), ElementsAre("step", "run"));
  EXPECT_THAT(calls.resumed(101), ElementsAre("run"));
  EXPECT_EQ(calls.memory[kAddress], kInt3);
}

TEST(Emulation, DoesWhatTheInstructionDoes) {
  FakePtrace calls;
  const auto after = [&](Breakpoints::Code code, bool is_known = true) {
    user_regs_struct registers{};
    registers.rip = kAddress;
    registers.rsp = 0x8000;
    registers.rbx = 0x1122334455667788;
    registers.r12 = 0x12;
    EXPECT_EQ(emulate(calls, 1, code, registers), is_known);
    return registers;
  };
  const auto word = [&](std::uint64_t address) {
    std::uint64_t value = 0;
    (void)calls.read_memory(1, address, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  };
  EXPECT_EQ(after({0x90}).rip, kAddress + 1);
  EXPECT_EQ(after({0xf3, 0x0f, 0x1e, 0xfa}).rip, kAddress + 4);
  EXPECT_EQ(after({0x48, 0x89, 0xe5}).rbp, 0x8000U);
  EXPECT_EQ(after({0x53}).rsp, 0x7ff8U);
  EXPECT_EQ(word(0x7ff8), 0x1122334455667788U);
  EXPECT_EQ(after({0x41, 0x54}).rip, kAddress + 2);
  EXPECT_EQ(word(0x7ff8), 0x12U);
  EXPECT_EQ(after({0x54}).rsp, 0x7ff8U);
  EXPECT_EQ(word(0x7ff8), 0x8000U);  // as it was before
  calls.memory[0x8000] = 0x42;
  for (std::uint64_t i = 1; i < 8; ++i) calls.memory[0x8000 + i] = 0;
  EXPECT_EQ(after({0xc3}).rip, 0x42U);
  EXPECT_EQ(after({0xc3}).rsp, 0x8008U);
  EXPECT_EQ(after({0x49, 0x3b, 0x66, 0x10}, false).rip, kAddress);
  EXPECT_EQ(after({0x41, 0x90}, false).rip, kAddress);
}

}  // namespace
}  // namespace lastcall::breakpoints_test
