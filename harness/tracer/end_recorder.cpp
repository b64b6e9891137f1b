#include "tracer/end_recorder.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>

#include "base/file.hpp"
#include "tracer/descriptors.hpp"

namespace lastcall {
namespace {

// What programs and runtimes send themselves all the time; nobody asks who sent those.
constexpr std::array kEveryday{SIGCHLD, SIGURG,  SIGWINCH, SIGALRM,
                               SIGPROF, SIGVTALRM, SIGIO, SIGCONT};
// Ignored unless caught (signal(7)).
constexpr std::array kHarmless{SIGCHLD, SIGURG, SIGWINCH, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};

bool is_fault(int signal) {
  return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE;
}
// From another process, by kill(2) and its kind; a fault and a timer have no sender.
bool has_sender(const siginfo_t& info) {
  return info.si_code == SI_USER || info.si_code == SI_TKILL || info.si_code == SI_QUEUE;
}

std::string command_of(pid_t pid) {
  auto text = read_file("/proc/" + std::to_string(pid) + "/cmdline");
  if (!text) return {};
  while (text->ends_with('\0')) text->pop_back();
  std::ranges::replace(*text, '\0', ' ');
  return text->empty() ? thread_name(pid) : *text;
}

}  // namespace

std::vector<int> EndRecorder::syscalls() { return {SYS_exit_group}; }

void EndRecorder::executed(const Tracee& thread) {
  commands_[thread.pid] = command_of(thread.pid);
}

SyscallWish EndRecorder::on_syscall(const Tracee& thread, const SyscallEntry& entry) {
  if (entry.number == SYS_exit_group) {
    segment_.record(ExitCalled{thread.pid, thread.tid, static_cast<std::int32_t>(entry.arguments[0]) & 0xff,
                               thread_name(thread.tid)});
  }
  return {};
}

bool EndRecorder::on_signal(const Tracee& thread, const siginfo_t& info) {
  if (std::ranges::count(kEveryday, info.si_signo) > 0) return false;
  const auto in = [&](const char* field) {
    const auto mask = std::strtoull(thread.calls.status_field(thread.pid, field).c_str(), nullptr, 16);
    return (mask >> (info.si_signo - 1) & 1U) != 0;
  };
  SignalTaken taken{.pid = thread.pid,
                    .tid = thread.tid,
                    .signal = info.si_signo,
                    .code = info.si_code,
                    .sender = 0,
                    .user = 0,
                    .command = {},
                    .address = 0,
                    .fatal = !in("SigCgt") && !in("SigIgn") &&
                             std::ranges::count(kHarmless, info.si_signo) == 0};
  if (has_sender(info)) {
    taken.sender = info.si_pid;
    taken.user = info.si_uid;
    taken.command = command_of(info.si_pid);
  } else if (is_fault(info.si_signo)) {
    taken.address = reinterpret_cast<std::uint64_t>(info.si_addr);
  }
  segment_.record(std::move(taken));
  return false;
}

void EndRecorder::process_ended(pid_t pid, const siginfo_t& info) {
  const auto command = commands_.extract(pid);
  segment_.record(ProcessEnded{pid, command.empty() ? "" : command.mapped(),
                               info.si_code == CLD_EXITED ? EndKind::exited : EndKind::signalled,
                               info.si_status});
}

}  // namespace lastcall
