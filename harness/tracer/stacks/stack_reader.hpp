// Stacks of traced threads that are stopped. All of a process should be, or a stack may change
// while it is read and come out wrong or short. What is learned about a process and its files is
// kept for the next look.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "tracer/ptrace/tracee.hpp"
#include "tracer/stacks/stack.hpp"
#include "tracer/symbols/source_lines.hpp"

namespace lastcall {

enum class Lines : std::uint8_t { without, with };

// A stack whose frames have neither function nor source yet, because names cost a hundred times
// what the addresses do. They can be given later, also after the process has ended.
struct UnnamedStack {
  struct Place {
    std::shared_ptr<ElfFile> file;  // null: there is nothing to name it by
    std::uint64_t address = 0;      // the file's own
  };
  Stack stack;
  std::vector<Place> places;  // one for each frame
};

// `as_known`: looks at what is mapped only if a stack cannot be followed with what an earlier look
// has found, which is a third of what a stack costs.
enum class Mappings : std::uint8_t { as_now, as_known };

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

  // The two halves of it.
  std::vector<UnnamedStack> unnamed(const std::vector<Tracee>& tracees,
                                    Mappings mappings = Mappings::as_now);
  std::vector<Stack> named(std::vector<UnnamedStack> stacks, Lines lines = Lines::without);

  // The process executed another program: nothing of what was mapped is.
  void forget(pid_t pid);

 private:
  struct Process;
  Process& process(pid_t pid);

  std::map<pid_t, std::unique_ptr<Process>> processes_;
  SourceLines source_lines_;
};

// With a reader of the calling thread.
std::vector<Stack> stacks_of(const std::vector<Tracee>& tracees, Lines lines = Lines::without);

}  // namespace lastcall
