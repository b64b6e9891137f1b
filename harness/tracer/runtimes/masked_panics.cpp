#include "tracer/runtimes/masked_panics.hpp"

#include <elf.h>
#include <linux/capability.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "base/file.hpp"
#include "base/signal_names.hpp"
#include "base/text.hpp"
#include "tracer/ptrace/auxiliary.hpp"
#include "tracer/ptrace/descriptors.hpp"
#include "tracer/runtimes/cpp_exceptions.hpp"
#include "tracer/runtimes/go_values.hpp"

namespace lastcall {
namespace {

using Kind = MaskedPanic::Kind;
using Runtime = MaskedPanic::Runtime;

// Root without CAP_SYS_PTRACE, as in containers, loses the memory of a process that changes its
// user: nobody could get it past a breakpoint any more.
bool may_lose_memory(PtraceCalls& calls) {
  const auto held = calls.status_field(::getpid(), "CapEff");
  return ::geteuid() == 0 && !held.empty() &&
         (std::strtoull(held.c_str(), nullptr, 16) >> CAP_SYS_PTRACE & 1U) == 0;
}

// Where a function of Go goes on when it has looked whether its stack suffices: [lea
// -N(%rsp),%r12;] cmp 0x10(%r14),%rsp or %r12; jbe. Before that it may begin again, with a larger
// stack or after others have run. Nothing if the code begins otherwise: it was found wrongly.
std::optional<std::uint64_t> after_stack_check(std::uint64_t address, Memory& memory) {
  const auto code = memory.get<std::array<std::uint8_t, 24>>(address);
  if (!code) return std::nullopt;
  const auto has = [&](std::size_t at, std::initializer_list<std::uint8_t> bytes) {
    return std::ranges::equal(bytes, std::span(*code).subspan(at, bytes.size()));
  };
  std::size_t at = 0;
  if (has(0, {0x4c, 0x8d, 0x64, 0x24})) at = 5;
  if (has(0, {0x4c, 0x8d, 0xa4, 0x24})) at = 8;
  if (!has(at, {static_cast<std::uint8_t>(at == 0 ? 0x49 : 0x4d), 0x3b, 0x66, 0x10}))
    return std::nullopt;
  at += 4;
  if (has(at, {0x76})) return address + at + 2;
  return has(at, {0x0f, 0x86}) ? std::optional(address + at + 6) : std::nullopt;
}

// Not the machinery of panics itself.
bool is_of_rust_runtime(const std::string& function) {
  constexpr std::array<std::string_view, 9> kPrefixes{
      "std::", "core::", "alloc::", "<std::", "<core::", "<alloc::", "rust_", "__rust", "_R"};
  return function.empty() || std::ranges::any_of(kPrefixes, [&](std::string_view prefix) {
           return function.starts_with(prefix);
         });
}

std::string joined(const std::string& type, const std::string& text) {
  return text.empty() ? type : type + ": " + text;
}

}  // namespace

struct MaskedPanics::EntryName {
  std::string_view symbol;  // as ElfFile::addresses_of() takes it
  Entry entry;
  const char* runtime = "";
};

const std::vector<MaskedPanics::EntryName>& MaskedPanics::entry_names() {
  static const std::vector<EntryName> names{
      {"_dl_debug_state", Entry::mapped},
      {"runtime.gopanic", Entry::go_panic, "go"},
      {"rust_panic", Entry::rust_panic, "rust"},
      {"*___rustc10rust_panic", Entry::rust_panic, "rust"},  // since 1.87
      {"__cxa_begin_catch", Entry::begin_catch, "c++"},
      {"__cxa_end_catch", Entry::end_catch},
      {"__cxa_rethrow", Entry::rethrow},
      {"_ZSt17current_exceptionv", Entry::current_exception},
      {"_ZSt9terminatev", Entry::terminate}};
  return names;
}

void MaskedPanics::executed(const Tracee& thread) {
  auto& process = processes_[thread.pid] = {};
  process.watched.pid = thread.pid;
  std::array<char, 4096> program{};
  const auto link = "/proc/" + std::to_string(thread.tid) + "/exe";
  if (const auto length = ::readlink(link.c_str(), program.data(), program.size()); length > 0)
    process.watched.program.assign(program.data(), static_cast<std::size_t>(length));
  if (may_lose_memory(thread.calls)) {
    process.started = true;
    process.watched.reason = "root needs CAP_SYS_PTRACE to watch what may change its user";
    return watched_(process.watched);
  }
  look_at_modules(thread, process);
  const auto start = auxiliary_value(thread.tid, AT_ENTRY);
  if (auxiliary_value(thread.tid, AT_BASE).value_or(0) == 0 || !start ||
      thread.breakpoints->set(thread.calls, thread.tid, *start) != 0) {
    say_what_is_watched(process);  // no dynamic linker
  } else {
    process.entries.emplace(*start, Entry::program_start);
  }
}

// What is set in its parent is set in it too.
void MaskedPanics::began(const Tracee& thread) {
  if (thread.tid != thread.pid) return;
  const auto parent = std::atoi(thread.calls.status_field(thread.pid, "PPid").c_str());
  const auto known = processes_.find(parent);
  if (known == processes_.end()) return;
  auto& process = processes_[thread.pid] = known->second;
  process.watched.pid = thread.pid;
  process.stacks_left = kMaxStacks;
  process.caught.clear();
  process.terminating.clear();
}

void MaskedPanics::process_ended(pid_t pid, const siginfo_t&) { processes_.erase(pid); }

void MaskedPanics::look_at_modules(const Tracee& thread, Process& process) {
  Modules modules;
  Memory memory(thread.calls, thread.tid);
  (void)modules.refresh(thread.tid);
  std::set<std::pair<std::uint64_t, std::string>> seen;
  const auto all = modules.with_code(memory);
  std::erase_if(process.entries, [&](const auto& entry) {
    return std::ranges::none_of(all, [&](const Module* module) {
      return entry.first >= module->begin && entry.first < module->end;
    });
  });
  for (const auto* module : all) {
    const auto identity = std::pair(module->begin, module->path);
    if (!process.seen.contains(identity) && module->file) add(thread, process, *module, memory);
    if (!module->file) process.unread = module->path;
    seen.insert(identity);
  }
  process.seen = std::move(seen);
}

void MaskedPanics::add(const Tracee& thread, Process& process, const Module& module,
                       Memory& memory) {
  std::vector<std::string_view> symbols;
  for (const auto& name : entry_names()) symbols.push_back(name.symbol);
  const auto addresses = module.file->addresses_of(symbols);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto& name = entry_names()[i];
    auto address = module.bias + addresses[i];
    if (addresses[i] == 0) continue;
    if (name.entry == Entry::go_panic) {
      const auto body = after_stack_check(address, memory);
      if (!body) continue;
      address = *body;
    }
    const bool later = name.entry == Entry::end_catch || name.entry == Entry::rethrow ||
                       name.entry == Entry::current_exception;
    const bool now = !later || !process.caught.empty();
    if (now && thread.breakpoints->set(thread.calls, thread.tid, address) != 0) continue;
    process.entries[address] = name.entry;
    if (*name.runtime != '\0' && process.watched.runtimes.insert(name.runtime).second &&
        process.started)
      say_what_is_watched(process);
  }
}

