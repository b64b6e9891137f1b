#include "tracer/points/visit_injector.hpp"

#include <elf.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ranges>
#include <string_view>

#include "tracer/ptrace/auxiliary.hpp"
#include "tracer/ptrace/descriptors.hpp"
#include "tracer/ptrace/instructions.hpp"
#include "tracer/ptrace/memory.hpp"

namespace lastcall {
namespace {

// In another build of the program the function may be another one: a breakpoint in the middle of an
// instruction would break it.
bool begins_instruction(const Tracee& thread, std::uint64_t function, std::uint64_t within) {
  std::uint64_t at = 0;
  while (at < within) {
    const auto code = thread.breakpoints->code_at(thread.calls, thread.tid, function + at);
    const auto instruction = instruction_in(code);
    if (!instruction || instruction->length == 0) return false;
    at += instruction->length;
  }
  return at == within;
}

}  // namespace

VisitInjector::VisitInjector(std::vector<Rule> rules, SegmentWriter& segment, Reached reached)
    : segment_(segment), reached_(std::move(reached)) {
  for (auto& rule : rules) {
    auto place = code_place(rule.when.function);
    watches_.push_back({.rule = std::move(rule), .place = std::move(place)});
  }
}

void VisitInjector::begin(Phase phase) { phase_ = phase; }

std::optional<std::uint64_t> VisitInjector::counted(FaultId fault) const {
  for (const auto& watch : watches_) {
    if (watch.rule.fault == fault && watch.is_known) return watch.counted;
  }
  return std::nullopt;
}

void VisitInjector::executed(const Tracee& thread) {
  if (watches_.empty()) return;
  auto& process = processes_[thread.pid] = {};
  look_at_modules(thread, process);
  process.entry = auxiliary_value(thread.tid, AT_ENTRY).value_or(0);
  if (process.entry == 0) return;
  // Libraries are there once the program begins; a copy of an instruction is stepped there then.
  (void)thread.breakpoints->set(thread.calls, thread.tid, process.entry);
}

// What is set in its parent is set in it too.
void VisitInjector::began(const Tracee& thread) {
  if (thread.tid != thread.pid) return;
  const auto parent = std::atoi(thread.calls.status_field(thread.pid, "PPid").c_str());
  if (const auto known = processes_.find(parent); known != processes_.end())
    processes_[thread.pid] = known->second;
}

void VisitInjector::process_ended(pid_t pid, const siginfo_t&) { processes_.erase(pid); }

void VisitInjector::look_at_modules(const Tracee& thread, Process& process) {
  Modules modules;
  Memory memory(thread.calls, thread.tid);
  (void)modules.refresh(thread.tid);
  std::set<std::pair<std::uint64_t, std::string>> seen;
  const auto all = modules.with_code(memory);
  std::erase_if(process.watches, [&](const auto& entry) {
    return std::ranges::none_of(all, [&](const Module* module) {
      return entry.first >= module->begin && entry.first < module->end;
    });
  });
  for (const auto* module : all) {
    const auto identity = std::pair(module->begin, module->path);
    if (!process.seen.contains(identity) && module->file) add(thread, process, *module);
    seen.insert(identity);
  }
  process.seen = std::move(seen);
}

void VisitInjector::add(const Tracee& thread, Process& process, const Module& module) {
  constexpr std::array<std::string_view, 1> kMapped{"_dl_debug_state"};
  if (const auto address = module.file->addresses_of(kMapped).front(); address != 0) {
    process.mapped = module.bias + address;
    (void)thread.breakpoints->set(thread.calls, thread.tid, process.mapped);
  }
  for (std::size_t i = 0; i < watches_.size(); ++i) {
    auto& watch = watches_[i];
    for (const auto start : module.file->starts_of(watch.place.function)) {
      if (!begins_instruction(thread, module.bias + start, watch.place.within)) continue;
      const auto address = module.bias + start + watch.place.within;
      if (thread.breakpoints->set(thread.calls, thread.tid, address) != 0) continue;
      process.watches[address].push_back(i);
      watch.is_known = true;
    }
  }
}

void VisitInjector::on_breakpoint(const Tracee& thread, std::uint64_t address) {
  const auto known = processes_.find(thread.pid);
  if (known == processes_.end()) return;
  auto& process = known->second;
  if (address == process.entry) {
    if (!process.watches.contains(address))
      (void)thread.breakpoints->lift(thread.calls, thread.tid, address);
    return look_at_modules(thread, process);
  }
  if (address == process.mapped) look_at_modules(thread, process);
  const auto found = process.watches.find(address);
  if (found == process.watches.end()) return;
  // The visit at which a thread comes to stand counts for no rule that follows.
  for (const auto i : found->second | std::views::reverse) visit(i, thread);
}

bool VisitInjector::counts(std::size_t watch) const {
  const auto& when = watches_[watch].rule.when;
  if (phase_ < when.phase.value_or(Phase::start)) return false;
  if (!when.follows) return true;
  return watch > 0 && watches_[watch - 1].counted >= watches_[watch - 1].rule.when.nth;
}

void VisitInjector::visit(std::size_t index, const Tracee& thread) {
  if (!counts(index)) return;
  auto& watch = watches_[index];
  const auto& when = watch.rule.when;
  if (watch.counted >= when.nth && when.thread.empty()) {
    ++watch.counted;
    return;
  }
  const auto name = thread_name(thread.tid);
  if (!when.thread.empty() && ::fnmatch(when.thread.c_str(), name.c_str(), 0) != 0) return;
  if (++watch.counted != when.nth) return;
  const auto at = now();  // not of the look at the stack
  std::string stack;
  if (stacks_left_ > 0) {
    --stacks_left_;
    stack = stack_text(stacks_.stacks_of({thread}).front());
  }
  const auto fault = watch.rule.fault;
  if (watch.rule.only_holds)
    segment_.record(at, FaultInvoked{fault, 0, text_of(HoldThread{}), 0, false});
  segment_.record(at, FunctionReached{fault, thread.pid, thread.tid, name, when.function,
                                      when.hold.count(), std::move(stack)});
  if (watch.rule.only_holds) segment_.record(at, FaultFinished{fault, 0, 0});
  auto& stands = stands_[thread.tid];
  stands = std::max(stands, watch.rule.only_holds ? when.hold : Nanoseconds(kLongestStand));
  reached_(fault, watch.rule.only_holds ? 0 : thread.tid);
}

Nanoseconds VisitInjector::stands_at_breakpoint(const Tracee& thread, std::uint64_t) {
  const auto stands = stands_.extract(thread.tid);
  return stands.empty() ? Nanoseconds(0) : stands.mapped();
}

}  // namespace lastcall
