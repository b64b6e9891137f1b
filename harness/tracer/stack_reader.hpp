// Stacks of traced threads that are stopped. All of a process should be, or a stack may change while
// it is read and come out wrong or short. What is learned about a process and its files is kept for
// the next look.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "tracer/observer.hpp"
#include "tracer/source_lines.hpp"
#include "tracer/stack.hpp"

namespace lastcall {

enum class Lines : std::uint8_t { without, with };

// One thread: that of the tracer.
class StackReader {
 public:
  StackReader();
  ~StackReader();
  StackReader(const StackReader&) = delete;
  StackReader& operator=(const StackReader&) = delete;

  // One stack for each thread, in the order given. One that is gone meanwhile (SIGKILL) has no
  // frames, and ends_because says so.
  std::vector<Stack> stacks_of(const std::vector<Tracee>& tracees, Lines lines = Lines::without);

 private:
  struct Process;
  struct Look;
  Process& process(pid_t pid);
  void name_frames(Look& look, std::vector<Stack>& stacks, Lines lines);

  std::map<pid_t, std::unique_ptr<Process>> processes_;
  SourceLines source_lines_;
};

// With a reader of the calling thread.
std::vector<Stack> stacks_of(const std::vector<Tracee>& tracees, Lines lines = Lines::without);

}  // namespace lastcall
