// PtraceCalls by the kernel of this machine. SIGCHLD must be blocked in every thread of the
// process: it is what await() waits for.
#pragma once

#include <functional>

#include "base/result.hpp"
#include "base/scoped_fd.hpp"
#include "tracer/ptrace/ptrace_calls.hpp"

namespace lastcall {

class LinuxPtrace : public PtraceCalls {
 public:
  static Result<LinuxPtrace> create();

  int seize(pid_t pid, std::uint32_t options) override;
  int interrupt(pid_t tid) override;
  std::optional<siginfo_t> wait() override;
  void await(std::chrono::nanoseconds limit) override;
  // As await(), and until wake() is called.
  void await_or_wake(std::chrono::nanoseconds limit);
  // From any thread.
  void wake();

  int resume(pid_t tid, Resume how, int signal) override;
  int set_options(pid_t tid, std::uint32_t options) override;
  int event_message(pid_t tid, std::uint64_t& message) override;
  int signal_info(pid_t tid, siginfo_t& info) override;
  int set_signal_info(pid_t tid, const siginfo_t& info) override;
  int send(pid_t pid, pid_t tid, int signal) override;
  int syscall_entry(pid_t tid, SyscallEntry& entry) override;
  int registers(pid_t tid, user_regs_struct& registers) override;
  int set_registers(pid_t tid, const user_regs_struct& registers) override;
  int write_memory(pid_t tid, std::uint64_t address, std::span<const std::byte> bytes) override;
  std::size_t read_memory(pid_t pid, std::uint64_t address, std::span<std::byte> into) override;
  pid_t process_of(pid_t tid) override;
  bool share_memory(pid_t one, pid_t other) override;
  std::string status_field(pid_t pid, const std::string& field) override;

 private:
  LinuxPtrace(ScopedFd child_signals, ScopedFd wake)
      : child_signals_(std::move(child_signals)), wake_(std::move(wake)) {}
  ScopedFd child_signals_;  // signalfd(2) of SIGCHLD
  ScopedFd wake_;           // eventfd(2)
};

}  // namespace lastcall
