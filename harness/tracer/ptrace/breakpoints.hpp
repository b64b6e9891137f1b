// Breakpoints of one address space: int3 in place of the first byte of an instruction. Where they
// are, what was there before, and how a thread gets past one. One thread: that of the tracer.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>

#include "tracer/ptrace/ptrace_calls.hpp"

namespace lastcall {

class Breakpoints {
 public:
  using Code = std::array<std::uint8_t, 16>;  // the longest instruction has 15

  // 0 or errno. `tid`: a stopped thread of the process; others may run. An address that is no
  // beginning of an instruction breaks the program.
  int set(PtraceCalls& calls, pid_t tid, std::uint64_t address);
  int lift(PtraceCalls& calls, pid_t tid, std::uint64_t address);

  [[nodiscard]] bool empty() const { return points_.empty(); }
  // Also where it was lifted: a thread that met it before says so later.
  [[nodiscard]] bool ever_at(std::uint64_t address) const { return points_.contains(address); }
  [[nodiscard]] bool is_at(std::uint64_t address) const;
  // As it would be without any.
  [[nodiscard]] Code code_at(PtraceCalls& calls, pid_t tid, std::uint64_t address) const;

  // Executable memory of 16 bytes that the program does not use, such as its entry once that is
  // behind it. A copy of an instruction is stepped there, so that no other thread need stop.
  void use_scratch(std::uint64_t address) { scratch_ = address; }
  [[nodiscard]] std::uint64_t scratch() const { return scratch_; }  // 0: there is none

 private:
  struct Point {
    std::byte original{};
    bool is_set = false;
  };
  std::map<std::uint64_t, Point> points_;
  std::uint64_t scratch_ = 0;
};

// Does what the instruction at rip does, if it is one that functions begin with or calls return to
// (nop, endbr64, push, mov between registers, sub and add of a number to %rsp, xor and test of a
// register with itself, jumps and calls to a fixed place, ret). Returns whether the thread is past
// it now.
bool emulate(PtraceCalls& calls, pid_t tid, const Breakpoints::Code& code,
             user_regs_struct& registers);

}  // namespace lastcall