void MaskedPanics::say_what_is_watched(Process& process) {
  process.started = true;
  auto& watched = process.watched;
  watched.reason.clear();
  if (watched.runtimes.empty() && !process.unread.empty()) {
    watched.reason = "the symbols of " + process.unread +
                     " could not be read: lastcall may not open that file, or it is not the one "
                     "that was started any more";
  } else if (watched.runtimes.empty()) {
    watched.reason =
        "no entry point of the Go, Rust or C++ runtime is known in it: it has no such runtime, or "
        "no symbols";
  }
  watched_(watched);
}

void MaskedPanics::watch_handlers(const Tracee& thread, const Process& process, bool watch) {
  for (const auto& [address, entry] : process.entries) {
    if (entry != Entry::end_catch && entry != Entry::rethrow && entry != Entry::current_exception)
      continue;
    auto& points = *thread.breakpoints;
    if (watch) {
      (void)points.set(thread.calls, thread.tid, address);
    } else {
      (void)points.lift(thread.calls, thread.tid, address);
    }
  }
}

void MaskedPanics::on_breakpoint(const Tracee& thread, std::uint64_t address) {
  const auto known = processes_.find(thread.pid);
  if (known == processes_.end()) return;
  auto& process = known->second;
  const auto entry = process.entries.find(address);
  user_regs_struct registers{};
  if (entry == process.entries.end() || thread.calls.registers(thread.tid, registers) != 0) return;
  const auto caught = process.caught.find(thread.tid);
  switch (entry->second) {
    case Entry::mapped:
      return look_at_modules(thread, process);
    case Entry::program_start:
      (void)thread.breakpoints->lift(thread.calls, thread.tid, address);
      look_at_modules(thread, process);
      return say_what_is_watched(process);
    case Entry::go_panic:
      return on_go_panic(thread, process, registers);
    case Entry::rust_panic:
      return on_rust_panic(thread, process);
    case Entry::begin_catch:
      return on_begin_catch(thread, process, registers);
    case Entry::end_catch:
      return on_end_catch(thread, process);
    case Entry::rethrow:
    case Entry::current_exception:
      if (caught == process.caught.end()) return;
      caught->second.back().counts = false;
      process.hand_on.insert(caught->second.back().handler);
      return;
    case Entry::terminate:
      return on_terminate(thread, process, "");
  }
}

