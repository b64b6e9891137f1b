#include "tracer/ptrace/instructions.hpp"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <cstring>

namespace lastcall {
namespace {

constexpr std::uint8_t kNop = 0x90;

const ZydisDecoder& decoder() {
  static const ZydisDecoder one = [] {
    ZydisDecoder made{};
    (void)ZydisDecoderInit(&made, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return made;
  }();
  return one;
}

std::optional<ZydisDecodedInstruction> decoded(std::span<const std::uint8_t> bytes) {
  ZydisDecodedInstruction instruction{};
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder(), nullptr, bytes.data(), bytes.size(),
                                                  &instruction)))
    return std::nullopt;
  return instruction;
}

InstructionKind kind_of(const ZydisDecodedInstruction& instruction) {
  const auto has = [&](ZyanU64 attributes) { return (instruction.attributes & attributes) != 0; };
  switch (instruction.meta.category) {
    case ZYDIS_CATEGORY_CALL:
      return InstructionKind::call;
    case ZYDIS_CATEGORY_COND_BR:
      return InstructionKind::branch;
    case ZYDIS_CATEGORY_UNCOND_BR:
    case ZYDIS_CATEGORY_RET:
      return InstructionKind::jump;
    case ZYDIS_CATEGORY_SYSCALL:
    case ZYDIS_CATEGORY_SYSRET:
    case ZYDIS_CATEGORY_INTERRUPT:
      return InstructionKind::system_call;
    default:
      break;
  }
  if (instruction.mnemonic == ZYDIS_MNEMONIC_HLT || instruction.mnemonic == ZYDIS_MNEMONIC_UD2)
    return InstructionKind::system_call;
  if (has(ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE))
    return InstructionKind::repeated;
  const bool in_memory =
      (instruction.attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0 && instruction.raw.modrm.mod != 3;
  if (has(ZYDIS_ATTRIB_HAS_LOCK) || (instruction.mnemonic == ZYDIS_MNEMONIC_XCHG && in_memory))
    return InstructionKind::atomic;
  return InstructionKind::plain;
}

}  // namespace

std::optional<Instruction> instruction_in(std::span<const std::uint8_t> bytes) {
  const auto found = decoded(bytes);
  if (!found) return std::nullopt;
  return Instruction{found->length, kind_of(*found)};
}

namespace {

// kNone of what is no general register of 64 bits.
int number_of(ZydisRegister which) {
  if (which == ZYDIS_REGISTER_RIP) return MemoryOperand::kRip;
  if (ZydisRegisterGetClass(which) != ZYDIS_REGCLASS_GPR64) return MemoryOperand::kNone;
  return ZydisRegisterGetId(which);
}

}  // namespace

std::optional<MemoryOperand> memory_operand(std::span<const std::uint8_t> bytes) {
  ZydisDecodedInstruction instruction{};
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands{};
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder(), bytes.data(), bytes.size(), &instruction,
                                           operands.data())) ||
      instruction.meta.category == ZYDIS_CATEGORY_NOP ||
      instruction.meta.category == ZYDIS_CATEGORY_WIDENOP)
    return std::nullopt;
  for (const auto& one : std::span(operands).first(instruction.operand_count_visible)) {
    if (one.type != ZYDIS_OPERAND_TYPE_MEMORY || one.mem.type != ZYDIS_MEMOP_TYPE_MEM ||
        one.mem.segment == ZYDIS_REGISTER_FS || one.mem.segment == ZYDIS_REGISTER_GS)
      continue;
    return MemoryOperand{.base = number_of(one.mem.base),
                         .index = number_of(one.mem.index),
                         .scale = one.mem.scale,
                         .displacement = one.mem.disp.has_displacement ? one.mem.disp.value : 0,
                         .writes = (one.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0,
                         .length = instruction.length};
  }
  return std::nullopt;
}

std::uint64_t address_of(const MemoryOperand& operand, const user_regs_struct& registers) {
  const std::array<std::uint64_t, 17> all{registers.rax,
                                          registers.rcx,
                                          registers.rdx,
                                          registers.rbx,
                                          registers.rsp,
                                          registers.rbp,
                                          registers.rsi,
                                          registers.rdi,
                                          registers.r8,
                                          registers.r9,
                                          registers.r10,
                                          registers.r11,
                                          registers.r12,
                                          registers.r13,
                                          registers.r14,
                                          registers.r15,
                                          registers.rip + operand.length};
  auto address = static_cast<std::uint64_t>(operand.displacement);
  if (operand.base != MemoryOperand::kNone) address += all[static_cast<std::size_t>(operand.base)];
  if (operand.index != MemoryOperand::kNone)
    address += all[static_cast<std::size_t>(operand.index)] * operand.scale;
  return address;
}

std::optional<std::uint64_t> pointed_to(std::span<const std::uint8_t> bytes,
                                        std::uint64_t address) {
  const auto found = decoded(bytes);
  if (!found || found->mnemonic != ZYDIS_MNEMONIC_LEA || found->raw.modrm.mod != 0 ||
      found->raw.modrm.rm != 5)
    return std::nullopt;
  return address + found->length + static_cast<std::uint64_t>(found->raw.disp.value);
}

std::optional<std::array<std::uint8_t, 16>> moved_instruction(
    std::span<const std::uint8_t, 16> bytes, std::uint64_t from, std::uint64_t to) {
  const auto found = decoded(bytes);
  if (!found) return std::nullopt;
  const auto kind = kind_of(*found);
  if (kind != InstructionKind::plain && kind != InstructionKind::atomic) return std::nullopt;
  std::array<std::uint8_t, 16> copy{};
  copy.fill(kNop);
  std::copy_n(bytes.begin(), found->length, copy.begin());
  const bool has_mode = (found->attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0;
  if (has_mode && found->raw.modrm.mod == 0 && found->raw.modrm.rm == 5) {
    const auto distance = found->raw.disp.value + static_cast<std::int64_t>(from - to);
    const auto adapted = static_cast<std::int32_t>(distance);
    if (adapted != distance || found->raw.disp.size != 32) return std::nullopt;
    std::memcpy(copy.data() + found->raw.disp.offset, &adapted, sizeof adapted);
  } else if ((found->attributes & ZYDIS_ATTRIB_IS_RELATIVE) != 0) {
    return std::nullopt;
  }
  return copy;
}

}  // namespace lastcall
