// A kernel for tests: what it reports is what the test says, and what it is asked to do is kept.
// Complains where the real one would be misused: a thread that is not stopped cannot be resumed.
#pragma once

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "tracer/ptrace/ptrace_calls.hpp"

namespace lastcall::testing {

class FakePtrace : public PtraceCalls {
 public:
  struct FakeThread {
    pid_t pid = 0;
    bool stopped = false;
    bool gone = false;  // SIGKILL took it while it was stopped
    bool uninterruptible = false;
    bool interrupt_pends = false;
    bool in_call = false;         // at the entry of one that it was made to make
    bool stops_as_group = false;  // what an interrupt reports: a group stop
    int takes_again = 0;          // the same signal, so often, and is reported before all others
    std::uint32_t options = 0;
    std::uint64_t message = 0;
    siginfo_t signal{};
    SyscallEntry entry{};
    user_regs_struct registers{};
    std::vector<std::string> resumed{};  // "run", "run 15", "to exit", "listen"
  };
  std::map<pid_t, FakeThread> threads;
  std::map<std::string, std::string> status;  // of any process
  std::deque<siginfo_t> reports;
  Nanoseconds awaited{};
  std::map<std::uint64_t, std::uint8_t> memory;  // of all processes

  // --- what happens ---
  void stops(pid_t tid, int signal, int event = 0) {
    threads[tid].stopped = true;
    siginfo_t info{};
    info.si_pid = tid;
    info.si_code = CLD_TRAPPED;
    info.si_status = signal | event << 8;
    reports.push_back(info);
  }
  void takes(pid_t tid, int signal) {
    threads[tid].signal.si_signo = signal;
    stops(tid, signal);
  }
  void enters(pid_t tid, std::uint64_t number, std::array<std::uint64_t, 6> arguments = {}) {
    auto& thread = threads[tid];
    thread.entry = {number, arguments};
    thread.registers.orig_rax = number;
    thread.registers.rax = static_cast<std::uint64_t>(-std::int64_t{ENOSYS});
    thread.registers.rdx = arguments[2];
    stops(tid, SIGTRAP, PTRACE_EVENT_SECCOMP);
  }
  void returns(pid_t tid, std::int64_t result) {
    threads[tid].registers.rax = static_cast<std::uint64_t>(result);
    stops(tid, SIGTRAP | 0x80);
  }
  // With its process, whose exit code is `code`, or alone: what it was calling then, with what.
  void dies(pid_t tid, std::uint64_t number, std::uint64_t argument, int code) {
    auto& thread = threads[tid];
    thread.registers.orig_rax = number;
    thread.registers.rdi = argument;
    thread.message = static_cast<std::uint64_t>(code) << 8;
    stops(tid, SIGTRAP, PTRACE_EVENT_EXIT);
  }
  void ends(pid_t tid, int code = CLD_EXITED, int value = 0) {
    siginfo_t info{};
    info.si_pid = tid;
    info.si_code = code;
    info.si_status = value;
    reports.push_back(info);
  }
  // A call that returned EINTR: the instruction after `syscall` is at `next`.
  void was_interrupted_in(pid_t tid, std::uint64_t number, std::uint64_t next) {
    auto& registers = threads[tid].registers;
    registers.orig_rax = number;
    registers.rax = static_cast<std::uint64_t>(-std::int64_t{EINTR});
    registers.rip = next;
  }
  [[nodiscard]] std::vector<std::string> resumed(pid_t tid) {
    return std::exchange(threads[tid].resumed, {});
  }

