#include "tracer/loop/trace_loop.hpp"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <span>
#include <utility>

#include "tracer/loop/stop.hpp"
#include "tracer/ptrace/instructions.hpp"

namespace lastcall {
namespace {

constexpr const char* kMayNotTrace =
    "a container's seccomp profile or kernel.yama.ptrace_scope forbids ptrace(2): "
    "--cap-add=SYS_PTRACE allows it in a container; trace = false in [target] does without";

// A thread that can be stopped stops within microseconds; one that waits for its vfork(2) child, or
// for a disk, does not before that is over.
constexpr auto kStopLimit = std::chrono::milliseconds(100);

// One instruction, unless it waits for a page from a slow disk.
constexpr auto kStepLimit = std::chrono::seconds(1);

// A stop at a filtered call takes microseconds. With many threads one of them always stands in one:
// the signal is sent all the same.
constexpr auto kAllRunLimit = std::chrono::milliseconds(1);

// A look at a thread's mask takes some microseconds. With more threads than that, nobody looks.
constexpr int kMaxMasks = 256;

constexpr std::uint32_t kOptions = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
                                   PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
                                   PTRACE_O_TRACEEXIT | PTRACE_O_TRACESECCOMP;
constexpr std::uint32_t kAsleep = PTRACE_O_SUSPEND_SECCOMP;
constexpr std::uint64_t kSyscallInstruction = 2;  // bytes
// What the kernel itself will make again: ERESTARTSYS to ERESTART_RESTARTBLOCK, errno.h of Linux.
bool will_be_restarted(std::int64_t result) { return result <= -512 && result >= -516; }

// Whether it was sent to a whole process, as kill(2), a timer and the end of a child do; what a
// thread brought on itself may say that it came from a process too.
bool is_for_process(const siginfo_t& info) {
  switch (info.si_signo) {
    case SIGPIPE:
    case SIGXFSZ:
      return false;
    case SIGCHLD:
      return info.si_code > 0 || info.si_code == SI_USER;
    case SIGALRM:
      return info.si_code == SI_KERNEL || info.si_code == SI_USER;
    default:
      return !is_stop_signal(info.si_signo) &&
             (info.si_code == SI_USER || info.si_code == SI_QUEUE);
  }
}
bool is_zombie(const std::string& state) {
  return state.starts_with('Z') || state.starts_with('X');
}
bool says_interrupted(const user_regs_struct& registers) {
  return is_in_call(registers) && static_cast<std::int64_t>(registers.rax) == -EINTR;
}

}  // namespace

TraceLoop::~TraceLoop() {
  for (auto& [tid, thread] : threads_) {
    if (std::holds_alternative<Stopped>(thread.now)) go_on(thread);
  }
}

Result<void> TraceLoop::follow(pid_t child, bool asleep) {
  options_ = kOptions | (asleep ? kAsleep : 0U);
  if (const int problem = calls_.seize(child, options_); problem != 0)
    return Error{"trace", "process " + std::to_string(child), problem,
                 problem == EPERM ? kMayNotTrace : ""};
  followed_ = child;
  threads_.try_emplace(
      child, Thread{.pid = child, .now = Running(child), .options = options_, .begun = true});
  return {};
}

Result<void> TraceLoop::follow_unfiltered(pid_t child, std::vector<sock_filter> program) {
  arming_.set_up(child, std::move(program));
  return follow(child, false);
}

void TraceLoop::work() {
  const auto from = now();
  // All reports before the first is handled. The kernel gives those of the youngest threads first:
  // some that stop all the time would let no other have its turn.
  handling_ = true;
  take_reports([] { return true; }, Nanoseconds(0));
  const bool worked = !unseen_.empty() || !unseen_ends_.empty();
  handle_unseen();
  const auto at = now();
  if (worked) {
    for (auto* observer : observers_) observer->worked(from, at);
  }
  for (auto& timer : std::exchange(timers_, {})) {
    if (timer.due > at) {
      timers_.push_back(timer);
    } else {
      release(timer.tid);
    }
  }
  handle_unseen();  // who left a breakpoint stopped others, or was stopped by something else
}

void TraceLoop::release(pid_t tid) {
  std::erase_if(timers_, [&](const Timer& timer) { return timer.tid == tid; });
  const auto found = threads_.find(tid);
  if (found == threads_.end() || !std::exchange(found->second.held, false)) return;
  if (const auto address = std::exchange(found->second.stands_at, std::nullopt))
    return leave_breakpoint(found->second, *address);
  go_on(found->second, found->second.in_call ? Resume::to_syscall_exit : Resume::run);
}

void TraceLoop::hold(Thread& thread, Nanoseconds time) {
  thread.held = true;
  timers_.push_back({now() + time, tid_of(thread)});
}

std::optional<TimePoint> TraceLoop::next_timer() const {
  const auto first = std::ranges::min_element(timers_, {}, &Timer::due);
  return first == timers_.end() ? std::nullopt : std::optional(first->due);
}

// Never from within the handling of a stop: threads that meet breakpoints all the time would nest
// without an end. In the order of the reports, or some of them would never have their turn.
void TraceLoop::handle_unseen() {
  handling_ = true;
  while (!unseen_.empty() || !unseen_ends_.empty()) {
    for (const auto tid : std::exchange(unseen_, {})) {
      const auto found = threads_.find(tid);  // an exec among them may have ended it
      if (found == threads_.end() || !found->second.unseen) continue;
      handle_stop(found->second, *std::exchange(found->second.unseen, std::nullopt));
    }
    for (const auto& info : std::exchange(unseen_ends_, {})) ended(info);
  }
  handling_ = false;
}

TraceLoop::Thread& TraceLoop::stopped(const siginfo_t& info) {
  // The first stop of a new thread or process may come before its parent's report of it.
  const auto tid = info.si_pid;
  const auto [found, is_new] = threads_.try_emplace(tid, Thread{.now = Running(tid)});
  auto& thread = found->second;
  if (is_new) thread.pid = calls_.process_of(tid);
  unmet_.erase(tid);
  // SIGKILL takes a stopped thread out of its stop, and into that of its exit.
  if (auto* running = std::get_if<Running>(&thread.now))
    thread.now = std::move(*running).stopped(calls_);
  if (std::exchange(thread.held, false))
    std::erase_if(timers_, [&](const Timer& timer) { return timer.tid == tid; });
  thread.stands_at.reset();
  if (thread.options != options_ && calls_.set_options(tid, options_) == 0)
    thread.options = options_;
  return thread;
}

void TraceLoop::ended(const siginfo_t& info) {
  const auto found = threads_.find(info.si_pid);
  unmet_.erase(info.si_pid);
  if (found == threads_.end()) {
    ends_.push_back(info);
    return;
  }
  const bool whole_process = found->second.pid == info.si_pid;
  if (auto* stopped = std::get_if<Stopped>(&found->second.now)) std::move(*stopped).ended();
  threads_.erase(found);
  if (!whole_process) return;
  std::erase_if(unmet_, [&](const auto& one) { return one.second == info.si_pid; });
  breakpoints_.erase(info.si_pid);
  arming_.ended(info.si_pid);
  exiting_.erase(info.si_pid);
  for (auto* observer : observers_) observer->process_ended(info.si_pid, info);
  ends_.push_back(info);
}

void TraceLoop::handle_stop(Thread& thread, const siginfo_t& info) {
  if (thread.injection && arming_.inject_further(tid_of(thread), info)) return;
  const int signal = stop_signal(info);
  const int event = stop_event(info);
  const auto stepping = std::exchange(thread.stepping, std::nullopt);
  if (event == PTRACE_EVENT_STOP) {
    if (is_stop_signal(signal)) {
      go_on(thread, Resume::listen);
    } else {
      interrupted(thread, info);
    }
  } else if (event != 0) {
    on_event(thread, event);
  } else if (signal == kSyscallStop) {
    on_syscall_exit(thread);
  } else if (signal != SIGTRAP || !on_trap(thread, stepping)) {
    on_signal(thread, signal);
  }
}

void TraceLoop::on_event(Thread& thread, int event) {
  std::uint64_t message = 0;
  (void)calls_.event_message(tid_of(thread), message);
  switch (event) {
    case PTRACE_EVENT_SECCOMP:
      return on_syscall_entry(thread);
    case PTRACE_EVENT_EXEC:
      return on_exec(thread, static_cast<pid_t>(message));
    case PTRACE_EVENT_EXIT:
      on_exit(thread, static_cast<int>(message));
      break;
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
      inherit_breakpoints(thread.pid, static_cast<pid_t>(message));
      [[fallthrough]];
    case PTRACE_EVENT_CLONE:  // a new thread or process is met at its own first stop
      if (const auto tid = static_cast<pid_t>(message); tid > 0 && !threads_.contains(tid))
        unmet_.emplace(tid, calls_.process_of(tid));
      break;
    default:
      break;
  }
  go_on(thread);
}

void TraceLoop::on_exit(Thread& thread, int status) {
  user_regs_struct registers{};
  const bool is_alone = calls_.registers(tid_of(thread), registers) == 0 && is_in_call(registers) &&
                        registers.orig_rax == SYS_exit;
  // A server that begins a process for each connection is not held up by its ends.
  const bool is_asleep = (options_ & kAsleep) != 0 || arming_.sleeps();
  const bool is_as_usual = is_asleep && thread.pid != followed_ && WEXITSTATUS(status) == 0;
  if (WIFEXITED(status) && !is_alone && !is_as_usual) tell_exit_call(thread, status);
  for (auto* observer : observers_) observer->on_thread_exit(tracee(thread), status);
}

// Not at the entry of the call: of two threads that come there at about the same time, the one that
// is looked at first would decide the code of the process. Here the kernel has decided. The threads
// that it ends may be seen before the caller; none of them goes on until that was told.
void TraceLoop::tell_exit_call(const Thread& seen_first, int status) {
  const auto pid = seen_first.pid;
  if (!exiting_.insert(pid).second) return;
  const Thread* caller = nullptr;
  int code = 0;
  const auto is_known = [&] {
    bool all_end = true;
    for (const auto& [tid, thread] : threads_) {
      if (thread.pid != pid) continue;
      const bool ends = &thread == &seen_first ||
                        (thread.unseen && stop_event(*thread.unseen) == PTRACE_EVENT_EXIT);
      all_end = all_end && ends;
      user_regs_struct registers{};
      if (ends && calls_.registers(tid, registers) == 0 && is_in_call(registers) &&
          registers.orig_rax == SYS_exit_group &&
          (registers.rdi & 0xff) == static_cast<unsigned>(WEXITSTATUS(status))) {
        caller = &thread;
        code = static_cast<int>(registers.rdi);
        return true;
      }
      // This ends all others too.
      if (thread.in_call &&
          (thread.in_call->number == SYS_execve || thread.in_call->number == SYS_execveat))
        return true;
    }
    return all_end;
  };
  take_reports(is_known, kStopLimit);
  if (caller == nullptr) return;
  for (auto* observer : observers_) observer->on_exit_call(tracee(*caller), code);
}

// execve(2) ends all other threads, and the one that called it takes the leader's number.
void TraceLoop::on_exec(Thread& thread, pid_t caller) {
  const auto called = threads_.find(caller);
  thread.in_call = called == threads_.end() ? std::nullopt : called->second.in_call;
  for (auto other = threads_.begin(); other != threads_.end();) {
    auto& [tid, gone] = *other;
    if (gone.pid != thread.pid || tid == thread.pid) {
      ++other;
      continue;
    }
    if (auto* stopped = std::get_if<Stopped>(&gone.now)) std::move(*stopped).ended();
    other = threads_.erase(other);
  }
  std::erase_if(unmet_, [&](const auto& one) { return one.second == thread.pid; });
  breakpoints_.erase(thread.pid);
  exiting_.erase(thread.pid);
  for (auto* observer : observers_) observer->executed(tracee(thread));
  go_on(thread, thread.in_call ? Resume::to_syscall_exit : Resume::run);
}

void TraceLoop::on_syscall_entry(Thread& thread) {
  SyscallEntry entry;
  SyscallAction wish;
  if (calls_.syscall_entry(tid_of(thread), entry) == 0) {
    for (auto* observer : observers_) wish.join(observer->on_syscall(tracee(thread), entry));
  }
  if (wish.error || wish.length) {
    user_regs_struct registers{};
    if (calls_.registers(tid_of(thread), registers) == 0) {
      if (wish.length) registers.rdx = *wish.length;
      if (wish.error) {
        registers.orig_rax = ~0ULL;  // no system call
        registers.rax = static_cast<std::uint64_t>(-std::int64_t{*wish.error});
      }
      (void)calls_.set_registers(tid_of(thread), registers);
    }
  }
  if (wish.see_exit) thread.in_call = entry;
  if (wish.delay > Nanoseconds(0)) {
    return hold(thread, wish.delay);
  }
  go_on(thread, wish.see_exit ? Resume::to_syscall_exit : Resume::run);
}

void TraceLoop::on_syscall_exit(Thread& thread) {
  user_regs_struct registers{};
  const auto entry = std::exchange(thread.in_call, std::nullopt);
  Nanoseconds stands{};
  if (entry && calls_.registers(tid_of(thread), registers) == 0) {
    const auto result = static_cast<std::int64_t>(registers.rax);
    for (auto* observer : observers_) {
      if (will_be_restarted(result)) break;
      observer->on_syscall_exit(tracee(thread), *entry, result);
      stands = std::max(stands, observer->stands_at_exit(tracee(thread)));
    }
  }
  if (stands > Nanoseconds(0)) return hold(thread, stands);
  go_on(thread);
}

bool TraceLoop::on_trap(Thread& thread, std::optional<std::uint64_t> stepping) {
  const auto tid = tid_of(thread);
  user_regs_struct registers{};
  siginfo_t info{};
  if (calls_.registers(tid, registers) != 0 || calls_.signal_info(tid, info) != 0) return false;
  if (stepping && registers.rip != *stepping) {
    thread.told.reset();
    go_on(thread);
    return true;
  }
  const auto address = registers.rip - 1;
  auto& points = *tracee(thread).breakpoints;
  if ((info.si_code != SI_KERNEL && info.si_code != TRAP_BRKPT) || !points.ever_at(address))
    return false;
  registers.rip = address;
  (void)calls_.set_registers(tid, registers);
  // A signal that came before its instruction was executed has let it come here again.
  const std::pair<std::uint64_t, std::uint64_t> here(address, registers.rsp);
  if (points.is_at(address) && std::exchange(thread.told, here) != here) {
    Nanoseconds stands{};
    for (auto* observer : observers_) {
      observer->on_breakpoint(tracee(thread), address);
      stands = std::max(stands, observer->stands_at_breakpoint(tracee(thread), address));
    }
    if (stands > Nanoseconds(0)) {
      hold(thread, stands);
      thread.stands_at = address;
      return true;
    }
  }
  leave_breakpoint(thread, address);
  return true;
}

void TraceLoop::leave_breakpoint(Thread& thread, std::uint64_t address) {
  const auto tid = tid_of(thread);
  const auto& points = *tracee(thread).breakpoints;
  const auto code = points.code_at(calls_, tid, address);
  user_regs_struct registers{};
  if (!points.is_at(address) ||
      (calls_.registers(tid, registers) == 0 && emulate(calls_, tid, code, registers))) {
    thread.told.reset();
    go_on(thread);
  } else if (!step_in_scratch(thread, address, code)) {
    step_over(tid, address);
  }
}

// Nobody else stops, because the breakpoint stays where it is. One step at a time, so that one
// place serves all threads.
bool TraceLoop::step_in_scratch(Thread& thread, std::uint64_t address,
                                const Breakpoints::Code& code) {
  const auto tid = tid_of(thread);
  const auto scratch = tracee(thread).breakpoints->scratch();
  const auto copy = scratch == 0 ? std::nullopt : moved_instruction(code, address, scratch);
  user_regs_struct registers{};
  if (!copy || thread.unseen ||
      calls_.write_memory(tid, scratch, std::as_bytes(std::span(*copy))) != 0 ||
      calls_.registers(tid, registers) != 0)
    return false;
  registers.rip = scratch;
  if (calls_.set_registers(tid, registers) != 0) return false;
  thread.stepping = address;
  go_on(thread, Resume::one_step);
  take_reports_until_stop(tid);
  const auto found = threads_.find(tid);  // SIGKILL may have ended it
  if (found == threads_.end() || !std::holds_alternative<Stopped>(found->second.now) ||
      is_gone(tid) || calls_.registers(tid, registers) != 0)
    return true;
  // Where it is only as it has not been executed, a signal came before it.
  if (registers.rip - scratch < copy->size()) {
    registers.rip += address - scratch;
    (void)calls_.set_registers(tid, registers);
  }
  return true;
}

void TraceLoop::step_over(pid_t tid, std::uint64_t address) {
  const auto points = breakpoints_.at(threads_.at(tid).pid);
  (void)stop([&](const Thread& thread) {
    const auto own = breakpoints_.find(thread.pid);
    return own != breakpoints_.end() && own->second == points;
  });
  const auto found = threads_.find(tid);
  if (found == threads_.end() || found->second.unseen || is_gone(tid)) return;  // SIGKILL
  (void)points->lift(calls_, tid, address);
  found->second.stepping = address;
  go_on(found->second, Resume::one_step);
  take_reports_until_stop(tid);
  (void)points->set(calls_, tid, address);
}

// Its memory is its parent's, or a copy of it with what is set there.
void TraceLoop::inherit_breakpoints(pid_t parent, pid_t child) {
  const auto found = breakpoints_.find(parent);
  if (found == breakpoints_.end() || found->second->empty() || breakpoints_.contains(child)) return;
  breakpoints_[child] = calls_.share_memory(parent, child)
                            ? found->second
                            : std::make_shared<Breakpoints>(*found->second);
}

void TraceLoop::on_signal(Thread& thread, int signal) {
  const auto tid = tid_of(thread);
  siginfo_t info{};
  const bool is_known = calls_.signal_info(tid, info) == 0;
  if (is_known && hand_to_first(thread, info)) {
    user_regs_struct registers{};
    if (calls_.registers(tid, registers) == 0 && says_interrupted(registers))
      repair(thread, registers);
    return go_on(thread);
  }
  const auto handed = std::ranges::find(thread.handed, info.si_signo, &siginfo_t::si_signo);
  if (is_known && info.si_code == SI_TKILL && handed != thread.handed.end()) {
    info = *handed;
    thread.handed.erase(handed);
    (void)calls_.set_signal_info(tid, info);
  }
  const auto again = std::exchange(thread.made_again, std::nullopt);
  user_regs_struct registers{};
  if (calls_.registers(tid, registers) == 0) {
    if (again && registers.rip == again->at &&
        (registers.rax == again->number || registers.rax == SYS_restart_syscall)) {
      // It was about to make the call again, which without the tracer it would never have left.
      registers.rax = again->result;
      registers.orig_rax = again->number;
      registers.rip += kSyscallInstruction;
      (void)calls_.set_registers(tid, registers);
    }
    // Without a tracer an ignored signal is not even sent.
    if (says_interrupted(registers) && is_ignored(thread.pid, signal)) repair(thread, registers);
  }
  bool swallowed = false;
  if (is_known) {
    for (auto* observer : observers_) swallowed |= observer->on_signal(tracee(thread), info);
  }
  go_on(thread, Resume::run, swallowed ? 0 : signal);
}

// The kernel gives a process's signal to its first thread, unless that thread blocks it or stands
// still for its tracer (complete_signal(), signal.c of Linux). Without a tracer the thread would
// not stand still: so it gets the signal that the kernel gave to another thread instead.
bool TraceLoop::hand_to_first(const Thread& thread, const siginfo_t& info) {
  const auto pid = thread.pid;
  const auto first = threads_.find(pid);
  if (tid_of(thread) == pid || first == threads_.end() || !is_for_process(info) ||
      has_signal(pid, "SigBlk", info.si_signo) || is_zombie(calls_.status_field(pid, "State")) ||
      calls_.send(pid, pid, info.si_signo) != 0)
    return false;
  first->second.handed.push_back(info);
  return true;
}

// A stop by PTRACE_INTERRUPT, the first stop of a new thread, or the end of a group stop.
void TraceLoop::interrupted(Thread& thread, const siginfo_t& info) {
  const bool is_new = !std::exchange(thread.begun, true);
  if (is_new) {
    if (tid_of(thread) == thread.pid)
      inherit_breakpoints(std::atoi(calls_.status_field(thread.pid, "PPid").c_str()), thread.pid);
    for (auto* observer : observers_) observer->began(tracee(thread));
  }
  const bool is_new_process = is_new && tid_of(thread) == thread.pid;
  if (arming_.is_due(thread.pid) && !(is_new_process && arming_.inherited(thread.pid))) {
    thread.unseen = info;
    unseen_.push_back(tid_of(thread));
    (void)with_process_stopped(thread.pid, [this](const auto& all) { arming_.arm(all); });
    return;
  }
  if (user_regs_struct registers{}; calls_.registers(tid_of(thread), registers) == 0) {
    if (says_interrupted(registers)) {
      repair(thread, registers);
    } else if (is_in_call(registers) &&
               will_be_restarted(static_cast<std::int64_t>(registers.rax))) {
      thread.made_again = {registers.rip - kSyscallInstruction, registers.orig_rax, registers.rax};
    }
  }
  go_on(thread, thread.in_call ? Resume::to_syscall_exit : Resume::run);
}

// epoll_wait(2) and others fail with EINTR after a stop (signal(7)), which the program must not
// notice; the kernel begins the rest again by itself.
void TraceLoop::repair(Thread& thread, user_regs_struct& registers) {
  const auto interrupted = registers.rax;
  registers.rax = registers.orig_rax;
  registers.rip -= kSyscallInstruction;
  if (calls_.set_registers(tid_of(thread), registers) == 0)
    thread.made_again = {registers.rip, registers.orig_rax, interrupted};
}

bool TraceLoop::has_signal(pid_t pid, const std::string& field, int signal) {
  const auto mask = std::strtoull(calls_.status_field(pid, field).c_str(), nullptr, 16);
  return (mask >> (signal - 1) & 1U) != 0;
}

bool TraceLoop::is_ignored(pid_t pid, int signal) {
  if (has_signal(pid, "SigCgt", signal)) return false;
  const bool by_default =
      signal == SIGCHLD || signal == SIGURG || signal == SIGWINCH || signal == SIGCONT;
  return by_default || has_signal(pid, "SigIgn", signal);
}

void TraceLoop::go_on(Thread& thread, Resume how, int signal) {
  if (thread.unseen) return;  // SIGKILL took it out of this stop into another
  thread.now = std::get<Stopped>(std::move(thread.now)).resume(how, signal);
}

Tracee TraceLoop::tracee(const Thread& thread) {
  auto& points = breakpoints_[thread.pid];
  if (!points) points = std::make_shared<Breakpoints>();
  return {thread.pid, tid_of(thread), calls_, points.get()};
}

pid_t TraceLoop::tid_of(const Thread& thread) {
  return std::visit([](const auto& now) { return now.tid(); }, thread.now);
}

std::size_t TraceLoop::stop(const std::function<bool(const Thread&)>& is_wanted) {
  const auto still_runs = [&](const auto& entry) {
    return std::holds_alternative<Running>(entry.second.now) && is_wanted(entry.second);
  };
  for (const auto& entry : threads_) {
    if (still_runs(entry)) (void)calls_.interrupt(entry.first);
  }
  take_reports([&] { return std::ranges::none_of(threads_, still_runs); }, kStopLimit);
  return static_cast<std::size_t>(std::ranges::count_if(threads_, still_runs));
}

void TraceLoop::take_reports(const std::function<bool()>& enough, Nanoseconds limit) {
  const auto until = now() + limit;
  for (;;) {
    while (const auto info = calls_.wait()) {
      if (info->si_code == CLD_TRAPPED) {
        stopped(*info).unseen = *info;
        unseen_.push_back(info->si_pid);
      } else if (handling_) {
        unseen_ends_.push_back(*info);  // who calls this may be telling of that thread
        const auto found = threads_.find(info->si_pid);
        if (found == threads_.end()) continue;
        if (auto* gone = std::get_if<Running>(&found->second.now))
          found->second.now = std::move(*gone).stopped(calls_);
      } else {
        ended(*info);
      }
    }
    if (enough() || now() >= until) return;
    calls_.await(until - now());
  }
}

void TraceLoop::take_reports_until_stop(pid_t tid) {
  const auto has_stopped = [&] {
    const auto thread = threads_.find(tid);
    return thread == threads_.end() || std::holds_alternative<Stopped>(thread->second.now);
  };
  take_reports(has_stopped, kStepLimit);
}

bool TraceLoop::is_gone(pid_t tid) const {
  return std::ranges::any_of(unseen_ends_,
                             [tid](const siginfo_t& end) { return end.si_pid == tid; });
}

bool TraceLoop::has_several_takers(pid_t pid, int signal) {
  int looked = 0;
  int takers = 0;
  for (const auto& [tid, thread] : threads_) {
    if (thread.pid != pid) continue;
    if (++looked > kMaxMasks) return true;
    if (has_signal(tid, "SigBlk", signal)) continue;
    if (tid == pid && is_zombie(calls_.status_field(pid, "State"))) continue;
    if (++takers > 1) return true;
  }
  return false;
}

bool TraceLoop::is_pending(int signal) {
  return std::ranges::any_of(processes(),
                             [&](pid_t pid) { return has_signal(pid, "ShdPnd", signal); });
}

void TraceLoop::send_while_all_run(const std::function<void()>& send) {
  const auto until = now() + kAllRunLimit;
  const auto all_run = [this] {
    handling_ = true;
    take_reports([] { return true; }, Nanoseconds(0));
    return unseen_.empty() && unseen_ends_.empty();
  };
  while (!all_run() && now() < until) handle_unseen();
  send();
  handle_unseen();
}

std::size_t TraceLoop::with_stopped(std::optional<pid_t> only, const Look& look) {
  const auto is_wanted = [only](const Thread& thread) { return !only || thread.pid == *only; };
  const auto missing = stop(is_wanted);
  std::vector<Tracee> all;
  for (const auto& [tid, thread] : threads_) {
    if (std::holds_alternative<Stopped>(thread.now) && !is_gone(tid) && is_wanted(thread))
      all.push_back(tracee(thread));
  }
  look(all);
  if (!handling_) handle_unseen();
  return missing;
}

std::size_t TraceLoop::with_all_stopped(const Look& look) {
  return with_stopped(std::nullopt, look);
}

std::size_t TraceLoop::with_process_stopped(pid_t pid, const Look& look) {
  return with_stopped(pid, look);
}

std::set<pid_t> TraceLoop::processes() const {
  std::set<pid_t> all;
  for (const auto& [tid, thread] : threads_) all.insert(thread.pid);
  return all;
}

void TraceLoop::wake_filters() {
  options_ &= ~kAsleep;
  arming_.wake();
  (void)with_all_stopped([this](const std::vector<Tracee>& all) {
    for (const auto& one : all) {
      auto& options = threads_.at(one.tid).options;
      if (options != options_ && calls_.set_options(one.tid, options_) == 0) options = options_;
      for (auto* observer : observers_) observer->filters_wake(one);
    }
    arming_.arm(all);
  });
}

}  // namespace lastcall
