// Follows a process and all that it starts: threads, children and what they execute. Takes what the
// kernel reports, tells the observers, lets the threads go on. Keeps what tracing would disturb as
// it was: group stops, signals, their information and which thread takes them, calls that a stop
// interrupted. One thread.
//
// A breakpoint is left by doing what its instruction does; or by one step of a copy of it, in the
// scratch place that an observer has given; or by one step with the instruction in place while
// every other thread of that memory is stopped; one that does not stop for that, because it waits
// in the kernel for what nothing interrupts, may come past it unseen in those microseconds. A
// signal that comes before the step is delivered first. A process that blocks or ignores SIGTRAP
// loses that setting at its first breakpoint: the kernel forces it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "tracer/loop/filter_arming.hpp"
#include "tracer/loop/filter_injection.hpp"
#include "tracer/loop/observer.hpp"
#include "tracer/loop/thread_state.hpp"

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
  Result<void> follow(pid_t child, bool asleep);
  // The same of a child that has no filter: wake_filters() gives this one to every process.
  Result<void> follow_unfiltered(pid_t child, std::vector<sock_filter> program);

  // Handles what was reported until now.
  void work();
  // When work() is to be called again although nothing is reported.
  [[nodiscard]] std::optional<TimePoint> next_timer() const;

  // A thread that an observer lets wait at a call or at a breakpoint goes on.
  void release(pid_t tid);

  // From here on filtered calls stop. A thread that cannot be stopped for it now, because it waits
  // in the kernel for what nothing interrupts, follows at its next stop; so does a process of which
  // a signal is being delivered to the only thread, before the first instruction of the handler.
  void wake_filters();

  // Whether the kernel may choose between threads of the process for a signal that is sent to it:
  // two or more do not block it.
  [[nodiscard]] bool has_several_takers(pid_t pid, int signal);
  // Whether a signal that was sent to a process waits for a thread that takes it.
  [[nodiscard]] bool is_pending(int signal);
  // Calls `send`, which sends a signal to processes, while no thread stands in a stop: the kernel
  // passes over those when it chooses who takes it. Where some thread always does, it is called
  // after a while nevertheless. Never from an observer.
  void send_while_all_run(const std::function<void()>& send);

  using Look = std::function<void(const std::vector<Tracee>&)>;
  // Stops every thread of every process, calls `look` with all that stopped, and lets them go on.
  // Threads that do not stop within the limit, and those that are held, are looked at as well if
  // they are stopped at all. Returns how many were not. An observer may call it while it is told
  // something: what happens meanwhile is told once that has been dealt with.
  std::size_t with_all_stopped(const Look& look);
  // The same of the threads of one process.
  std::size_t with_process_stopped(pid_t pid, const Look& look);

  // The ends of children since the last call, whether traced or not: what waitid(2) said.
  [[nodiscard]] std::vector<siginfo_t> take_ends() { return std::exchange(ends_, {}); }
  // Of all processes, with those that were begun and have not stopped for the first time.
  [[nodiscard]] std::size_t threads() const { return threads_.size() + unmet_.size(); }
  [[nodiscard]] std::set<pid_t> processes() const;

 private:
  friend class FilterArming;
  struct CallMadeAgain {
    std::uint64_t at;      // its instruction
    std::uint64_t number;  // of the call
    std::uint64_t
        result;  // what a signal would have made of it: -EINTR or the kernel's own -512 to -516
  };
  struct Thread {
    pid_t pid = 0;
    std::variant<Running, Stopped> now;
    std::optional<siginfo_t> unseen{};           // reported and not yet handled
    std::optional<SyscallEntry> in_call{};       // its exit was asked for
    std::optional<CallMadeAgain> made_again{};   // after a stop that was nobody's signal
    std::optional<std::uint64_t> stepping{};     // from there, past a breakpoint
    std::optional<std::uint64_t> stands_at{};    // a breakpoint, held
    std::optional<FilterInjection> injection{};  // of which it has not come back
    std::optional<std::pair<std::uint64_t, std::uint64_t>> told{};  // rip, rsp at a breakpoint
    std::vector<siginfo_t> handed{};  // signals that came from another thread, and not yet here
    std::uint32_t options = 0;        // as last set; 0: as inherited
    bool held = false;                // until a timer
    bool begun = false;               // its first stop was seen
  };
  struct Timer {
    TimePoint due;
    pid_t tid;
  };

  // The thread, known to have stopped.
  Thread& stopped(const siginfo_t& info);
  void handle_unseen();
  void ended(const siginfo_t& info);
  void handle_stop(Thread& thread, const siginfo_t& info);
  // Whether SIGTRAP was made by a breakpoint. `stepping`: its own, where the step began.
  [[nodiscard]] bool on_trap(Thread& thread, std::optional<std::uint64_t> stepping);
  // Past the breakpoint where it stands.
  void leave_breakpoint(Thread& thread, std::uint64_t address);
  [[nodiscard]] bool step_in_scratch(Thread& thread, std::uint64_t address,
                                     const Breakpoints::Code& code);
  void step_over(pid_t tid, std::uint64_t address);
  void inherit_breakpoints(pid_t parent, pid_t child);
  void on_event(Thread& thread, int event);
  void on_exit(Thread& thread, int status);
  void tell_exit_call(const Thread& seen_first, int status);
  void on_exec(Thread& thread, pid_t caller);
  void on_syscall_entry(Thread& thread);
  void on_syscall_exit(Thread& thread);
  void on_signal(Thread& thread, int signal);
  [[nodiscard]] bool hand_to_first(const Thread& thread, const siginfo_t& info);
  void interrupted(Thread& thread, const siginfo_t& info);
  void repair(Thread& thread, user_regs_struct& registers);
  [[nodiscard]] bool is_ignored(pid_t pid, int signal);
  // Whether a mask in /proc/PID/status ("SigBlk") of a process or a thread has this signal.
  [[nodiscard]] bool has_signal(pid_t pid, const std::string& field, int signal);
  void go_on(Thread& thread, Resume how = Resume::run, int signal = 0);
  void hold(Thread& thread, Nanoseconds time);
  [[nodiscard]] Tracee tracee(const Thread& thread);
  std::size_t with_stopped(std::optional<pid_t> only, const Look& look);
  // Returns how many of those that are wanted still run.
  std::size_t stop(const std::function<bool(const Thread&)>& is_wanted);
  // Takes reports without handling them, until it is enough or the limit has passed.
  void take_reports(const std::function<bool()>& enough, Nanoseconds limit);
  // Until a thread that goes on has stopped or is gone.
  void take_reports_until_stop(pid_t tid);
  [[nodiscard]] bool is_gone(pid_t tid) const;
  [[nodiscard]] static pid_t tid_of(const Thread& thread);

  PtraceCalls& calls_;
  std::vector<TraceObserver*> observers_;
  std::map<pid_t, Thread> threads_;
  // Threads that a fork or clone event announced and that have not stopped yet; and their
  // processes.
  std::map<pid_t, pid_t> unmet_;
  std::map<pid_t, std::shared_ptr<Breakpoints>> breakpoints_;  // of processes
  // Reported and not yet handled.
  std::vector<pid_t> unseen_;
  std::vector<siginfo_t> unseen_ends_;
  bool handling_ = false;  // observers are being told something
  std::vector<siginfo_t> ends_;
  std::vector<Timer> timers_;
  std::uint32_t options_ = 0;
  FilterArming arming_{*this};
  pid_t followed_ = 0;
  std::set<pid_t> exiting_;  // processes of which exit_group(2) was told
};

}  // namespace lastcall
