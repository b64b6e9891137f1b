#include "tracer/ptrace/breakpoints.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <span>

namespace lastcall {
namespace {

constexpr std::byte kInt3{0xcc};

int write_byte(PtraceCalls& calls, pid_t tid, std::uint64_t address, std::byte byte) {
  return calls.write_memory(tid, address, std::span(&byte, 1));
}

}  // namespace

int Breakpoints::set(PtraceCalls& calls, pid_t tid, std::uint64_t address) {
  std::byte there{};
  if (calls.read_memory(tid, address, std::span(&there, 1)) != 1) return EFAULT;
  auto& point = points_[address];
  // What is known of the place does not hold if something else is mapped there now.
  if (!point.is_set || there != kInt3) point.original = there;
  const int problem = write_byte(calls, tid, address, kInt3);
  point.is_set = problem == 0;
  return problem;
}

int Breakpoints::lift(PtraceCalls& calls, pid_t tid, std::uint64_t address) {
  if (!is_at(address)) return 0;
  auto& point = points_[address];
  const int problem = write_byte(calls, tid, address, point.original);
  point.is_set = problem != 0;
  return problem;
}

bool Breakpoints::is_at(std::uint64_t address) const {
  const auto found = points_.find(address);
  return found != points_.end() && found->second.is_set;
}

Breakpoints::Code Breakpoints::code_at(PtraceCalls& calls, pid_t tid, std::uint64_t address) const {
  Code code{};
  (void)calls.read_memory(tid, address, std::as_writable_bytes(std::span(code)));
  const auto end = points_.lower_bound(address + code.size());
  for (auto point = points_.lower_bound(address); point != end; ++point) {
    if (point->second.is_set)
      code[point->first - address] = static_cast<std::uint8_t>(point->second.original);
  }
  return code;
}

namespace {

// Arithmetic flags (Intel SDM, volume 1, 3.4.3.1).
constexpr std::uint64_t kCarry = 0x1;
constexpr std::uint64_t kParity = 0x4;
constexpr std::uint64_t kAdjust = 0x10;
constexpr std::uint64_t kZero = 0x40;
constexpr std::uint64_t kSign = 0x80;
constexpr std::uint64_t kOverflow = 0x800;
constexpr std::uint64_t kAllFlags = kCarry | kParity | kAdjust | kZero | kSign | kOverflow;

std::uint64_t flags_of(std::uint64_t result) {
  return (std::popcount(result & 0xff) % 2 == 0 ? kParity : 0) | (result == 0 ? kZero : 0) |
         (result >> 63U != 0 ? kSign : 0);
}

void set_flags(user_regs_struct& registers, std::uint64_t flags) {
  registers.eflags = (registers.eflags & ~kAllFlags) | flags;
}

// By the number that instructions have for them.
unsigned long long& register_of(user_regs_struct& registers, unsigned number) {
  unsigned long long* const all[] = {
      &registers.rax, &registers.rcx, &registers.rdx, &registers.rbx,
      &registers.rsp, &registers.rbp, &registers.rsi, &registers.rdi,
      &registers.r8,  &registers.r9,  &registers.r10, &registers.r11,
      &registers.r12, &registers.r13, &registers.r14, &registers.r15};
  return *all[number];
}

// The conditions of jcc, by their low four bits (Intel SDM, volume 2, appendix B.1.4.7).
bool holds(unsigned condition, std::uint64_t flags) {
  const auto has = [flags](std::uint64_t flag) { return (flags & flag) != 0; };
  const bool less = has(kSign) != has(kOverflow);
  const bool all[] = {has(kOverflow), has(kCarry),  has(kZero), has(kCarry) || has(kZero),
                      has(kSign),     has(kParity), less,       less || has(kZero)};
  return all[condition / 2] != (condition % 2 != 0);
}

bool push(PtraceCalls& calls, pid_t tid, user_regs_struct& registers, std::uint64_t value) {
  if (calls.write_memory(tid, registers.rsp - sizeof value, std::as_bytes(std::span(&value, 1))) !=
      0)
    return false;
  registers.rsp -= sizeof value;
  return true;
}

template <class Number>
std::uint64_t number_at(const Breakpoints::Code& code, std::size_t at) {
  Number number{};
  std::memcpy(&number, code.data() + at, sizeof number);
  return static_cast<std::uint64_t>(std::int64_t{number});
}

// Adds a number to %rsp, or takes it away.
void move_stack(user_regs_struct& registers, std::uint64_t number, bool down) {
  const std::uint64_t before = registers.rsp;
  const auto after = down ? before - number : before + number;
  auto flags = flags_of(after);
  if (down ? before < number : after < before) flags |= kCarry;
  if (((before ^ number ^ after) & 0x10U) != 0) flags |= kAdjust;
  const auto turned =
      down ? (before ^ number) & (before ^ after) : ~(before ^ number) & (before ^ after);
  if (turned >> 63U != 0) flags |= kOverflow;
  set_flags(registers, flags);
  registers.rsp = after;
}

// The instructions with a prefix REX.W. Returns how long it is, 0 if it is none of them.
std::size_t emulate_wide(const Breakpoints::Code& code, user_regs_struct& registers) {
  const auto rex = code[0];
  const auto mode = code[2];
  if (mode < 0xc0) return 0;  // memory
  const unsigned middle = (mode >> 3U & 7U) | ((rex & 4U) != 0 ? 8U : 0U);
  const unsigned last = (mode & 7U) | ((rex & 1U) != 0 ? 8U : 0U);
  switch (code[1]) {
    case 0x89:
      register_of(registers, last) = register_of(registers, middle);
      return 3;
    case 0x8b:
      register_of(registers, middle) = register_of(registers, last);
      return 3;
    case 0x85:
      if (middle != last) return 0;
      set_flags(registers, flags_of(register_of(registers, last)));
      return 3;
    case 0x83:
    case 0x81: {
      const bool is_short = code[1] == 0x83;
      if (rex != 0x48 || (mode != 0xec && mode != 0xc4)) return 0;
      move_stack(registers,
                 is_short ? number_at<std::int8_t>(code, 3) : number_at<std::int32_t>(code, 3),
                 mode == 0xec);
      return is_short ? 4 : 7;
    }
    default:
      return 0;
  }
}

}  // namespace

bool emulate(PtraceCalls& calls, pid_t tid, const Breakpoints::Code& code,
             user_regs_struct& registers) {
  const auto begins_with = [&](std::initializer_list<std::uint8_t> bytes) {
    return std::ranges::equal(bytes, std::span(code).first(bytes.size()));
  };
  const std::size_t extended = code[0] == 0x41 ? 1 : 0;  // REX.B: r8 to r15
  if (begins_with({0x90})) {
    registers.rip += 1;
  } else if (begins_with({0xf3, 0x0f, 0x1e, 0xfa})) {
    registers.rip += 4;
  } else if (begins_with({0xc3})) {
    std::uint64_t caller = 0;
    const auto into = std::as_writable_bytes(std::span(&caller, 1));
    if (calls.read_memory(tid, registers.rsp, into) != into.size()) return false;
    registers.rip = caller;
    registers.rsp += sizeof caller;
  } else if (code[0] == 0xe8) {
    const auto next = registers.rip + 5;
    if (!push(calls, tid, registers, next)) return false;
    registers.rip = next + number_at<std::int32_t>(code, 1);
  } else if (code[0] == 0xe9) {
    registers.rip += 5 + number_at<std::int32_t>(code, 1);
  } else if (code[0] == 0xeb) {
    registers.rip += 2 + number_at<std::int8_t>(code, 1);
  } else if (code[0] >= 0x70 && code[0] <= 0x7f) {
    registers.rip +=
        2 + (holds(code[0] & 0xfU, registers.eflags) ? number_at<std::int8_t>(code, 1) : 0);
  } else if (code[0] == 0x0f && code[1] >= 0x80 && code[1] <= 0x8f) {
    registers.rip +=
        6 + (holds(code[1] & 0xfU, registers.eflags) ? number_at<std::int32_t>(code, 2) : 0);
  } else if ((code[0] == 0x31 || code[0] == 0x85) && code[1] >= 0xc0 &&
             (code[1] >> 3U & 7U) == (code[1] & 7U)) {
    auto& value = register_of(registers, code[1] & 7U);
    if (code[0] == 0x31) {
      value = 0;
      set_flags(registers, flags_of(0));
    } else {
      const auto low = value & 0xffff'ffffU;
      set_flags(registers, (flags_of(low) & ~kSign) | (low >> 31U != 0 ? kSign : 0));
    }
    registers.rip += 2;
  } else if (const auto operation = code[extended]; operation >= 0x50 && operation <= 0x57) {
    const auto value =
        register_of(registers, operation - 0x50U + 8U * static_cast<unsigned>(extended));
    if (!push(calls, tid, registers, value)) return false;
    registers.rip += 1 + extended;
  } else if ((code[0] & 0xf8U) == 0x48 && (code[0] & 2U) == 0) {
    const auto length = emulate_wide(code, registers);
    if (length == 0) return false;
    registers.rip += length;
  } else {
    return false;
  }
  return calls.set_registers(tid, registers) == 0;
}

}  // namespace lastcall
