// The system calls that a fault can name, and what their arguments are: syscalls(2), of x86-64. A
// word such as "rename" stands for all calls by which C libraries make it. And the errors that such
// a call can be made to fail with.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fault/fault.hpp"

namespace lastcall {

// Where a call says how much it writes. `bytes`: its third argument. `vector`: an array of iovec(3)
// and their number, the second and third argument. `message`: a msghdr, the second.
enum class Writing : std::uint8_t { none, bytes, vector, message };

struct Syscall {
  std::string_view name;
  // A letter each. p: a path; d: the folder that the path after it begins in; f: a descriptor;
  // -: anything else.
  std::string_view arguments;
  Writing writing = Writing::none;
};

// The calls that a word of a scenario means; none if it is unknown. "rename" means renameat and
// renameat2 too, "fsync" not fdatasync, which promises less.
std::vector<Syscall> syscalls_of(std::string_view word);
// All those words, sorted.
std::vector<std::string> syscall_words();

// Why a fault cannot be done at such a call; empty if it can. `act`: null if it is not a
// DisturbSyscall.
std::string syscall_problem(const NthSyscall& when, const DisturbSyscall* act);

// "ENOSPC" <-> 28, errno(3).
std::optional<int> error_number(std::string_view name);
std::string error_name(int number);
std::vector<std::string> error_names();

}  // namespace lastcall