void MaskedPanics::on_terminate(const Tracee& thread, Process& process, std::string what) {
  // What it was on its way with is not swallowed.
  const auto caught = process.caught.extract(thread.tid);
  if (what.empty() && !caught.empty()) what = caught.mapped().back().what;
  // With an exception that has no handler it comes here twice.
  if (process.terminating.insert(thread.tid).second)
    report(thread, process, {Runtime::cpp, Kind::terminate, std::move(what), {}});
}

std::uint64_t MaskedPanics::types_around(std::uint64_t type, const Module& module, Process& process,
                                         Memory& memory) {
  const auto in_process = [&](std::optional<ElfFile::Extent> section) {
    if (section) section->address += module.bias;
    return section;
  };
  const auto section = in_process(module.file->loaded_section_at(type - module.bias));
  if (!section) return 0;
  auto& types = process.go_types[section->address];
  if (types != 0) return types;
  const auto table = in_process(module.file->loaded_section(".gopclntab"));
  const auto data = in_process(module.file->loaded_section(".noptrdata"));
  if (table && data) types = go_types(type, table->address, *data, *section, memory);
  if (types == 0) types = section->address;
  return types;
}

void MaskedPanics::on_go_panic(const Tracee& thread, Process& process,
                               const user_regs_struct& registers) {
  Memory memory(thread.calls, thread.tid);
  Modules modules;
  (void)modules.refresh(thread.tid);
  const GoValue value{registers.rax, registers.rbx};
  std::string type;
  if (const auto* module = modules.of_variable(value.type, memory);
      module != nullptr && module->file) {
    if (const auto types = types_around(value.type, *module, process, memory))
      type = go_type_name(value, types, memory);
  }
  const bool is_error = type.starts_with("runtime.") || type.starts_with("*runtime.");
  report(thread, process,
         {Runtime::go,
          is_error ? Kind::programming_error : Kind::panic,
          joined(type, go_text(value, type, memory)),
          {}});
}

void MaskedPanics::on_rust_panic(const Tracee& thread, Process& process) {
  report(thread, process, {Runtime::rust, Kind::programming_error, "", {}});
}

void MaskedPanics::on_begin_catch(const Tracee& thread, Process& process,
                                  const user_regs_struct& registers) {
  Memory memory(thread.calls, thread.tid);
  const auto exception = cpp_exception_at(registers.rdi, memory);
  const auto known = process.caught.find(thread.tid);
  Caught caught;
  if (exception) {
    caught.what = joined(exception->type, exception->what);
    if (exception->handler == CppException::Handler::none)
      return on_terminate(thread, process, caught.what);
    // The default handler of std::terminate throws it once more, to tell its type and its text.
    if (process.terminating.contains(thread.tid)) return;
    caught.counts =
        exception->is_logic_error || exception->handler == CppException::Handler::catch_all;
    if (exception->is_logic_error) caught.kind = Kind::programming_error;
    caught.handler = memory.get<std::uint64_t>(registers.rsp).value_or(0);
    // By the end of the handler its frame may be gone: that call can be a jump.
    if (caught.counts && !process.hand_on.contains(caught.handler))
      caught.stack = stack_of(thread, process);
  }
  if (known != process.caught.end()) {
    if (known->second.size() < kMaxCaught) known->second.push_back(std::move(caught));
  } else if (caught.counts) {
    if (process.caught.empty()) watch_handlers(thread, process, true);
    process.caught[thread.tid].push_back(std::move(caught));
  }
}

