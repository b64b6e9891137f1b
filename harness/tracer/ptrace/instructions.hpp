// What an instruction of x86-64 is, as far as breakpoints must know: how long, whether it can be
// executed elsewhere, and whether it is one where threads meet. Pure functions of bytes, from any
// thread.
#pragma once

#include <sys/user.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace lastcall {

enum class InstructionKind : std::uint8_t {
  plain,
  atomic,       // lock-prefixed, or xchg with memory
  call,         // the next one is where it returns to
  branch,       // a conditional jump
  jump,         // also ret
  system_call,  // syscall, int, and what stops the processor
  repeated,     // a string instruction with rep
};

struct Instruction {
  std::size_t length = 0;
  InstructionKind kind = InstructionKind::plain;
};

// Nothing if the bytes are no instruction of 64-bit code.
std::optional<Instruction> instruction_in(std::span<const std::uint8_t> bytes);

// What an instruction reads or writes in memory: base + index * scale + displacement.
struct MemoryOperand {
  static constexpr int kNone = -1;
  static constexpr int kRip = 16;  // of the next instruction
  int base = kNone;                // as instructions number registers: 4 is %rsp, 5 is %rbp
  int index = kNone;
  std::uint8_t scale = 0;
  std::int64_t displacement = 0;
  bool writes = false;
  std::size_t length = 0;  // of the instruction
};
// Nothing if it has none, or one of thread-local storage, or does nothing with it (lea, nop).
std::optional<MemoryOperand> memory_operand(std::span<const std::uint8_t> bytes);
// Where that is for a thread that stands before the instruction.
std::uint64_t address_of(const MemoryOperand& operand, const user_regs_struct& registers);
// Where an instruction `lea displacement(%rip), register` at this address points to, if it is one.
std::optional<std::uint64_t> pointed_to(std::span<const std::uint8_t> bytes, std::uint64_t address);

// The same instruction with the same effect at another address, if it is one that neither jumps nor
// enters the kernel: an operand relative to rip is adapted, where that still reaches it. The rest
// of the array is nop.
std::optional<std::array<std::uint8_t, 16>> moved_instruction(
    std::span<const std::uint8_t, 16> bytes, std::uint64_t from, std::uint64_t to);

}  // namespace lastcall
