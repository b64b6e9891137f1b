#include "tracer/calls/timed_waits.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <span>
#include <utility>

#include "tracer/ptrace/descriptors.hpp"

namespace lastcall {
namespace {

enum class Unit : std::uint8_t { timespec, timeval, milliseconds };
// What a thread waits for besides the time: nothing; something; descriptors, if an argument, of
// which this is the number, says that there are some.
constexpr int kNothing = -1;
constexpr int kSomething = -2;

struct WaitCall {
  std::uint64_t number;
  unsigned limit;  // which argument
  Unit unit = Unit::timespec;
  std::int64_t over = 0;  // what it returns then
  int besides = kSomething;
};
constexpr std::array kCalls{
    WaitCall{SYS_nanosleep, 0, Unit::timespec, 0, kNothing},
    WaitCall{SYS_clock_nanosleep, 2, Unit::timespec, 0, kNothing},
    WaitCall{SYS_poll, 2, Unit::milliseconds, 0, 1},
    WaitCall{SYS_ppoll, 2, Unit::timespec, 0, 1},
    WaitCall{SYS_select, 4, Unit::timeval, 0, 0},
    WaitCall{SYS_pselect6, 4, Unit::timespec, 0, 0},
    WaitCall{SYS_epoll_wait, 3, Unit::milliseconds},
    WaitCall{SYS_epoll_pwait, 3, Unit::milliseconds},
    WaitCall{SYS_epoll_pwait2, 3},
    WaitCall{SYS_futex, 3, Unit::timespec, -ETIMEDOUT},
    WaitCall{SYS_rt_sigtimedwait, 2, Unit::timespec, -EAGAIN},
};

// Bits of a limit that is an int: the sign, and those of which at least one is set in a number that
// is not less than 8. Multiples of 2097152 ms have none of them, but half an hour is as good as no
// limit here.
constexpr std::uint64_t kSign = 1U << 31;
constexpr int kFirstBit = 3;
constexpr int kLastBit = 20;
static_assert(TimedWaits::kLeast == std::chrono::milliseconds(1 << kFirstBit));

// What a call returns that a stop or a signal has interrupted (the kernel's include/linux/errno.h).
bool is_interrupted(const user_regs_struct& registers) {
  const auto result = static_cast<std::int64_t>(registers.rax);
  return static_cast<std::int64_t>(registers.orig_rax) >= 0 &&
         (result == -EINTR || (result <= -512 && result >= -516));
}

bool is_wait(std::uint64_t number) {
  return std::ranges::find(kCalls, number, &WaitCall::number) != kCalls.end();
}

template <class T>
std::optional<T> read(const Tracee& thread, std::uint64_t address) {
  T value{};
  const auto bytes = std::as_writable_bytes(std::span(&value, 1));
  if (thread.calls.read_memory(thread.tid, address, bytes) != sizeof value) return std::nullopt;
  return value;
}

Nanoseconds duration(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
}

// Until the time of an absolute limit; its clock may run in a namespace of its own,
// time_namespaces(7).
Nanoseconds until(clockid_t clock, const timespec& limit) {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) return {};
  return duration(limit) - duration(time);
}

// Nothing of a futex operation that does not wait.
std::optional<Nanoseconds> futex_limit(std::uint32_t operation, const timespec& limit) {
  const auto clock = (operation & FUTEX_CLOCK_REALTIME) != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
  constexpr std::uint32_t kLockPi2 = 13;  // newer than some headers
  switch (operation & static_cast<std::uint32_t>(FUTEX_CMD_MASK)) {
    case FUTEX_WAIT:
      return duration(limit);
    case FUTEX_LOCK_PI:
      return until(CLOCK_REALTIME, limit);
    case FUTEX_WAIT_BITSET:
    case FUTEX_WAIT_REQUEUE_PI:
    case kLockPi2:
      return until(clock, limit);
    default:
      return std::nullopt;
  }
}

// How long the call waits at most; nothing if it has no limit.
std::optional<Nanoseconds> limit_of(const Tracee& thread, const SyscallEntry& entry,
                                    const WaitCall& call) {
  const auto argument = entry.arguments.at(call.limit);
  if (call.unit == Unit::milliseconds) {
    const auto limit = static_cast<std::int32_t>(argument);
    return limit < 0 ? std::nullopt : std::optional<Nanoseconds>(std::chrono::milliseconds(limit));
  }
  if (call.unit == Unit::timeval) {
    const auto limit = read<timeval>(thread, argument);
    if (!limit) return std::nullopt;
    return std::chrono::seconds(limit->tv_sec) + std::chrono::microseconds(limit->tv_usec);
  }
  const auto limit = read<timespec>(thread, argument);
  if (!limit) return std::nullopt;
  if (entry.number == SYS_futex)
    return futex_limit(static_cast<std::uint32_t>(entry.arguments[1]), *limit);
  if (entry.number == SYS_clock_nanosleep && (entry.arguments[1] & TIMER_ABSTIME) != 0)
    return until(static_cast<clockid_t>(entry.arguments[0]), *limit);
  return duration(*limit);
}

}  // namespace

std::vector<int> TimedWaits::syscalls() {
  return {SYS_nanosleep, SYS_clock_nanosleep, SYS_restart_syscall};
}