  // --- PtraceCalls ---
  int seize(pid_t pid, std::uint32_t options) override {
    threads[pid].pid = pid;
    threads[pid].options = options;
    return seize_problem;
  }
  int seize_problem = 0;
  std::function<void()> at_interrupt;  // once, of the first thread that is interrupted
  int interrupt(pid_t tid) override {
    auto& thread = threads[tid];
    if (thread.stopped && !thread.uninterruptible) thread.interrupt_pends = true;
    if (thread.uninterruptible || thread.stopped) return 0;
    if (at_interrupt) std::exchange(at_interrupt, nullptr)();
    stops(tid, thread.stops_as_group ? SIGSTOP : SIGTRAP, PTRACE_EVENT_STOP);
    return 0;
  }
  std::optional<siginfo_t> wait() override {
    if (reports.empty()) return std::nullopt;
    const auto report = reports.front();
    reports.pop_front();
    if (report.si_code != CLD_TRAPPED) threads.erase(report.si_pid);
    return report;
  }
  std::function<void()> at_await;  // once
  void await(std::chrono::nanoseconds limit) override {
    awaited += limit;
    if (at_await) std::exchange(at_await, nullptr)();
  }
  int resume(pid_t tid, Resume how, int signal) override {
    const auto found = threads.find(tid);
    if (found == threads.end() || found->second.gone) return ESRCH;
    EXPECT_TRUE(found->second.stopped) << tid << " is resumed and was not stopped";
    found->second.stopped = false;
    constexpr const char* kNames[] = {"run", "to exit", "step", "listen"};
    found->second.resumed.push_back(kNames[static_cast<std::size_t>(how)] +
                                    (signal == 0 ? "" : " " + std::to_string(signal)));
    auto& thread = found->second;
    if (std::exchange(thread.in_call, false)) {
      thread.registers.rip += 2;
      thread.registers.rax = static_cast<std::uint64_t>(at_call(tid));
    } else if (at_call && how == Resume::to_syscall_exit) {
      thread.in_call = true;
      stops(tid, SIGTRAP | 0x80);
      if (at_entry) std::exchange(at_entry, nullptr)();
    }
    if (!thread.stopped && std::exchange(thread.interrupt_pends, false))
      stops(tid, SIGTRAP, PTRACE_EVENT_STOP);
    if (thread.takes_again > 0) {
      --thread.takes_again;
      takes(tid, thread.signal.si_signo);
      std::ranges::rotate(reports, reports.end() - 1);
    }
    if (how == Resume::one_step) {
      ++found->second.registers.rip;
      if (!at_step || at_step()) takes(tid, SIGTRAP);
    }
    return 0;
  }
  std::function<std::int64_t(pid_t)> at_call;  // makes the calls that follow a resume `to exit`
  std::function<void()> at_entry;              // once, instead of the first of them
  std::function<bool()> at_step;               // whether nothing else comes of the step
  int set_options(pid_t tid, std::uint32_t options) override {
    EXPECT_TRUE(threads[tid].stopped) << tid;
    threads[tid].options = options;
    return 0;
  }
  int event_message(pid_t tid, std::uint64_t& message) override {
    message = threads[tid].message;
    return 0;
  }
  int signal_info(pid_t tid, siginfo_t& info) override {
    info = threads[tid].signal;
    return 0;
  }
  int set_signal_info(pid_t tid, const siginfo_t& info) override {
    threads[tid].signal = info;
    return 0;
  }
  std::vector<std::pair<pid_t, int>> sent;  // to threads
  int send(pid_t, pid_t tid, int signal) override {
    sent.emplace_back(tid, signal);
    return 0;
  }
  int syscall_entry(pid_t tid, SyscallEntry& entry) override {
    entry = threads[tid].entry;
    return 0;
  }
  int registers(pid_t tid, user_regs_struct& registers) override {
    registers = threads[tid].registers;
    return 0;
  }
  int set_registers(pid_t tid, const user_regs_struct& registers) override {
    threads[tid].registers = registers;
    return 0;
  }
  int write_memory(pid_t, std::uint64_t address, std::span<const std::byte> bytes) override {
    for (const auto byte : bytes) memory[address++] = static_cast<std::uint8_t>(byte);
    return 0;
  }
  std::size_t read_memory(pid_t, std::uint64_t address, std::span<std::byte> into) override {
    std::size_t count = 0;
    for (; count < into.size() && memory.contains(address + count); ++count)
      into[count] = std::byte{memory[address + count]};
    return count;
  }
  pid_t process_of(pid_t tid) override { return threads[tid].pid; }
  bool share_memory(pid_t one, pid_t other) override { return sharing == std::pair(one, other); }
  std::pair<pid_t, pid_t> sharing{};
  std::map<pid_t, std::string> blocked;  // SigBlk of a thread, if not that of `status`
  std::string status_field(pid_t tid, const std::string& field) override {
    return field == "SigBlk" && blocked.contains(tid) ? blocked[tid] : status[field];
  }
};

}  // namespace lastcall::testing
