// What lastcall asks of the kernel to trace a process (ptrace(2)): a narrow interface with one real
// implementation and a complete fake in the tests. All calls come from the one thread that seized
// the tracees. Calls return 0 or errno; ESRCH is normal, because SIGKILL ends a stopped thread
// without asking its tracer.
#pragma once

#include <signal.h>
#include <sys/types.h>
#include <sys/user.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace lastcall {

// How a stopped thread goes on. `to_syscall_exit`: it stops again when the system call it is about
// to make has returned. `listen`: it stays in its group stop until SIGCONT comes.
enum class Resume : std::uint8_t { run, to_syscall_exit, one_step, listen };

// At the entry of a system call.
struct SyscallEntry {
  std::uint64_t number = 0;
  std::array<std::uint64_t, 6> arguments{};
  friend bool operator==(const SyscallEntry&, const SyscallEntry&) = default;
};

class PtraceCalls {
 public:
  virtual ~PtraceCalls() = default;

  // PTRACE_SEIZE; the process may still be the child of a fork that has not executed anything yet.
  [[nodiscard]] virtual int seize(pid_t pid, std::uint32_t options) = 0;
  [[nodiscard]] virtual int interrupt(pid_t tid) = 0;
  // The next thing to report of any tracee or child, if there is one; never blocks. Of a stop:
  // si_code is CLD_TRAPPED, si_status the signal and, from bit 8 on, the PTRACE_EVENT.
  [[nodiscard]] virtual std::optional<siginfo_t> wait() = 0;
  // Blocks until there is something to wait() for, at most that long.
  virtual void await(std::chrono::nanoseconds limit) = 0;

  // Of stopped threads only.
  [[nodiscard]] virtual int resume(pid_t tid, Resume how, int signal) = 0;
  [[nodiscard]] virtual int set_options(pid_t tid, std::uint32_t options) = 0;
  [[nodiscard]] virtual int event_message(pid_t tid, std::uint64_t& message) = 0;
  [[nodiscard]] virtual int signal_info(pid_t tid, siginfo_t& info) = 0;
  [[nodiscard]] virtual int set_signal_info(pid_t tid, const siginfo_t& info) = 0;
  [[nodiscard]] virtual int syscall_entry(pid_t tid, SyscallEntry& entry) = 0;
  [[nodiscard]] virtual int registers(pid_t tid, user_regs_struct& registers) = 0;
  [[nodiscard]] virtual int set_registers(pid_t tid, const user_regs_struct& registers) = 0;
  [[nodiscard]] virtual int write_memory(pid_t tid, std::uint64_t address,
                                         std::span<const std::byte> bytes) = 0;

  // tgkill(2).
  [[nodiscard]] virtual int send(pid_t pid, pid_t tid, int signal) = 0;
  // Of any process. How many bytes could be read from `address` on.
  [[nodiscard]] virtual std::size_t read_memory(pid_t pid, std::uint64_t address,
                                                std::span<std::byte> into) = 0;
  // The process that a thread belongs to; 0 if there is no such thread any more.
  [[nodiscard]] virtual pid_t process_of(pid_t tid) = 0;
  // Whether both have the same memory, as after vfork(2).
  [[nodiscard]] virtual bool share_memory(pid_t one, pid_t other) = 0;
  // A field of /proc/PID/status: "SigCgt". Empty if the process is gone.
  [[nodiscard]] virtual std::string status_field(pid_t pid, const std::string& field) = 0;
};

}  // namespace lastcall
