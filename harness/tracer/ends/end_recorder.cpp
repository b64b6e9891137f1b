#include "tracer/ends/end_recorder.hpp"

#include <sys/wait.h>

#include "tracer/ptrace/descriptors.hpp"
#include "tracer/ptrace/signals.hpp"

namespace lastcall {

void EndRecorder::executed(const Tracee& thread) { commands_[thread.pid] = command_of(thread.pid); }

void EndRecorder::on_exit_call(const Tracee& thread, int code) {
  segment_.record(ExitCalled{thread.pid, thread.tid, code & 0xff, thread_name(thread.tid)});
}

// Only now: a child that has executed nothing may have given itself a title since.
void EndRecorder::on_thread_exit(const Tracee& thread, int) {
  if (thread.tid == thread.pid) commands_[thread.pid] = command_of(thread.pid);
}

bool EndRecorder::on_signal(const Tracee& thread, const siginfo_t& info) {
  if (is_everyday(info.si_signo)) return false;
  SignalTaken taken{.pid = thread.pid,
                    .tid = thread.tid,
                    .signal = info.si_signo,
                    .code = info.si_code,
                    .sender = 0,
                    .user = 0,
                    .command = {},
                    .address = 0,
                    .fatal = is_fatal(thread, info.si_signo)};
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
