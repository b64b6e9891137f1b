#include "tracer/ptrace/breakpoints.hpp"

#include <algorithm>
#include <cerrno>
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
  } else if (begins_with({0x48, 0x89, 0xe5})) {
    registers.rbp = registers.rsp;
    registers.rip += 3;
  } else if (begins_with({0xc3})) {
    std::uint64_t caller = 0;
    const auto into = std::as_writable_bytes(std::span(&caller, 1));
    if (calls.read_memory(tid, registers.rsp, into) != into.size()) return false;
    registers.rip = caller;
    registers.rsp += sizeof caller;
  } else if (const auto operation = code[extended]; operation >= 0x50 && operation <= 0x57) {
    const std::uint64_t values[] = {registers.rax, registers.rcx, registers.rdx, registers.rbx,
                                    registers.rsp, registers.rbp, registers.rsi, registers.rdi,
                                    registers.r8,  registers.r9,  registers.r10, registers.r11,
                                    registers.r12, registers.r13, registers.r14, registers.r15};
    const auto& value = values[operation - 0x50U + 8 * extended];
    const auto bytes = std::as_bytes(std::span(&value, 1));
    if (calls.write_memory(tid, registers.rsp - sizeof value, bytes) != 0) return false;
    registers.rsp -= sizeof value;
    registers.rip += 1 + extended;
  } else {
    return false;
  }
  return calls.set_registers(tid, registers) == 0;
}

}  // namespace lastcall
