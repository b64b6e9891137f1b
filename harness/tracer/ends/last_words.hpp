// The last that each process wrote to its standard output and its standard error, without touching
// either: read from its memory as it makes the call. Each such write costs a stop; those to other
// descriptors none. Not seen: what goes through copies of those descriptors with other numbers.
// Called on the tracer's thread only.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tracer/loop/filter.hpp"
#include "tracer/loop/observer.hpp"

namespace lastcall {

class LastWords : public TraceObserver {
 public:
  static constexpr std::size_t kKept = 4096;  // bytes, a process

  // System calls that this observer has to be asked about, on descriptors 1 and 2.
  static std::vector<ConditionalCall> syscalls();

  // `ended` is called on the tracer's thread when a process is gone that has written something.
  explicit LastWords(std::function<void(pid_t, std::string)> ended) : ended_(std::move(ended)) {}

  SyscallAction on_syscall(const Tracee& thread, const SyscallEntry& entry) override;
  void process_ended(pid_t pid, const siginfo_t& info) override;

 private:
  void keep(const Tracee& thread, std::uint64_t address, std::uint64_t size);

  std::function<void(pid_t, std::string)> ended_;
  std::map<pid_t, std::string> words_;  // of processes
};

}  // namespace lastcall
