#include "tracer/stacks/stack_reader.hpp"

#include <cstring>
#include <string>
#include <utility>

#include "tracer/ptrace/descriptors.hpp"
#include "tracer/ptrace/memory.hpp"
#include "tracer/stacks/modules.hpp"
#include "tracer/stacks/unwinder.hpp"

namespace lastcall {
namespace {

// Of one target; a server that forks for every connection has more, one after the other.
constexpr std::size_t kMaxProcesses = 64;
constexpr unsigned long long kCode32 = 0x23;  // the segment of 32-bit code, arch/x86 of the kernel

void place_frames(RawStack raw, Modules& modules, Memory& memory, UnnamedStack& into) {
  into.stack.ends_because = std::move(raw.ends_because);
  for (const auto& from : raw.frames) {
    auto& frame = into.stack.frames.emplace_back();
    auto& place = into.places.emplace_back();
    frame.address = from.address;
    // A call that never returns may be the last of its function.
    const auto within = from.address - (from.is_call ? 1 : 0);
    const auto* module = modules.at(within, memory);
    if (module != nullptr) {
      frame.module = module->path;
      frame.offset = from.address - module->bias;
    }
    if (from.is_signal_return) {
      frame.function = "<signal handler called>";
      frame.offset = 0;
    } else if (module != nullptr) {
      place = {module->file, within - module->bias};
    }
  }
}

}  // namespace

struct StackReader::Process {
  Modules modules;
  Unwinder unwinder;
  bool looked = false;

  void refresh(pid_t tid) {
    if (modules.refresh(tid)) unwinder.forget();
    looked = true;
  }
};

StackReader::StackReader() = default;
StackReader::~StackReader() = default;

StackReader::Process& StackReader::process(pid_t pid) {
  if (processes_.size() >= kMaxProcesses && !processes_.contains(pid)) processes_.clear();
  auto& known = processes_[pid];
  if (!known) known = std::make_unique<Process>();
  return *known;
}

void StackReader::forget(pid_t pid) { processes_.erase(pid); }

std::vector<Stack> StackReader::stacks_of(const std::vector<Tracee>& tracees, Lines lines) {
  return named(unnamed(tracees), lines);
}

std::vector<UnnamedStack> StackReader::unnamed(const std::vector<Tracee>& tracees,
                                               Mappings mappings) {
  std::vector<UnnamedStack> stacks(tracees.size());
  std::map<pid_t, std::vector<std::size_t>> by_process;
  for (std::size_t i = 0; i < tracees.size(); ++i) by_process[tracees[i].pid].push_back(i);
  for (const auto& [pid, indexes] : by_process) {
    const auto& first = tracees[indexes.front()];
    auto& known = process(pid);
    Memory memory(first.calls, first.tid);
    const bool as_now = mappings == Mappings::as_now || !known.looked;
    if (as_now) known.refresh(first.tid);
    for (const auto i : indexes) {
      const auto& tracee = tracees[i];
      auto& stack = stacks[i].stack;
      stack.pid = pid;
      stack.tid = tracee.tid;
      stack.thread_name = thread_name(tracee.tid);
      user_regs_struct registers{};
      if (const int problem = tracee.calls.registers(tracee.tid, registers); problem != 0) {
        stack.ends_because = std::string("no registers: ") + std::strerror(problem);
        continue;
      }
      if (registers.cs == kCode32) {
        stack.ends_because = "it runs 32-bit code";
        continue;
      }
      auto raw = known.unwinder.unwind(registers, memory, known.modules);
      if (!as_now && !raw.ends_because.empty()) {
        known.refresh(first.tid);
        raw = known.unwinder.unwind(registers, memory, known.modules);
      }
      place_frames(std::move(raw), known.modules, memory, stacks[i]);
    }
  }
  return stacks;
}

std::vector<Stack> StackReader::named(std::vector<UnnamedStack> unnamed, Lines lines) {
  std::map<std::shared_ptr<ElfFile>, std::vector<std::uint64_t>>
      addresses;  // all of a file at once
  for (const auto& one : unnamed) {
    for (const auto& place : one.places) {
      if (place.file) addresses[place.file].push_back(place.address);
    }
  }
  std::map<std::shared_ptr<ElfFile>, std::map<std::uint64_t, Function>> functions;
  for (const auto& [file, all] : addresses) {
    auto found = file->functions_at(all);
    for (std::size_t i = 0; i < all.size(); ++i) functions[file][all[i]] = std::move(found[i]);
  }
  std::vector<Stack> stacks;
  for (auto& [stack, places] : unnamed) {
    for (std::size_t i = 0; i < places.size(); ++i) {
      const auto& [file, address] = places[i];
      if (!file) continue;
      auto& frame = stack.frames[i];
      if (const auto& function = functions[file][address]; !function.name.empty()) {
        frame.function = function.name;
        frame.offset -= function.start;
      }
      if (lines == Lines::with) {
        auto source = source_lines_.at(file, address);
        frame.file = std::move(source.file);
        frame.line = source.line;
        frame.inlined = std::move(source.inlined);
      }
    }
    stacks.push_back(std::move(stack));
  }
  return stacks;
}

std::vector<Stack> stacks_of(const std::vector<Tracee>& tracees, Lines lines) {
  thread_local StackReader reader;
  return reader.stacks_of(tracees, lines);
}

}  // namespace lastcall