std::vector<ConditionalCall> TimedWaits::conditional_syscalls() {
  std::vector<ConditionalCall> all;
  for (const auto& call : kCalls) {
    const auto number = static_cast<int>(call.number);
    if (call.besides == kNothing) continue;
    if (call.unit != Unit::milliseconds) {
      all.push_back({number, call.limit, ConditionalCall::If::differs, 0});
      continue;
    }
    // An event loop asks with a limit of 0 or without one all the time: those do not stop.
    for (int bit = kFirstBit; bit <= kLastBit; ++bit) {
      const auto value = std::uint64_t{1} << bit;
      all.push_back({number, call.limit, ConditionalCall::If::has_bits, value, kSign | value});
    }
  }
  return all;
}

std::optional<TimedWaits::Going> TimedWaits::wait_of(const Tracee& thread,
                                                     const SyscallEntry& entry) {
  const auto* call = std::ranges::find(kCalls, entry.number, &WaitCall::number);
  if (call == kCalls.end()) return std::nullopt;
  const auto limit = limit_of(thread, entry, *call);
  if (!limit || *limit < kLeast) return std::nullopt;
  const bool alone =
      call->besides == kNothing ||
      (call->besides >= 0 && entry.arguments.at(static_cast<std::size_t>(call->besides)) == 0);
  return Going{.number = entry.number,
               .over = call->over,
               .from = now(),
               .requested = *limit,
               .alone = alone};
}

void TimedWaits::filters_wake(const Tracee& thread) {
  user_regs_struct r{};
  if (thread.calls.registers(thread.tid, r) != 0 || !is_interrupted(r)) return;
  auto wait = wait_of(thread, {r.orig_rax, {r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9}});
  if (!wait) return;
  wait->was_going_on = true;
  going_[thread.tid] = *wait;
}

// A wait that follows an interrupted one is its rest if the thread called nothing else in between,
// as far as that is asked about, or if it would be over at the same time: a handler of signals may
// have run in between, such as an interpreter's. Short waits are no such call.
bool TimedWaits::is_rest(const Going& wait, const Going& interrupted) {
  constexpr std::chrono::milliseconds kRounding(2);
  if (interrupted.number != wait.number) return false;
  const auto later = wait.from + wait.requested - (interrupted.from + interrupted.requested);
  return !interrupted.others_called || (-kRounding < later && later < kRounding);
}

SyscallAction TimedWaits::on_syscall(const Tracee& thread, const SyscallEntry& entry) {
  auto known = going_.find(thread.tid);
  const bool is_known = known != going_.end();
  if (is_known) known->second.is_watched = false;
  // The rest of a wait, which the kernel remembers (restart_syscall(2)).
  if (entry.number == SYS_restart_syscall) {
    const bool is_rest = is_known && !known->second.others_called;
    if (is_rest) known->second.is_watched = true;
    return {.see_exit = is_rest};
  }
  if (!is_wait(entry.number)) {
    if (is_known) known->second.others_called = true;
    return {};
  }
  const auto wait = wait_of(thread, entry);
  if (!wait) return {};
  if (is_known && is_rest(*wait, known->second)) {
    known->second.requested = wait->from - known->second.from + wait->requested;
    known->second.others_called = false;
  } else {
    known = going_.insert_or_assign(thread.tid, *wait).first;
  }
  known->second.is_watched = true;
  return {.see_exit = true};
}

void TimedWaits::on_syscall_exit(const Tracee& thread, const SyscallEntry&, std::int64_t result) {
  const auto found = going_.find(thread.tid);
  if (found == going_.end() || !std::exchange(found->second.is_watched, false) || result == -EINTR)
    return;
  const auto going = found->second;
  going_.erase(found);
  if (result != going.over) return;
  if (waits_.size() == kKept) {
    waits_.pop_front();
    ++left_out_;
  }
  waits_.push_back({.from = going.from,
                    .to = now(),
                    .pid = thread.pid,
                    .tid = thread.tid,
                    .call = syscall_name(going.number),
                    .requested = going.requested,
                    .alone = going.alone,
                    .was_going_on = going.was_going_on,
                    .stack = stack_of(thread)});
}

// A loop waits at one place, as its registers say.
std::shared_ptr<const UnnamedStack> TimedWaits::stack_of(const Tracee& thread) {
  user_regs_struct registers{};
  (void)thread.calls.registers(thread.tid, registers);
  auto& place = places_[thread.tid];
  if (place.stack && place.instruction == registers.rip && place.stack_pointer == registers.rsp)
    return place.stack;
  UnnamedStack stack;
  if (stacks_taken_ < kMaxStacks) {
    ++stacks_taken_;
    stack = stacks_.unnamed({thread}, Mappings::as_known).front();
  } else {
    stack.stack = {.pid = thread.pid,
                   .tid = thread.tid,
                   .thread_name = thread_name(thread.tid),
                   .frames = {},
                   .ends_because = "too many were taken before"};
  }
  place = {registers.rip, registers.rsp, std::make_shared<UnnamedStack>(std::move(stack))};
  return place.stack;
}

void TimedWaits::note(pid_t tid, AfterWait then) {
  const auto last = std::ranges::find(waits_.rbegin(), waits_.rend(), tid, &TimedWait::tid);
  if (last != waits_.rend()) last->then = then;
}

void TimedWaits::on_exit_call(const Tracee& thread, int) {
  exiting_.insert(thread.pid);
  note(thread.tid, AfterWait::exit_called);
}

void TimedWaits::on_thread_exit(const Tracee& thread, int status) {
  going_.erase(thread.tid);
  places_.erase(thread.tid);
  if (WIFEXITED(status) && !exiting_.contains(thread.pid))
    note(thread.tid, AfterWait::thread_ended);
}

void TimedWaits::process_ended(pid_t pid, const siginfo_t&) { exiting_.erase(pid); }

}  // namespace lastcall
