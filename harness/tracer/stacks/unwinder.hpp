// Finds the callers of a stopped thread (x86-64) with libunwind's generic unwinder: registers and
// memory are the ones given here, and tables of unwind information are found by ourselves, because
// libunwind 1.6 loses its way in programs linked with LLD. Where code has no such information (Go,
// code made at run time) it follows frame pointers. One object a process, one thread.
#pragma once

#include <sys/user.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "tracer/ptrace/memory.hpp"
#include "tracer/stacks/modules.hpp"

namespace lastcall {

struct RawFrame {
  std::uint64_t address = 0;  // of the next instruction
  bool is_call = false;       // it is a return address: what was called lies before it
  bool is_signal_return = false;
};

struct RawStack {
  std::vector<RawFrame> frames;  // the innermost first; never empty
  std::string ends_because;      // empty if the last frame is where the thread began
};

class Unwinder {
 public:
  // A stack that recurses deeper says so: what is wanted of it is at the top.
  static constexpr std::size_t kMaxFrames = 256;

  Unwinder();

  [[nodiscard]] RawStack unwind(const user_regs_struct& registers, Memory& memory,
                                Modules& modules);
  // What was learned about addresses no longer holds: other code is mapped there.
  void forget();

 private:
  class Walk;
  struct AddressSpace;
  struct Free {
    void operator()(AddressSpace* space) const;
  };
  std::unique_ptr<AddressSpace, Free> space_;                    // null without memory for it
  std::unordered_map<std::uint64_t, bool> returns_from_signal_;  // by address of an instruction
};

}  // namespace lastcall
