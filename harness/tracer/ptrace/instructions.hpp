// What an instruction of x86-64 is, as far as breakpoints must know: how long, whether it can be
// executed elsewhere, and whether it is one where threads meet. Pure functions of bytes, from any
// thread.
#pragma once

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

// The same instruction with the same effect at another address, if it is one that neither jumps nor
// enters the kernel: an operand relative to rip is adapted, where that still reaches it. The rest
// of the array is nop.
std::optional<std::array<std::uint8_t, 16>> moved_instruction(
    std::span<const std::uint8_t, 16> bytes, std::uint64_t from, std::uint64_t to);

}  // namespace lastcall
