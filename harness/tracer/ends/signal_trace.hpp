// Who sends the signals that end programs, whomever they go to, SIGKILL included: from the kernel's
// own trace (tracefs, events signal:signal_generate and oom:mark_victim) in an instance of our own,
// which other users of the trace do not see. Needs root in the first PID namespace. One thread.
//
// A sender is looked up as its signal is read: of one that is gone by then only its name is known.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/scoped_fd.hpp"

namespace lastcall {

// A process, as it was when somebody asked.
struct Culprit {
  pid_t pid = 0;
  std::string command;  // its words; of one that is gone its name, 15 characters at most
  std::string user;     // name or number; empty: it is gone
  pid_t parent = 0;     // 0: unknown
  std::string parent_command;
  friend bool operator==(const Culprit&, const Culprit&) = default;
};
// `name`: of the thread that did it, in case that the process is gone.
Culprit culprit(pid_t tid, const std::string& name = {});
// "pid 812 (bash -c …, user root, child of 700 sshd)".
std::string culprit_text(const Culprit& who);

struct SentSignal {
  int signal = 0;
  int code = 0;      // si_code; SI_KERNEL: no process wanted it
  pid_t sender = 0;  // a thread; of what the kernel sends, whoever ran
  std::string sender_name{};
  pid_t to = 0;                // a thread, of a process its first
  bool out_of_memory = false;  // the kernel chose `to` for want of memory
};

// The signal that a line of trace_pipe tells of; nothing if the line says something else.
std::optional<SentSignal> sent_signal(const std::string& line);

class SignalTrace {
 public:
  // Signals that are kept; beyond that the oldest are forgotten.
  static constexpr std::size_t kMax = 1024;

  // From here on SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGKILL, SIGTERM and all kills for want of
  // memory are seen. The error says what is missing.
  static Result<SignalTrace> start();
  SignalTrace(SignalTrace&&) = default;
  SignalTrace& operator=(SignalTrace&&) = default;
  ~SignalTrace();

  // Readable when there is something to take in.
  [[nodiscard]] int fd() const { return pipe_.get(); }
  void take_in();

  struct Sent {
    SentSignal signal;
    Culprit sender;
    TimePoint seen;  // a little after it was sent
  };
  // The same of what is in the trace now, without taking it out: several processes may ask. Kills
  // for want of memory count too.
  [[nodiscard]] std::optional<Sent> look_up(int signal, pid_t to) const;

  // The last one that was sent to this thread or process; takes in what there is first.
  std::optional<Sent> last(int signal, pid_t to);
  // Whether the kernel chose this process for want of memory.
  [[nodiscard]] bool out_of_memory(pid_t pid);

 private:
  SignalTrace(ScopedFd instances, std::string name, ScopedFd pipe);

  ScopedFd instances_;  // a folder
  std::string name_;    // of ours in it
  ScopedFd pipe_;
  std::string unfinished_;  // the beginning of a line
  std::deque<Sent> sent_;
};

// How many processes of this one's memory cgroup the kernel has killed for want of memory (version
// 1 or 2, where systemd mounts them); nothing if that cannot be read.
std::optional<std::uint64_t> oom_kills_around(pid_t pid);

}  // namespace lastcall
