#include "tracer/locks/waits.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/file.hpp"
#include "base/text.hpp"
#include "tracer/ptrace/memory.hpp"
#include "tracer/stacks/modules.hpp"

namespace lastcall {
namespace {

// What a blocked call returns once a stop interrupts it (the kernel's include/linux/errno.h): it
// will be made again, or says EINTR to the program.
constexpr std::array<std::int64_t, 5> kInterrupted{-EINTR, -512, -513, -514, -516};
constexpr std::uint32_t kOperation = static_cast<std::uint32_t>(FUTEX_CMD_MASK);
constexpr std::uint32_t kFutexLockPi2 = 13;  // newer than some headers
// glibc 2.36, bits/struct_mutex.h, bits/struct_rwlock.h and bits/thread-shared-types.h.
constexpr std::uint64_t kMutexOwner = 8;
constexpr std::uint64_t kMutexKind = 16;
constexpr std::uint32_t kLargestMutexKind = 0x7ff;
constexpr std::uint64_t kPhaseFutex = 8;
constexpr std::uint64_t kWritersFutex = 12;
constexpr std::uint64_t kWriter = 24;
constexpr std::uint64_t kConditionFutexes = 40;  // two words, of which one is waited on
constexpr std::uint32_t kLargestPhase = 3;       // 1, and whether somebody waits for it
constexpr std::uint64_t kRustWriterFutex = 4;
// Where the kernel refuses to lock a mutex that inherits priorities (EDEADLK), glibc lets the
// thread wait forever on a word of its own stack, and forgets the mutex.
constexpr std::uint64_t kNearby = 512;  // the frames of glibc itself
constexpr const char* kRefused = "a mutex that the kernel refused (EDEADLK)";
constexpr std::uint64_t kThreadStruct = 4096;  // more than struct pthread of any release has
// How much of a stack is searched: a thread that holds a lock has its address in the frames around
// the innermost ones.
constexpr std::uint64_t kMaxScanned = 1UL << 20;

using Arguments = std::array<std::uint64_t, 6>;

struct Call {
  enum class Limit : std::uint8_t { none, pointer, milliseconds };
  std::uint64_t number;
  const char* name;
  WaitKind kind = WaitKind::other;
  int descriptor = -1;  // which argument
  Limit limit = Limit::none;
  std::size_t limit_argument = 0;
};

constexpr auto kDescriptor = WaitKind::descriptor;
constexpr auto kPointer = Call::Limit::pointer;
constexpr auto kMilliseconds = Call::Limit::milliseconds;
constexpr Call kCalls[] = {
    {SYS_read, "read", kDescriptor, 0},
    {SYS_readv, "readv", kDescriptor, 0},
    {SYS_write, "write", kDescriptor, 0},
    {SYS_writev, "writev", kDescriptor, 0},
    {SYS_recvfrom, "recv", kDescriptor, 0},
    {SYS_recvmsg, "recvmsg", kDescriptor, 0},
    {SYS_recvmmsg, "recvmmsg", kDescriptor, 0, kPointer, 4},
    {SYS_sendto, "send", kDescriptor, 0},
    {SYS_sendmsg, "sendmsg", kDescriptor, 0},
    {SYS_accept, "accept", kDescriptor, 0},
    {SYS_accept4, "accept", kDescriptor, 0},
    {SYS_connect, "connect", kDescriptor, 0},
    {SYS_flock, "flock", kDescriptor, 0},
    {SYS_fcntl, "fcntl", kDescriptor, 0},
    {SYS_epoll_wait, "epoll_wait", kDescriptor, 0, kMilliseconds, 3},
    {SYS_epoll_pwait, "epoll_wait", kDescriptor, 0, kMilliseconds, 3},
    {SYS_epoll_pwait2, "epoll_wait", kDescriptor, 0, kPointer, 3},
    {SYS_poll, "poll", kDescriptor, -1, kMilliseconds, 2},
    {SYS_ppoll, "poll", kDescriptor, -1, kPointer, 2},
    {SYS_select, "select", kDescriptor, -1, kPointer, 4},
    {SYS_pselect6, "select", kDescriptor, -1, kPointer, 4},
    {SYS_nanosleep, "sleep", WaitKind::time, -1, kPointer, 0},
    {SYS_clock_nanosleep, "sleep", WaitKind::time, -1, kPointer, 2},
    {SYS_wait4, "the end of a child", WaitKind::child},
    {SYS_waitid, "the end of a child", WaitKind::child},
    {SYS_pause, "a signal", WaitKind::signal},
    {SYS_rt_sigsuspend, "a signal", WaitKind::signal},
    {SYS_rt_sigtimedwait, "a signal", WaitKind::signal, -1, kPointer, 2},
};

// By a part of the name of a function that is called for it, the innermost of the stack that is
// known. `rust`: of its standard library, whose locks do not say who holds them.
struct LockFunction {
  std::string_view part;
  WaitKind kind;
  bool rust = false;
};
constexpr std::string_view kRustWrites = "write_contended";
constexpr LockFunction kLockFunctions[] = {
    {"pthread_mutex_", WaitKind::mutex},
    {"pthread_cond_", WaitKind::condition},
    {"pthread_rwlock_", WaitKind::rwlock},
    {"pthread_once", WaitKind::once},
    {"__cxa_guard_acquire", WaitKind::once},
    {"sem_wait", WaitKind::semaphore},
    {"sem_timedwait", WaitKind::semaphore},
    {"sem_clockwait", WaitKind::semaphore},
    {"Mutex::lock_contended", WaitKind::mutex, true},
    {"Mutex>::lock_contended", WaitKind::mutex, true},
    {"read_contended", WaitKind::rwlock, true},
    {kRustWrites, WaitKind::rwlock, true},
    {"Condvar", WaitKind::condition, true},
};

std::string name_of(WaitKind kind) {
  switch (kind) {
    case WaitKind::mutex:
      return "mutex";
    case WaitKind::rwlock:
      return "rwlock";
    case WaitKind::condition:
      return "condition variable";
    case WaitKind::semaphore:
      return "semaphore";
    case WaitKind::once:
      return "initialisation";
    default:
      return "futex";
  }
}

Arguments arguments_of(const user_regs_struct& registers) {
  return {registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9};
}

const LockFunction* lock_function_of(const Stack& stack) {
  for (const auto& frame : stack.frames) {
    const auto found = std::ranges::find_if(kLockFunctions, [&](const LockFunction& one) {
      return frame.function.find(one.part) != std::string::npos;
    });
    if (found != std::end(kLockFunctions)) return found;
    if (!is_library_frame(frame)) return nullptr;
  }
  return nullptr;
}

// A C library without debug files does not name all of its own functions: for a mutex with a time
// limit or a robust one no name is left.
bool is_unnamed(const Stack& stack) {
  return !stack.frames.empty() && stack.frames.front().function.empty() &&
         is_in_library(stack.frames.front());
}

// The number of the call that it is blocked in. The kernel forgets it where a time-out goes on
// (restart_syscall(2)); the functions on the stack still tell it.
std::optional<std::uint64_t> call_of(const user_regs_struct& registers, const Stack& stack) {
  if (std::ranges::find(kInterrupted, static_cast<std::int64_t>(registers.rax)) ==
          kInterrupted.end() ||
      static_cast<std::int64_t>(registers.orig_rax) < 0)
    return std::nullopt;
  if (registers.orig_rax != SYS_restart_syscall) return registers.orig_rax;
  for (const auto& frame : stack.frames) {
    if (frame.function.find("nanosleep") != std::string::npos) return SYS_clock_nanosleep;
    if (frame.function.find("poll") != std::string::npos) return SYS_poll;
    if (!is_library_frame(frame)) break;
  }
  return SYS_futex;
}

// The threads of one process.
class Look {
 public:
  struct Thread {
    const Tracee* tracee;
    const Stack* stack;
    user_regs_struct registers{};
    ThreadWait* result;
  };

