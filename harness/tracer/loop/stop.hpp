// What a stop that PtraceCalls::wait() reports says, and the registers of a thread in it.
#pragma once

#include <signal.h>
#include <sys/user.h>

#include <cstdint>

namespace lastcall {

// At the entry or exit of a system call (PTRACE_O_TRACESYSGOOD).
inline constexpr int kSyscallStop = SIGTRAP | 0x80;

inline int stop_signal(const siginfo_t& info) { return info.si_status & 0xff; }
inline int stop_event(const siginfo_t& info) { return info.si_status >> 8; }

inline bool is_stop_signal(int signal) {
  return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

inline bool is_in_call(const user_regs_struct& registers) {
  return static_cast<std::int64_t>(registers.orig_rax) >= 0;
}

}  // namespace lastcall