void MaskedPanics::on_end_catch(const Tracee& thread, Process& process) {
  if (const auto found = process.caught.find(thread.tid); found != process.caught.end()) {
    const auto caught = std::move(found->second.back());
    found->second.pop_back();
    if (found->second.empty()) process.caught.erase(found);
    report(thread, process, caught);
  }
  if (process.caught.empty()) watch_handlers(thread, process, false);
}

bool MaskedPanics::on_signal(const Tracee& thread, const siginfo_t& info) {
  const int signal = info.si_signo;
  if ((signal != SIGSEGV && signal != SIGBUS && signal != SIGFPE && signal != SIGILL) ||
      info.si_code <= 0)
    return false;
  const auto known = processes_.find(thread.pid);
  if (known == processes_.end() || known->second.watched.runtimes.contains("go") ||
      known->second.faults_on_purpose)
    return false;
  const auto handled =
      std::strtoull(thread.calls.status_field(thread.pid, "SigCgt").c_str(), nullptr, 16);
  if ((handled >> (signal - 1) & 1U) == 0) return false;
  Memory memory(thread.calls, thread.tid);
  Modules modules;
  (void)modules.refresh(thread.tid);
  for (const auto* module : modules.with_code(memory)) {
    if (module->path.ends_with("/libjvm.so") ||
        (module->path == known->second.watched.program && module->file &&
         module->file->language() == Language::node)) {
      known->second.faults_on_purpose = true;
      return false;
    }
  }
  const auto address = hexadecimal(reinterpret_cast<std::uintptr_t>(info.si_addr));
  report(thread, known->second,
         {Runtime::signal, Kind::signal, signal_name(signal) + " at " + address, {}});
  return false;
}

// What exit(3) or the like left a handler with.
void MaskedPanics::on_thread_exit(const Tracee& thread, int) {
  const auto known = processes_.find(thread.pid);
  if (known == processes_.end()) return;
  known->second.terminating.erase(thread.tid);
  const auto caught = known->second.caught.extract(thread.tid);
  if (caught.empty()) return;
  for (const auto& one : caught.mapped()) report(thread, known->second, one);
}

UnnamedStack MaskedPanics::stack_of(const Tracee& thread, const Process& process) {
  if (process.stacks_left > 0) return std::move(stacks_.unnamed({thread}).front());
  return {.stack = {.pid = thread.pid,
                    .tid = thread.tid,
                    .thread_name = thread_name(thread.tid),
                    .frames = {},
                    .ends_because = "too many were taken before"},
          .places = {}};
}

void MaskedPanics::report(const Tracee& thread, Process& process, const Caught& caught) {
  if (!caught.counts) return;
  MaskedPanic panic{Runtime::cpp, caught.kind, caught.what, {}};
  if (caught.stack && process.stacks_left > 0) panic.to_name = *caught.stack;
  report(thread, process, std::move(panic));
}

void MaskedPanics::report(const Tracee& thread, Process& process, MaskedPanic panic) {
  if (panic.to_name.stack.tid == 0) panic.to_name = stack_of(thread, process);
  panic.stack = stacks_.named({panic.to_name}).front();
  if (process.stacks_left <= kMaxStacks - kMaxWithLines) panic.to_name = {};
  --process.stacks_left;
  if (panic.runtime == Runtime::rust) {
    const auto& frames = panic.stack.frames;
    const auto own = std::ranges::find_if_not(frames, is_of_rust_runtime, &Frame::function);
    if (own != frames.end()) panic.what = own->function;
  }
  found_(std::move(panic));
}

}  // namespace lastcall
