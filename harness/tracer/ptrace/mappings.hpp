// What is mapped where in a process (proc(5), "maps"). From any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lastcall {

struct Mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t offset = 0;  // in the file
  bool executable = false;
  std::string device;  // "fd:01"
  std::uint64_t inode = 0;
  std::string path;  // as the kernel says it: may end in " (deleted)"
};

// What /proc/PID/maps says, in order.
std::vector<Mapping> parse_mappings(std::string_view text);

}  // namespace lastcall
