// Finds data that is sent after the program itself closed the descriptor or shut down its sending
// side. Calls that create descriptors are not traced: a close marks the number, and the result of
// the next sending call on it says whether it was late (EBADF, close(2); EPIPE after an own
// shutdown(2), send(2)) or the number is in use again. EPIPE alone is a peer that left.
//
// A call that is not late costs one stop; two for the first on a number that was closed before.
// What was open is learned at the first call of a process that stops, so an observer may be asked
// from any moment on. Called on the tracer's thread only; never fails, sees less instead.
//
// Not seen: io_uring(7), a shutdown through another descriptor of the same socket, the data that
// lands in a new connection of the same number, threads with descriptors of their own
// (unshare(CLONE_FILES)).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "tracer/loop/observer.hpp"
#include "tracer/stacks/stack_reader.hpp"

namespace lastcall {

struct LateWrite {
  // `before_the_watch`: never open since the process was watched, so closed before, or never open.
  enum class How : std::uint8_t { closed, shut_down, before_the_watch };
  How how = How::closed;
  int descriptor = -1;
  std::string what;   // "socket:[4711] of 127.0.0.1:80", "/var/log/a"; empty: before_the_watch
  std::string call;   // "sendto"
  int error = 0;      // EBADF or EPIPE
  Nanoseconds age{};  // since it was closed; 0: before_the_watch
  Stack writer;
  // tid is 0: before_the_watch. Frames only of who closed a socket; else ends_because says so.
  Stack closer;
};

class LateWrites : public TraceObserver {
 public:
  // Numbers beyond are not watched: more than any limit on open files that is common.
  static constexpr int kMaxDescriptors = 1 << 16;
  // Of those who close, in one process: what 5 KB and 50 µs each allow.
  static constexpr int kMaxStacks = 1024;

  // Of pipes that are closed, for their other ends, in one process: 2 µs a descriptor each.
  static constexpr int kMaxPipeLooks = 64;

  // System calls that this observer has to be asked about.
  static std::vector<int> syscalls();

  // `found` is called on the tracer's thread, once for each closing.
  explicit LateWrites(std::function<void(LateWrite)> found) : found_(std::move(found)) {}

  // How many calls that send, and that close or shut down, were looked at.
  [[nodiscard]] std::uint64_t sends() const { return sends_; }
  [[nodiscard]] std::uint64_t closes() const { return closes_; }

  void executed(const Tracee& thread) override;
  void began(const Tracee& thread) override;
  SyscallAction on_syscall(const Tracee& thread, const SyscallEntry& entry) override;
  void on_syscall_exit(const Tracee& thread, const SyscallEntry& entry,
                       std::int64_t result) override;
  void process_ended(pid_t pid, const siginfo_t& info) override;

 private:
  struct Mark {
    LateWrite::How how;
    std::string target;
    std::string peer;
    std::shared_ptr<const UnnamedStack> closer;
    TimePoint at;
  };
  // Without a mark there is nothing to ask: it is open, or was reported.
  struct Descriptor {
    std::shared_ptr<const Mark> mark{};
    bool answered = false;  // a call still reached what is marked
  };
  struct Table {
    bool looked = false;
    int stacks_left = kMaxStacks;
    int pipe_looks_left = kMaxPipeLooks;
    std::set<std::string> own_pipes{};  // it alone had both ends: "pipe:[4711]"
    std::unordered_map<int, Descriptor> descriptors{};
  };
  struct Closing {
    LateWrite::How how;
    unsigned first;
    unsigned last;
  };
  Table& table_of(const Tracee& thread);
  void mark(const Tracee& thread, const Closing& closing);
  void look_for_other_end(const Tracee& thread, Table& table, int number,
                          const std::string& target);
  std::shared_ptr<const UnnamedStack> closer(const Tracee& thread, Table& table, bool with_stack);
  void report(const Tracee& thread, const SyscallEntry& entry, int error);

  std::function<void(LateWrite)> found_;
  StackReader stacks_;
  std::uint64_t sends_ = 0;
  std::uint64_t closes_ = 0;
  std::map<pid_t, std::shared_ptr<Table>> tables_;  // of processes
};

}  // namespace lastcall
