#include "tracer/stack_reader.hpp"

#include <cstring>
#include <string>
#include <utility>

#include "tracer/descriptors.hpp"
#include "tracer/memory.hpp"
#include "tracer/modules.hpp"
#include "tracer/unwinder.hpp"

namespace lastcall {
namespace {

// Of one target; a server that forks for every connection has more, one after the other.
constexpr std::size_t kMostProcesses = 64;
constexpr unsigned long long kCode32 = 0x23;  // the segment of 32-bit code, arch/x86 of the kernel

}  // namespace

struct StackReader::Process {
  Modules modules;
  Unwinder unwinder;
};

// At the threads of one process.
struct StackReader::Look {
  // A frame to be named, by its place: stacks[stack].frames[frame].
  struct Place {
    std::size_t stack;
    std::size_t frame;
    std::uint64_t bias;
  };
  struct Wanted {
    std::vector<std::uint64_t> addresses{};  // the file's own
    std::vector<Place> places{};
  };

  Process& process;
  Memory memory;
  std::vector<std::pair<std::size_t, RawStack>> raw{};  // by index of the stack
};

StackReader::StackReader() = default;
StackReader::~StackReader() = default;

StackReader::Process& StackReader::process(pid_t pid) {
  if (processes_.size() >= kMostProcesses && !processes_.contains(pid)) processes_.clear();
  auto& known = processes_[pid];
  if (!known) known = std::make_unique<Process>();
  return *known;
}

std::vector<Stack> StackReader::stacks_of(const std::vector<Tracee>& tracees, Lines lines) {
  std::vector<Stack> stacks(tracees.size());
  std::map<pid_t, std::vector<std::size_t>> by_process;
  for (std::size_t i = 0; i < tracees.size(); ++i) by_process[tracees[i].pid].push_back(i);
  for (const auto& [pid, indexes] : by_process) {
    const auto& first = tracees[indexes.front()];
    Look look{.process = process(pid), .memory = Memory(first.calls, first.tid)};
    if (look.process.modules.refresh(first.tid)) look.process.unwinder.forget();
    for (const auto i : indexes) {
      const auto& tracee = tracees[i];
      auto& stack = stacks[i];
      stack.pid = pid;
      stack.tid = tracee.tid;
      stack.thread_name = thread_name(tracee.tid);
      user_regs_struct registers{};
      if (const int problem = tracee.calls.registers(tracee.tid, registers); problem != 0) {
        stack.ends_because = std::string("no registers: ") + std::strerror(problem);
      } else if (registers.cs == kCode32) {
        stack.ends_because = "it runs 32-bit code";
      } else {
        look.raw.emplace_back(
            i, look.process.unwinder.unwind(registers, look.memory, look.process.modules));
      }
    }
    name_frames(look, stacks, lines);
  }
  return stacks;
}

void StackReader::name_frames(Look& look, std::vector<Stack>& stacks, Lines lines) {
  std::map<std::shared_ptr<ElfFile>, Look::Wanted> wanted;
  for (auto& [index, raw] : look.raw) {
    auto& stack = stacks[index];
    stack.ends_because = std::move(raw.ends_because);
    for (const auto& from : raw.frames) {
      auto& frame = stack.frames.emplace_back();
      frame.address = from.address;
      // A call that never returns may be the last of its function.
      const auto within = from.address - (from.is_call ? 1 : 0);
      const auto* module = look.process.modules.at(within, look.memory);
      if (module != nullptr) {
        frame.module = module->path;
        frame.offset = from.address - module->bias;
      }
      if (from.is_signal_return) {
        frame.function = "<signal handler called>";
        frame.offset = 0;
      } else if (module != nullptr && module->file) {
        auto& of_file = wanted[module->file];
        of_file.addresses.push_back(within - module->bias);
        of_file.places.push_back({index, stack.frames.size() - 1, module->bias});
      }
    }
  }
  for (auto& [file, of_file] : wanted) {
    const auto functions = file->functions_at(of_file.addresses);
    for (std::size_t i = 0; i < functions.size(); ++i) {
      const auto& place = of_file.places[i];
      auto& frame = stacks[place.stack].frames[place.frame];
      if (!functions[i].name.empty()) {
        frame.function = functions[i].name;
        frame.offset = frame.address - place.bias - functions[i].start;
      }
      if (lines == Lines::with) {
        auto source = source_lines_.at(file, of_file.addresses[i]);
        frame.file = std::move(source.file);
        frame.line = source.line;
      }
    }
  }
}

std::vector<Stack> stacks_of(const std::vector<Tracee>& tracees, Lines lines) {
  thread_local StackReader reader;
  return reader.stacks_of(tracees, lines);
}

}  // namespace lastcall