  explicit Look(std::vector<Thread> threads)
      : threads_(std::move(threads)),
        memory_(threads_.front().tracee->calls, threads_.front().tracee->tid) {
    (void)modules_.refresh(threads_.front().tracee->tid);
  }

  // `unseen`: further threads of the process.
  void classify(const std::set<pid_t>& unseen) {
    for (auto& one : threads_) {
      if (one.tracee->calls.registers(one.tracee->tid, one.registers) != 0) one.registers = {};
    }
    for (auto& one : threads_) one.result->wait = wait_of(one);
    // In a program with Go in it stacks move, and what lies on them may be of any goroutine.
    if (unseen.empty() && !runs_go()) find_probable_owners();
    std::vector<const Thread*> alone;
    for (const auto& one : threads_) {
      if (one.result->wait.what != kRefused) continue;
      one.result->wait.owner = last_behind(one.tracee->tid);
      if (one.result->wait.owner == 0) alone.push_back(&one);
    }
    // Two that come to the circle at the same time may both be refused.
    if (alone.size() != 2) return;
    alone[0]->result->wait.owner = alone[1]->tracee->tid;
    alone[1]->result->wait.owner = alone[0]->tracee->tid;
  }

 private:
  Wait wait_of(const Thread& thread) {
    const auto number = call_of(thread.registers, *thread.stack);
    if (!number) return {};
    const auto arguments = arguments_of(thread.registers);
    if (*number == SYS_futex) return futex_wait(thread, arguments);
    const auto call = std::ranges::find(kCalls, *number, &Call::number);
    if (call == std::end(kCalls))
      return {.kind = WaitKind::other, .what = "system call " + std::to_string(*number)};
    Wait wait{.kind = call->kind, .what = call->name};
    const auto limit = arguments[call->limit_argument];
    wait.timed =
        (call->limit == Call::Limit::pointer && limit != 0) ||
        (call->limit == Call::Limit::milliseconds && static_cast<std::int32_t>(limit) >= 0);
    if (call->descriptor >= 0) {
      wait.descriptor = static_cast<int>(arguments[static_cast<std::size_t>(call->descriptor)]);
      wait.what += " on " + std::to_string(wait.descriptor);
      std::error_code gone;
      const auto link = std::filesystem::read_symlink(
          "/proc/" + std::to_string(thread.tracee->tid) + "/fd/" + std::to_string(wait.descriptor),
          gone);
      if (!gone) wait.what += " (" + link.string() + ")";
    }
    return wait;
  }

