// Looks at a process of the tree at the moment it calls exit_group(2), or when its last thread ends
// otherwise by itself: what it left open (exit_leak_rules.hpp). Ends by a signal and by execve(2)
// are not judged. While the filters sleep nothing of its threads is known any more, and of its
// files only that it is unknown whether they were synced. Called on the tracer's thread only; what
// cannot be read is left out.
//
// Not seen: writes through mmap(2) and io_uring(7).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tracer/ends/exit_leak_rules.hpp"
#include "tracer/loop/observer.hpp"

namespace lastcall {

class OpenAtExit : public TraceObserver {
 public:
  struct Settings {
    std::string state_folder;      // without links; empty: no file has to be synced
    bool all_writes_seen = false;  // write_syscalls() stop, from the first instruction on
  };
  // In `found`: nothing left, nothing in the vector. Once for each process that is judged.
  using Found = std::function<void(pid_t, std::vector<LeftOpen>)>;
  // Files whose writing is followed; of more it is not known.
  static constexpr std::size_t kMaxFiles = 1 << 16;

  // System calls that this observer has to be asked about to know what was synced. Each costs one
  // stop.
  static std::vector<int> write_syscalls();

  OpenAtExit(Settings settings, Found found)
      : settings_(std::move(settings)), found_(std::move(found)) {}

  // The target is ready: what it has open now it may keep. On the tracer's thread.
  void ready();

  void executed(const Tracee& thread) override;
  void began(const Tracee& thread) override;
  SyscallAction on_syscall(const Tracee& thread, const SyscallEntry& entry) override;
  void on_exit_call(const Tracee& thread, int code) override;
  void on_thread_exit(const Tracee& thread, int status) override;
  void process_ended(pid_t pid, const siginfo_t& info) override;

 private:
  struct Process {
    std::set<pid_t> threads{};
    std::set<std::pair<int, std::string>> at_readiness{};
    bool judged = false;
  };
  using File = std::pair<std::uint64_t, std::uint64_t>;  // device and inode
  void look(const Tracee& thread, Process& process);
  void note(pid_t tid, int descriptor, Synced synced);
  [[nodiscard]] OpenDescriptor describe(pid_t tid, int number) const;
  [[nodiscard]] std::set<std::string> held_by_others(pid_t pid) const;

  Settings settings_;
  Found found_;
  std::map<pid_t, Process> processes_;
  std::set<std::string> listening_;  // places of listeners at readiness
  std::map<File, Synced> files_;     // that were written or synced
};

}  // namespace lastcall
