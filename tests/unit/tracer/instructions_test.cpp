#include "tracer/ptrace/instructions.hpp"

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tracer/ptrace/breakpoints.hpp"
#include "unit/tracer/fake_ptrace.hpp"
#include "unit/tracer/traced.hpp"

namespace lastcall::instructions_test {
namespace {

using Code = std::array<std::uint8_t, 16>;

Code code_of(std::initializer_list<std::uint8_t> bytes) {
  Code code{};
  code.fill(0x90);
  std::ranges::copy(bytes, code.begin());
  return code;
}

InstructionKind kind_of(std::initializer_list<std::uint8_t> bytes) {
  const auto found = instruction_in(code_of(bytes));
  EXPECT_TRUE(found);
  EXPECT_EQ(found->length, bytes.size());
  return found->kind;
}

TEST(Instructions, AreToldApartByWhatABreakpointMustKnow) {
  EXPECT_EQ(kind_of({0x48, 0x89, 0xe5}), InstructionKind::plain);
  EXPECT_EQ(kind_of({0xf0, 0x48, 0x0f, 0xc1, 0x07}), InstructionKind::atomic);  // lock xadd
  EXPECT_EQ(kind_of({0x87, 0x07}), InstructionKind::atomic);                    // xchg %eax,(%rdi)
  EXPECT_EQ(kind_of({0x87, 0xc7}), InstructionKind::plain);                     // xchg %eax,%edi
  EXPECT_EQ(kind_of({0xe8, 1, 0, 0, 0}), InstructionKind::call);
  EXPECT_EQ(kind_of({0x74, 5}), InstructionKind::branch);
  EXPECT_EQ(kind_of({0xeb, 5}), InstructionKind::jump);
  EXPECT_EQ(kind_of({0xc3}), InstructionKind::jump);
  EXPECT_EQ(kind_of({0x0f, 0x05}), InstructionKind::system_call);
  EXPECT_EQ(kind_of({0xf3, 0x48, 0xab}), InstructionKind::repeated);  // rep stos
}

TEST(Instructions, AnOperandRelativeToRipReachesTheSameFromElsewhere) {
  // mov 0x100(%rip),%rax, seven bytes long
  const auto moved = moved_instruction(code_of({0x48, 0x8b, 0x05, 0, 1, 0, 0}), 0x1000, 0x5000);
  ASSERT_TRUE(moved);
  std::int32_t distance = 0;
  std::memcpy(&distance, moved->data() + 3, sizeof distance);
  EXPECT_EQ(0x5000 + distance, 0x1000 + 0x100);
  EXPECT_FALSE(
      moved_instruction(code_of({0x48, 0x8b, 0x05, 0, 1, 0, 0}), 0x1000, 0x7f00'0000'0000));
}

TEST(Instructions, SayWhereTheyAccessMemory) {
  user_regs_struct registers{};
  registers.rip = 0x1000;
  registers.rdi = 0x5000;
  registers.rcx = 3;
  const auto at = [&](std::initializer_list<std::uint8_t> bytes) {
    const auto operand = memory_operand(code_of(bytes));
    return operand ? std::pair(address_of(*operand, registers), operand->writes)
                   : std::pair(std::uint64_t{0}, false);
  };
  EXPECT_EQ(at({0x8b, 0x47, 0x08}), std::pair(std::uint64_t{0x5008}, false));  // mov 8(%rdi),%eax
  EXPECT_EQ(at({0x89, 0x44, 0x8f, 0xfc}),
            std::pair(std::uint64_t{0x5008}, true));  // mov %eax,-4(%rdi,%rcx,4)
  EXPECT_EQ(at({0xc7, 0x05, 0, 1, 0, 0, 7, 0, 0, 0}),
            std::pair(std::uint64_t{0x110a}, true));                    // movl $7,0x100(%rip)
  EXPECT_EQ(at({0x01, 0x07}), std::pair(std::uint64_t{0x5000}, true));  // add %eax,(%rdi)
  EXPECT_FALSE(memory_operand(code_of({0x48, 0x8d, 0x47, 0x08})));      // lea
  EXPECT_FALSE(memory_operand(code_of({0x0f, 0x1f, 0x40, 0x00})));      // nop
  EXPECT_FALSE(
      memory_operand(code_of({0x64, 0x8b, 0x04, 0x25, 0, 0, 0, 0})));  // of the thread's own
  EXPECT_FALSE(memory_operand(code_of({0x89, 0xc8})));
  EXPECT_EQ(pointed_to(code_of({0x48, 0x8d, 0x3d, 0, 1, 0, 0}), 0x1000),
            0x1107U);  // lea 0x100(%rip),%rdi
  EXPECT_FALSE(pointed_to(code_of({0x48, 0x8d, 0x47, 0x08}), 0x1000));
}

TEST(Instructions, WhatJumpsOrEntersTheKernelIsNotMoved) {
  for (const auto& code :
       {code_of({0xe8, 1, 0, 0, 0}), code_of({0x74, 5}), code_of({0xc3}), code_of({0xff, 0xd0}),
        code_of({0x0f, 0x05}), code_of({0xf3, 0x48, 0xab})})
    EXPECT_FALSE(moved_instruction(code, 0x1000, 0x2000));
}

// What the processor itself does with an instruction.
class Emulated : public TracedTest {
 protected:
  void SetUp() override {
    TracedTest::SetUp();
    if (IsSkipped()) return;
    child_ = ::fork();
    if (child_ == 0) {
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      ::raise(SIGSTOP);
      ::_exit(0);
    }
    ASSERT_EQ(::waitpid(child_, nullptr, 0), child_);
    ASSERT_EQ(::ptrace(PTRACE_GETREGS, child_, nullptr, &start_), 0);
  }
  void TearDown() override {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

  struct Effect {
    user_regs_struct registers{};
    std::vector<long> stack{};
  };
  Effect effect_at(user_regs_struct registers) const {
    Effect effect{registers, {}};
    for (std::uint64_t at = start_.rsp - 64; at < start_.rsp + 64; at += 8)
      effect.stack.push_back(::ptrace(PTRACE_PEEKDATA, child_, at, nullptr));
    return effect;
  }
  void poke(std::uint64_t address, const Code& code) const {
    for (std::size_t i = 0; i < code.size(); i += 8) {
      long word = 0;
      std::memcpy(&word, code.data() + i, 8);
      ASSERT_EQ(::ptrace(PTRACE_POKEDATA, child_, address + i, word), 0);
    }
  }
  // Below %rsp there must be what was there before.
  void reset(const user_regs_struct& registers) const {
    for (std::uint64_t at = start_.rsp - 64; at < start_.rsp; at += 8)
      ASSERT_EQ(::ptrace(PTRACE_POKEDATA, child_, at, 0L), 0);
    // Where a return goes to.
    ASSERT_EQ(::ptrace(PTRACE_POKEDATA, child_, start_.rsp, start_.rip + 64), 0);
    ASSERT_EQ(::ptrace(PTRACE_SETREGS, child_, nullptr, &registers), 0);
  }

  pid_t child_ = 0;
  user_regs_struct start_{};
};

// The child by the calls that emulate() makes.
struct ChildCalls : testing::FakePtrace {
  int set_registers(pid_t tid, const user_regs_struct& registers) override {
    return ::ptrace(PTRACE_SETREGS, tid, nullptr, &registers) == 0 ? 0 : errno;
  }
  int write_memory(pid_t tid, std::uint64_t address, std::span<const std::byte> bytes) override {
    long word = 0;
    std::memcpy(&word, bytes.data(), bytes.size());
    return ::ptrace(PTRACE_POKEDATA, tid, address, word) == 0 ? 0 : errno;
  }
  std::size_t read_memory(pid_t tid, std::uint64_t address, std::span<std::byte> into) override {
    const long word = ::ptrace(PTRACE_PEEKDATA, tid, address, nullptr);
    std::memcpy(into.data(), &word, into.size());
    return into.size();
  }
};

TEST_F(Emulated, InstructionsDoWhatTheProcessorDoes) {
  std::vector<std::pair<std::string, Code>> all{
      {"nop", code_of({0x90})},
      {"endbr64", code_of({0xf3, 0x0f, 0x1e, 0xfa})},
      {"push %rsp", code_of({0x54})},
      {"push %r12", code_of({0x41, 0x54})},
      {"push %rbp", code_of({0x55})},
      {"mov %rsp,%rbp", code_of({0x48, 0x89, 0xe5})},
      {"mov %r13,%rdi", code_of({0x4c, 0x89, 0xef})},
      {"mov %rdi,%r13", code_of({0x49, 0x89, 0xfd})},
      {"mov (8b) %rax,%rcx", code_of({0x48, 0x8b, 0xc8})},
      {"sub $24,%rsp", code_of({0x48, 0x83, 0xec, 24})},
      {"sub $-24,%rsp", code_of({0x48, 0x83, 0xec, 0xe8})},
      {"sub $0x188,%rsp", code_of({0x48, 0x81, 0xec, 0x88, 1, 0, 0})},
      {"add $24,%rsp", code_of({0x48, 0x83, 0xc4, 24})},
      {"add $-8,%rsp", code_of({0x48, 0x83, 0xc4, 0xf8})},
      {"xor %eax,%eax", code_of({0x31, 0xc0})},
      {"test %eax,%eax", code_of({0x85, 0xc0})},
      {"test %edi,%edi", code_of({0x85, 0xff})},
      {"test %rax,%rax", code_of({0x48, 0x85, 0xc0})},
      {"test %r13,%r13", code_of({0x4d, 0x85, 0xed})},
      {"call", code_of({0xe8, 0x10, 0, 0, 0})},
      {"call backwards", code_of({0xe8, 0xf0, 0xff, 0xff, 0xff})},
      {"jmp", code_of({0xe9, 0x10, 0, 0, 0})},
      {"short jmp backwards", code_of({0xeb, 0xf0})},
      {"ret", code_of({0xc3})},
  };
  for (std::uint8_t condition = 0; condition < 16; ++condition) {
    all.emplace_back("short jcc " + std::to_string(condition),
                     code_of({static_cast<std::uint8_t>(0x70 + condition), 0x10}));
    all.emplace_back("jcc " + std::to_string(condition),
                     code_of({0x0f, static_cast<std::uint8_t>(0x80 + condition), 0x10, 0, 0, 0}));
  }
  ChildCalls calls;
  const std::uint64_t values[] = {
      0, 1, 0x8000'0000, 0x8000'0000'0000'0000, 0xffff'ffff'ffff'fff0, 0x1234'5678'9abc'def1};
  // Of flags that a jump may ask for, in all combinations: CF, PF, ZF, SF, OF.
  const std::uint64_t flags[] = {0x1, 0x4, 0x40, 0x80, 0x800};
  for (const auto& [name, code] : all) {
    poke(start_.rip, code);
    for (unsigned round = 0; round < 32; ++round) {
      auto before = start_;
      before.rax = before.rdi = before.r13 = values[round % 6];
      before.orig_rax = ~0ULL;
      for (unsigned bit = 0; bit < 5; ++bit) {
        before.eflags &= ~flags[bit];
        if ((round >> bit & 1U) != 0) before.eflags |= flags[bit];
      }
      reset(before);
      ASSERT_EQ(::ptrace(PTRACE_SINGLESTEP, child_, nullptr, nullptr), 0);
      int status = 0;
      ASSERT_EQ(::waitpid(child_, &status, 0), child_);
      ASSERT_TRUE(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP) << name;
      user_regs_struct stepped{};
      ASSERT_EQ(::ptrace(PTRACE_GETREGS, child_, nullptr, &stepped), 0);
      const auto right = effect_at(stepped);

      reset(before);
      auto registers = before;
      ASSERT_TRUE(emulate(calls, child_, code, registers)) << name;
      const auto emulated = effect_at(registers);
      EXPECT_EQ(emulated.stack, right.stack) << name;
      // AF is undefined after logical instructions; TF and RF are the step's own.
      const std::uint64_t kIgnored =
          name.starts_with("xor") || name.starts_with("test") ? 0x10110 : 0x10100;
      EXPECT_EQ(emulated.registers.eflags & ~kIgnored, right.registers.eflags & ~kIgnored)
          << name << " " << round;
      EXPECT_EQ(emulated.registers.rip, right.registers.rip) << name << " " << round;
      EXPECT_EQ(emulated.registers.rsp, right.registers.rsp) << name;
      EXPECT_EQ(emulated.registers.rbp, right.registers.rbp) << name;
      EXPECT_EQ(emulated.registers.rax, right.registers.rax) << name;
      EXPECT_EQ(emulated.registers.rcx, right.registers.rcx) << name;
      EXPECT_EQ(emulated.registers.rdi, right.registers.rdi) << name;
      EXPECT_EQ(emulated.registers.r13, right.registers.r13) << name;
      if (HasFailure()) return;
    }
  }
}

TEST_F(Emulated, OthersAreLeftToTheProcessor) {
  ChildCalls calls;
  for (const auto& code :
       {code_of({0x49, 0x3b, 0x66, 0x10}), code_of({0x48, 0x8b, 0x07}), code_of({0x0f, 0x05}),
        code_of({0x48, 0x83, 0xe8, 1}), code_of({0x85, 0xc7}), code_of({0xff, 0xd0})}) {
    auto registers = start_;
    EXPECT_FALSE(emulate(calls, child_, code, registers));
    EXPECT_EQ(registers.rip, start_.rip);
  }
}

}  // namespace
}  // namespace lastcall::instructions_test