  Wait futex_wait(const Thread& thread, const Arguments& arguments) {
    const auto operation = static_cast<std::uint32_t>(arguments[1]) & kOperation;
    const bool is_private = (arguments[1] & FUTEX_PRIVATE_FLAG) != 0;
    Wait wait{.kind = WaitKind::futex, .address = arguments[0], .timed = arguments[3] != 0};
    if (const auto joined = thread_of_word(wait.address); joined != 0 && !is_private) {
      wait.kind = WaitKind::thread;
      wait.owner = joined;
      wait.what = "the end of";
      return wait;
    }
    const auto* function = lock_function_of(*thread.stack);
    if (function != nullptr && !function->rust && has_changed(operation, arguments)) return {};
    if (operation == FUTEX_LOCK_PI || operation == kFutexLockPi2) {
      wait.kind = WaitKind::mutex;
      wait.owner = owner_at(wait.address, is_private);
    } else if (function != nullptr && function->rust) {
      wait.kind = function->kind;
      if (function->part == kRustWrites) wait.address -= kRustWriterFutex;
      wait.certain = wait.kind == WaitKind::condition;
    } else if (function != nullptr) {
      wait.kind = function->kind;
      if (wait.kind == WaitKind::condition) {
        // Where it was notified it waits for the mutex again, and in the mutex' way.
        if (operation == FUTEX_WAIT) wait.kind = WaitKind::mutex;
        // Another process may notify.
        else if (!is_private)
          wait.kind = WaitKind::futex;
        else
          wait.address = (wait.address - kConditionFutexes) / 8 * 8;
      }
      if (wait.kind == WaitKind::rwlock) {
        wait.address = rwlock_of(wait.address, static_cast<std::uint32_t>(arguments[2]));
        wait.owner = owner_at(wait.address + kWriter, is_private);
        wait.certain = wait.owner != 0;  // readers leave no number
      } else if (wait.kind == WaitKind::mutex) {
        if (is_locked_mutex(wait.address))
          wait.owner = owner_at(wait.address + kMutexOwner, is_private);
        else if (wait.address - thread.registers.rsp < kNearby)
          return {.kind = WaitKind::mutex, .what = kRefused, .certain = false};
      }
    } else if (is_unnamed(*thread.stack) && is_locked_mutex(wait.address) &&
               is_seen(owner_at(wait.address + kMutexOwner, is_private))) {
      wait.kind = WaitKind::mutex;
      wait.owner = owner_at(wait.address + kMutexOwner, is_private);
    }
    wait.what = name_of(wait.kind) + ' ' + place_of_lock(wait.address);
    return wait;
  }

