// Descriptions of stack frames in a section .eh_frame (Linux Standard Base, "Exception Frames"),
// for programs that were linked statically: those have no search table (PT_GNU_EH_FRAME).
#pragma once

#include <cstdint>
#include <vector>

#include "tracer/ptrace/memory.hpp"

namespace lastcall {

struct FrameDescription {
  std::uint64_t begin = 0;  // of the code it is about
  std::uint64_t end = 0;
  std::uint64_t at = 0;  // where it lies
};

// By beginning. The section lies in memory from `section` on; what makes no sense is left out.
std::vector<FrameDescription> frame_descriptions_in(std::uint64_t section, std::uint64_t size,
                                                    Memory& memory);

}  // namespace lastcall
