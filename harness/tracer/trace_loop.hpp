// Follows a process and all that it starts: threads, children and what they execute. Takes what the
// kernel reports, tells the observers, lets the threads go on. Keeps what tracing would disturb as
// it was: group stops, signals and their information, calls that a stop interrupted. One thread.
#pragma once

#include <functional>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "tracer/observer.hpp"
#include "tracer/tracee.hpp"

namespace lastcall {

class TraceLoop {
 public:
  // Both outlive the loop; observers are told in this order.
  TraceLoop(PtraceCalls& calls, std::vector<TraceObserver*> observers)
      : calls_(calls), observers_(std::move(observers)) {}
  TraceLoop(const TraceLoop&) = delete;
  TraceLoop& operator=(const TraceLoop&) = delete;
  // Lets everybody go on who is stopped.
  ~TraceLoop();

  // Traces a child that has not executed anything yet. `asleep`: its filter does nothing until
  // wake_filters() (PTRACE_O_SUSPEND_SECCOMP; EPERM without CAP_SYS_ADMIN).
  Result<bool> follow(pid_t child, bool asleep);

  // Handles what there is to handle.
  void work();
  // When work() is to be called again although nothing is reported.
  [[nodiscard]] std::optional<TimePoint> next_timer() const;

  // A thread that an observer lets wait at a call goes on.
  void release(pid_t tid);

  // From here on filtered calls stop. A thread that cannot be stopped for it now, because it waits
  // in the kernel for what nothing interrupts, follows at its next stop.
  void wake_filters();

  // Stops every thread of every process, calls `look` with all that stopped, and lets them go on.
  // Threads that do not stop within the limit, and those that are held, are looked at as well if
  // they are stopped at all. Returns how many were not.
  std::size_t with_all_stopped(const std::function<void(const std::vector<Tracee>&)>& look);

  // The ends of children since the last call, whether traced or not: what waitid(2) said.
  [[nodiscard]] std::vector<siginfo_t> take_ends() { return std::exchange(ends_, {}); }
  // Of all processes.
  [[nodiscard]] std::size_t threads() const { return threads_.size(); }

 private:
  struct Thread {
    pid_t pid = 0;
    std::variant<Running, Stopped> now;
    std::optional<siginfo_t> unseen{};      // reported while everybody was being stopped
    std::optional<SyscallEntry> in_call{};  // its exit was asked for
    std::optional<std::uint64_t> repaired_at{};  // the call that begins there is made again
    std::uint32_t options = 0;                   // as last set; 0: as inherited
    bool held = false;                           // until a timer
    bool begun = false;                          // its first stop was seen
  };
  struct Timer {
    TimePoint due;
    pid_t tid;
  };

  // The thread, known to have stopped.
  Thread& stopped(const siginfo_t& info);
  void report(const siginfo_t& info);
  void ended(const siginfo_t& info);
  void handle_stop(Thread& thread, const siginfo_t& info);
  void on_event(Thread& thread, int event);
  void on_exec(Thread& thread);
  void on_syscall_entry(Thread& thread);
  void on_syscall_exit(Thread& thread);
  void on_signal(Thread& thread, int signal);
  void interrupted(Thread& thread);
  void repair(Thread& thread, user_regs_struct& registers);
  [[nodiscard]] bool is_ignored(pid_t pid, int signal);
  void go_on(Thread& thread, Resume how = Resume::run, int signal = 0);
  void hold(Thread& thread, Nanoseconds time);
  [[nodiscard]] Tracee tracee(const Thread& thread) const;
  std::size_t stop_all();
  [[nodiscard]] static pid_t tid_of(const Thread& thread);

  PtraceCalls& calls_;
  std::vector<TraceObserver*> observers_;
  std::map<pid_t, Thread> threads_;
  std::vector<siginfo_t> ends_;
  std::vector<Timer> timers_;
  std::uint32_t options_ = 0;
};

}  // namespace lastcall