  // Threads are stopped one after the other: one that was stopped later may have unlocked or
  // notified meanwhile. The call then returns as soon as it is made again (EAGAIN, futex(2)).
  bool has_changed(std::uint32_t operation, const Arguments& arguments) {
    if (operation != FUTEX_WAIT && operation != FUTEX_WAIT_BITSET) return false;
    const auto value = memory_.get<std::uint32_t>(arguments[0]);
    return value && *value != static_cast<std::uint32_t>(arguments[2]);
  }

  std::string place_of_lock(std::uint64_t address) {
    const auto* module = modules_.of_variable(address, memory_);
    auto name = module != nullptr && module->file
                    ? module->file->variable_at(address - module->bias)
                    : std::string();
    return name.empty() ? hexadecimal(address) : name;
  }

  // The kernel refused to let this thread complete a circle. It wanted the mutex of one that waits
  // for it: of the last one, if they wait one behind the other. 0 if they do not.
  pid_t last_behind(pid_t refused) const {
    auto last = refused;
    for (std::size_t i = 0; i < threads_.size(); ++i) {
      pid_t behind = 0;
      for (const auto& one : threads_) {
        if (one.result->wait.owner == last && std::exchange(behind, one.tracee->tid) != 0) return 0;
      }
      if (behind == 0) break;
      last = behind;
    }
    return last == refused ? 0 : last;
  }

  // Which thread's own structure has this word; it holds its tid until it ends.
  pid_t thread_of_word(std::uint64_t address) {
    const auto value = memory_.get<pid_t>(address).value_or(0);
    const auto found = std::ranges::find_if(threads_, [&](const Thread& one) {
      return one.tracee->tid == value && address - one.registers.fs_base < kThreadStruct;
    });
    return found == threads_.end() ? 0 : value;
  }

  // Its futex is one of three words of it; the structure is aligned to eight bytes.
  static std::uint64_t rwlock_of(std::uint64_t futex, std::uint32_t expected) {
    if (futex % 8 != 0) return futex - kWritersFutex;
    return expected <= kLargestPhase ? futex - kPhaseFutex : futex;
  }

  bool is_locked_mutex(std::uint64_t address) {
    const auto kind = memory_.get<std::uint32_t>(address + kMutexKind);
    return memory_.get<std::uint32_t>(address).value_or(0) != 0 && kind &&
           *kind <= kLargestMutexKind;
  }

  // A thread may also have ended since it locked; of a lock that is shared with other processes the
  // owner may be any of theirs.
  pid_t owner_at(std::uint64_t address, bool is_private) {
    const auto word = memory_.get<std::uint32_t>(address).value_or(0) & FUTEX_TID_MASK;
    const auto tid = static_cast<pid_t>(word);
    return is_private || is_seen(tid) ? tid : 0;
  }

  bool is_seen(pid_t tid) const {
    return std::ranges::any_of(threads_,
                               [tid](const Thread& one) { return one.tracee->tid == tid; });
  }

  bool runs_go() const {
    return std::ranges::any_of(threads_, [](const Thread& one) {
      return std::ranges::any_of(one.stack->frames, [](const Frame& frame) {
        return frame.function.starts_with("runtime.");
      });
    });
  }

  void find_probable_owners() {
    std::set<std::uint64_t> wanted;
    for (const auto& one : threads_) {
      if (!one.result->wait.certain) wanted.insert(one.result->wait.address);
    }
    if (wanted.empty()) return;
    std::map<std::uint64_t, std::vector<pid_t>> knowing;
    for (const auto& one : threads_) {
      for (const auto address : addresses_in(one, wanted)) {
        if (one.result->wait.address != address) knowing[address].push_back(one.tracee->tid);
      }
    }
    for (const auto& one : threads_) {
      auto& wait = one.result->wait;
      if (!wait.certain && knowing[wait.address].size() == 1)
        wait.owner = knowing[wait.address].front();
    }
  }

