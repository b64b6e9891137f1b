#include "tracer/loop/filter_injection.hpp"

#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/file.hpp"
#include "tracer/ptrace/mappings.hpp"

namespace lastcall {
namespace {

constexpr std::array kSyscall{std::byte{0x0f}, std::byte{0x05}};
constexpr std::uint64_t kCode64 = 0x33;  // cs of 64-bit programs
constexpr std::uint64_t kRedZone = 128;  // in use below rsp: System V ABI, AMD64, 3.2.2
constexpr std::uint64_t kAligned = ~15ULL;

Error cannot(pid_t tid, int problem, const char* why) {
  return {"filter the calls of", "thread " + std::to_string(tid), problem, why};
}

// That of the call it is in, or that of the vDSO: nothing is written to its code, which a thread
// that could not be stopped may come past.
std::optional<std::uint64_t> syscall_instruction(PtraceCalls& calls, pid_t tid,
                                                 std::uint64_t next) {
  std::array<std::byte, kSyscall.size()> last{};
  const auto before = next - kSyscall.size();
  if (calls.read_memory(tid, before, last) == last.size() && last == kSyscall) return before;
  const auto maps = read_file("/proc/" + std::to_string(tid) + "/maps");
  if (!maps) return std::nullopt;
  for (const auto& mapping : parse_mappings(*maps)) {
    if (mapping.path != "[vdso]") continue;
    std::vector<std::byte> code(mapping.end - mapping.begin);
    code.resize(calls.read_memory(tid, mapping.begin, code));
    const auto found = std::ranges::search(code, kSyscall);
    if (!found.empty())
      return mapping.begin + static_cast<std::uint64_t>(found.begin() - code.begin());
  }
  return std::nullopt;
}

}  // namespace

Result<FilterInjection> FilterInjection::begin(PtraceCalls& calls, pid_t tid,
                                               std::span<const sock_filter> program) {
  FilterInjection made;
  if (const int problem = calls.registers(tid, made.registers_); problem != 0)
    return cannot(tid, problem, "");
  auto registers = made.registers_;
  if (registers.cs != kCode64) return cannot(tid, 0, "a 32-bit program");
  // At the end of what is mapped of a stack: what is in use of it.
  std::vector<std::byte> block(sizeof(sock_fprog) + program.size_bytes());
  made.overwritten_.resize(block.size());
  made.block_ = (registers.rsp - kRedZone - block.size()) & kAligned;
  if (calls.read_memory(tid, made.block_, made.overwritten_) != block.size()) {
    made.block_ = registers.rsp;
    if (calls.read_memory(tid, made.block_, made.overwritten_) != block.size())
      return cannot(tid, EFAULT, "whose user changed takes CAP_SYS_PTRACE");
  }
  const auto instruction = syscall_instruction(calls, tid, registers.rip);
  if (!instruction) return cannot(tid, 0, "no syscall instruction was found in it");
  made.instruction_ = *instruction;

  const sock_fprog header{static_cast<unsigned short>(program.size()),
                          reinterpret_cast<sock_filter*>(made.block_ + sizeof(sock_fprog))};
  std::memcpy(block.data(), &header, sizeof header);
  std::ranges::copy(std::as_bytes(program), block.begin() + sizeof header);
  if (const int problem = calls.write_memory(tid, made.block_, block); problem != 0)
    return cannot(tid, problem, "");

  registers.rip = *instruction;
  registers.rax = SYS_seccomp;
  registers.orig_rax = ~0ULL;  // not in a call: none is made again
  registers.rdi = SECCOMP_SET_MODE_FILTER;
  registers.rsi = SECCOMP_FILTER_FLAG_TSYNC;
  registers.rdx = made.block_;
  if (const int problem = calls.set_registers(tid, registers); problem != 0) {
    (void)calls.write_memory(tid, made.block_, made.overwritten_);
    return cannot(tid, problem, "");
  }
  return made;
}

std::optional<std::int64_t> FilterInjection::end(PtraceCalls& calls, pid_t tid) const {
  user_regs_struct now{};
  const bool made = calls.registers(tid, now) == 0 && now.rip == instruction_ + kSyscall.size();
  (void)calls.write_memory(tid, block_, overwritten_);
  (void)calls.set_registers(tid, registers_);
  return made ? std::optional(static_cast<std::int64_t>(now.rax)) : std::nullopt;
}

}  // namespace lastcall
