// The tracer of a trial process: one thread that makes all ptrace(2) calls and is the only waiter
// for every child of the process, traced or not. start() blocks SIGCHLD in the calling thread,
// which must be the only one of the process, so that nobody else takes it. Everything public may be
// called from any one other thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "base/scoped_fd.hpp"
#include "tracer/loop/filter.hpp"
#include "tracer/loop/trace_loop.hpp"
#include "tracer/ptrace/linux_ptrace.hpp"

namespace lastcall {

class Tracer {
 public:
  // `syscalls`, `conditional`: at whose entry the observers want to be asked, as for make_filter().
  // Observers outlive the tracer; they are called on its thread.
  static Result<std::unique_ptr<Tracer>> start(std::span<const int> syscalls,
                                               std::vector<TraceObserver*> observers,
                                               std::span<const ConditionalCall> conditional = {});
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;
  // Kills what is still traced (PTRACE_O_EXITKILL), and unblocks SIGCHLD in the calling thread.
  ~Tracer();

  // An initialiser of the launcher for the child that follow() is then called with; before the one
  // that changes the user, who may not filter.
  [[nodiscard]] TraceMe initialiser() const;
  // Traces the child and lets it go on, also if it cannot be traced. `asleep`: no call stops until
  // wake_filters(), because filters are suspended or, where this process may not do that, because
  // there are none before.
  Result<void> follow(pid_t child, bool asleep);
  void wake_filters();

  // Runs something on the tracer's thread, between two stops, and waits until it is done.
  void on_its_thread(const std::function<void(TraceLoop&)>& what);

  // Readable when there is something to take. Ends of all children of the process.
  [[nodiscard]] int ends_fd() const { return ends_ready_.get(); }
  [[nodiscard]] std::vector<siginfo_t> take_ends();

 private:
  Tracer(LinuxPtrace calls, std::vector<sock_filter> filter, ScopedFd gate, ScopedFd ends_ready,
         std::vector<TraceObserver*> observers);
  void run();

  LinuxPtrace calls_;
  std::vector<sock_filter> filter_;
  ScopedFd gate_;
  ScopedFd ends_ready_;
  std::vector<TraceObserver*> observers_;
  std::mutex mutex_;
  std::condition_variable done_;
  const std::function<void(TraceLoop&)>* asked_ = nullptr;
  bool over_ = false;
  std::vector<siginfo_t> ends_;
  std::thread thread_;
};

}  // namespace lastcall