  // Which of them a thread has in its registers and on its stack.
  std::set<std::uint64_t> addresses_in(const Thread& thread,
                                       const std::set<std::uint64_t>& wanted) {
    std::set<std::uint64_t> found;
    for (const auto word : words_of(thread, kMaxScanned)) {
      if (wanted.contains(word)) found.insert(word);
    }
    return found;
  }

  // Of its registers and of that much of its stack.
  std::vector<std::uint64_t> words_of(const Thread& thread, std::uint64_t most) {
    std::vector<std::uint64_t> words(sizeof thread.registers / sizeof(std::uint64_t));
    std::memcpy(words.data(), &thread.registers, sizeof thread.registers);
    const std::uint64_t begin = (thread.registers.rsp + 7) / 8 * 8;
    const auto end = std::min(modules_.end_of(begin), begin + most);
    for (auto at = begin; at < end; at += sizeof(std::uint64_t)) {
      if (const auto word = memory_.get<std::uint64_t>(at)) words.push_back(*word);
    }
    return words;
  }

  std::vector<Thread> threads_;
  Memory memory_;
  Modules modules_;
};

// All threads of a process that have not ended.
std::set<pid_t> threads_of(pid_t pid, PtraceCalls& calls) {
  std::set<pid_t> threads;
  std::error_code gone;
  const std::filesystem::directory_iterator tasks("/proc/" + std::to_string(pid) + "/task", gone);
  for (auto at = begin(tasks); !gone && at != end(tasks); at.increment(gone)) {
    const auto tid = std::atoi(at->path().filename().c_str());
    const auto state = calls.status_field(tid, "State");
    if (!state.empty() && state.front() != 'Z' && state.front() != 'X') threads.insert(tid);
  }
  return threads;
}

}  // namespace

std::vector<ThreadWait> waits_of(const std::vector<Tracee>& tracees,
                                 const std::vector<Stack>& stacks) {
  std::vector<ThreadWait> waits;
  std::map<pid_t, std::vector<Look::Thread>> processes;
  waits.reserve(tracees.size());
  for (std::size_t i = 0; i < tracees.size(); ++i) {
    const auto& stack = stacks[i];
    waits.push_back({stack.pid, stack.tid, stack.thread_name, place_of(stack)});
    processes[stack.pid].push_back(
        {.tracee = &tracees[i], .stack = &stack, .result = &waits.back()});
  }
  std::vector<ThreadWait> further;
  for (auto& [pid, threads] : processes) {
    auto unseen = threads_of(pid, threads.front().tracee->calls);
    for (const auto& one : threads) unseen.erase(one.tracee->tid);
    for (const auto tid : unseen) further.push_back({pid, tid, "", "?"});
    Look(std::move(threads)).classify(unseen);
  }
  std::ranges::move(further, std::back_inserter(waits));
  return waits;
}

std::string untimed_futex_waits(pid_t pid) {
  // "202 0x7f10 0x80 0x2 0x0 …": the call and its arguments (proc(5), "/proc/pid/syscall").
  constexpr std::array<std::uint64_t, 4> kWaits{FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_LOCK_PI,
                                                kFutexLockPi2};
  std::string all;
  std::error_code ec;
  const auto tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks, ec)) {
    const auto call = read_file(task.path().string() + "/syscall");
    if (!call) return {};
    std::istringstream words(*call);
    long number = -1;
    std::uint64_t address = 0;
    std::uint64_t operation = 0;
    std::uint64_t value = 0;
    std::uint64_t timeout = 1;
    words >> number >> std::hex >> address >> operation >> value >> timeout;
    const bool waits = std::ranges::count(kWaits, operation & FUTEX_CMD_MASK) > 0;
    if (!words || number != SYS_futex || !waits || timeout != 0) return {};
    all += task.path().filename().string() + ' ' + *call;
  }
  return all;
}

}  // namespace lastcall
