// The last system calls of each process, as text: what it was doing before its end. Only calls that
// say what a program is at (files, connections, signals, children), not the many that carry data.
// Each costs two stops. Called on the tracer's thread only; what cannot be read is left out.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tracer/loop/observer.hpp"

namespace lastcall {

struct LastCall {
  TimePoint at{};  // it was about to be made
  pid_t tid = 0;
  std::string call;    // "rename("/a", "/b")", "close(5 socket:[47] of 127.0.0.1:80)"
  std::string result;  // "0", "ENOENT: No such file or directory"; empty: it has not returned

  friend bool operator==(const LastCall&, const LastCall&) = default;
};

// "rename("/a", "/b") = 0".
std::string call_text(const LastCall& call);

class LastCalls : public TraceObserver {
 public:
  static constexpr std::size_t kKept = 16;  // a process; the oldest first
  // The first bytes of a path.
  static constexpr std::size_t kMaxText = 200;

  // System calls that this observer has to be asked about.
  static std::vector<int> syscalls();

  // `ended` is called on the tracer's thread when a process is gone.
  explicit LastCalls(std::function<void(pid_t, std::vector<LastCall>)> ended)
      : ended_(std::move(ended)) {}

  // Of one that is alive. On the tracer's thread.
  [[nodiscard]] std::vector<LastCall> of(pid_t pid) const;

  SyscallAction on_syscall(const Tracee& thread, const SyscallEntry& entry) override;
  void on_syscall_exit(const Tracee& thread, const SyscallEntry& entry,
                       std::int64_t result) override;
  void on_exit_call(const Tracee& thread, int code) override;
  void process_ended(pid_t pid, const siginfo_t& info) override;

 private:
  void keep(const Tracee& thread, std::string call);

  std::function<void(pid_t, std::vector<LastCall>)> ended_;
  std::map<pid_t, std::deque<LastCall>> calls_;  // of processes
};

}  // namespace lastcall
