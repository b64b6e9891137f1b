// The events that the tracer sees, or what was found with its help. As those of history/event.hpp,
// which has them all.
#pragma once

#include <boost/describe/class.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "history/event_enums.hpp"

namespace lastcall {

// The target's tree is traced from here on. `asleep`: its system calls only from FiltersWoke on.
struct TraceBegan {
  static constexpr std::string_view kName = "trace_began";
  bool asleep{};
};
BOOST_DESCRIBE_STRUCT(TraceBegan, (), (asleep))
// It is not traced: what only the tracer could see is not known.
struct TraceFailed {
  static constexpr std::string_view kName = "trace_failed";
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(TraceFailed, (), (reason))
struct FiltersWoke {
  static constexpr std::string_view kName = "filters_woke";
};
BOOST_DESCRIBE_STRUCT(FiltersWoke, (), ())
// A signal reached a thread of the tree; SIGKILL shows only in ProcessEnded. Not of every signal:
// those that programs send themselves by the thousand are left out (SIGCHLD, SIGURG, timers).
struct SignalTaken {
  static constexpr std::string_view kName = "signal_taken";
  std::int32_t pid{};
  std::int32_t tid{};
  std::int32_t signal{};
  std::int32_t code{};      // si_code: who made it, sigaction(2)
  std::int32_t sender{};    // the process that sent it; 0: the kernel, or nobody that can be named
  std::uint32_t user{};     // of the sender
  std::string command;      // of the sender, if it was still there
  std::uint64_t address{};  // of a fault: what the thread tried to use
  bool fatal{};             // nothing catches or ignores it
};
BOOST_DESCRIBE_STRUCT(SignalTaken, (),
                      (pid, tid, signal, code, sender, user, command, address, fatal))
// A thread took a signal for its process that others could have taken too, while calls stopped for
// the tracer. The kernel passes over a thread that stands still, so untraced it may have been
// another.
struct TakerInDoubt {
  static constexpr std::string_view kName = "taker_in_doubt";
  std::int32_t pid{};
  std::int32_t tid{};
  std::int32_t signal{};
};
BOOST_DESCRIBE_STRUCT(TakerInDoubt, (), (pid, tid, signal))
// A thread ends its whole process: exit_group(2).
struct ExitCalled {
  static constexpr std::string_view kName = "exit_called";
  std::int32_t pid{};
  std::int32_t tid{};
  std::int32_t code{};
  std::string thread;  // its name
};
BOOST_DESCRIBE_STRUCT(ExitCalled, (), (pid, tid, code, thread))
// Any process of the tree.
struct ProcessEnded {
  static constexpr std::string_view kName = "process_ended";
  std::int32_t pid{};
  std::string command;
  EndKind how{};
  std::int32_t value{};  // exit code or signal number
};
BOOST_DESCRIBE_STRUCT(ProcessEnded, (), (pid, command, how, value))

// The stacks of a process's threads, as people read them.
struct StacksTaken {
  static constexpr std::string_view kName = "stacks_taken";
  std::int32_t pid{};
  StacksAt at{};
  std::string text;
};
BOOST_DESCRIBE_STRUCT(StacksTaken, (), (pid, at, text))
// What a thread does while the target is stuck.
struct ThreadWaits {
  static constexpr std::string_view kName = "thread_waits";
  static constexpr std::size_t kMaxTold = 256;  // of those that one look sees
  static constexpr std::string_view kUntilTimeOut = ", until a time-out";  // ends `waits`
  std::int32_t pid{};
  std::int32_t tid{};
  std::string thread;  // its name
  std::string place;   // the function
  std::string waits;   // for what; empty: it runs. "semaphore 0x10, until a time-out"
};
BOOST_DESCRIBE_STRUCT(ThreadWaits, (), (pid, tid, thread, place, waits))
// Threads that wait for one another, or for nobody.
struct ThreadsStuck {
  static constexpr std::string_view kName = "threads_stuck";
  bool deadlock{};  // nothing but a signal ends it
  bool certain{};   // every owner was read from the lock itself
  std::string text;
};
BOOST_DESCRIBE_STRUCT(ThreadsStuck, (), (deadlock, certain, text))
// Data was sent on a descriptor whose sending side the process itself had ended.
struct SentLate {
  static constexpr std::string_view kName = "sent_late";
  std::int32_t pid{};
  SendingEnd end{};
  std::int32_t descriptor{};
  std::string what;      // what it had been: "socket:[4711] of 127.0.0.1:80"
  std::string call;      // "sendto"
  std::int32_t error{};  // EBADF or EPIPE
  std::int64_t age{};    // nanoseconds since it was ended
  std::string writer;    // thread and stack
  std::string closer;
};
BOOST_DESCRIBE_STRUCT(SentLate, (), (pid, end, descriptor, what, call, error, age, writer, closer))
// How many calls of all processes were looked at for that.
struct SendsWatched {
  static constexpr std::string_view kName = "sends_watched";
  std::uint64_t sends{};
  std::uint64_t closes{};
};
BOOST_DESCRIBE_STRUCT(SendsWatched, (), (sends, closes))
// Bytes that a client was sent are those of another one's message.
struct ForeignBytes {
  static constexpr std::string_view kName = "foreign_bytes";
  ConnectionId connection{};
  ConnectionId owner{};  // whose they are
};
BOOST_DESCRIBE_STRUCT(ForeignBytes, (), (connection, owner))
// A process that ends by itself was looked at for what it left open.
struct ExitExamined {
  static constexpr std::string_view kName = "exit_examined";
  std::int32_t pid{};
  std::uint32_t left{};  // LeftAtExit that follow
};
BOOST_DESCRIBE_STRUCT(ExitExamined, (), (pid, left))
struct LeftAtExit {
  static constexpr std::string_view kName = "left_at_exit";
  std::int32_t pid{};
  std::string type;  // "listener", "connection", "unsynced", …
  bool fails{};      // otherwise it is worth a word only
  std::string text;
};
BOOST_DESCRIBE_STRUCT(LeftAtExit, (), (pid, type, fails, text))
// What all processes of the target had open when clients had got this number of answers.
struct OpenCounted {
  static constexpr std::string_view kName = "open_counted";
  std::uint64_t answers{};
  std::uint64_t descriptors{};
  std::uint64_t threads{};
};
BOOST_DESCRIBE_STRUCT(OpenCounted, (), (answers, descriptors, threads))
// Whether panics of a process that executes this program are seen.
struct PanicsWatched {
  static constexpr std::string_view kName = "panics_watched";
  std::int32_t pid{};
  std::string program;
  std::string runtimes;  // "c++, rust"; empty: none
  std::string reason;    // why none, or what is not seen
};
BOOST_DESCRIBE_STRUCT(PanicsWatched, (), (pid, program, runtimes, reason))
struct PanicEntered {
  static constexpr std::string_view kName = "panic_entered";
  std::int32_t pid{};
  std::int32_t tid{};
  std::string runtime;  // "go", "rust", "c++", "signal"
  PanicKind what{};
  std::string type;  // "runtime.boundsError", "std::out_of_range"
  std::string message;
  std::string stack;
};
BOOST_DESCRIBE_STRUCT(PanicEntered, (), (pid, tid, runtime, what, type, message, stack))
// The system call at which a fault of the plan strikes.
struct SyscallReached {
  static constexpr std::string_view kName = "syscall_reached";
  FaultId fault{};
  std::int32_t pid{};
  std::int32_t tid{};
  bool exit{};        // as it returns; otherwise before it is made
  std::string call;   // "rename(\"/a\", \"/b\")"
  std::string place;  // the function that makes it
};
BOOST_DESCRIBE_STRUCT(SyscallReached, (), (fault, pid, tid, exit, call, place))
// The place of its code at which a fault of the plan strikes.
struct FunctionReached {
  static constexpr std::string_view kName = "function_reached";
  FaultId fault{};
  std::int32_t pid{};
  std::int32_t tid{};
  std::string thread;    // its name
  std::string function;  // as the plan names it
  std::int64_t hold{};   // nanoseconds that it stands there once the fault is done
  std::string stack;
};
BOOST_DESCRIBE_STRUCT(FunctionReached, (), (fault, pid, tid, thread, function, hold, stack))
// What a process that ends did last, as far as that was seen.
struct FinalCalls {
  static constexpr std::string_view kName = "final_calls";
  std::int32_t pid{};
  std::string text;  // a line each
};
BOOST_DESCRIBE_STRUCT(FinalCalls, (), (pid, text))
// A wait of a thread ended because its time was over: a sleep, or a time-out that ran out. The
// event's time is its end. Of the waits that were seen, from FiltersWoke on, only the last.
struct TargetSlept {
  static constexpr std::string_view kName = "target_slept";
  std::int32_t pid{};
  std::int32_t tid{};
  std::string thread;        // its name
  std::string call;          // "clock_nanosleep"
  std::int64_t requested{};  // nanoseconds
  std::int64_t slept{};      // until the event's time
  bool alone{};              // for nothing but the time: no descriptor, lock or signal
  bool was_going_on{};       // as the filters woke
  AfterWait then{};
  std::string place;  // the innermost function of the program's own code; empty: unknown
};
BOOST_DESCRIBE_STRUCT(TargetSlept, (),
                      (pid, tid, thread, call, requested, slept, alone, was_going_on, then, place))
// Such waits were looked for from FiltersWoke until the target's end.
struct SleepsWatched {
  static constexpr std::string_view kName = "sleeps_watched";
  std::uint64_t seen{};
  std::uint64_t left_out{};  // of them, the first: no TargetSlept says anything of them
};
BOOST_DESCRIBE_STRUCT(SleepsWatched, (), (seen, left_out))
// The kernel's own word on who sent a signal that nobody sees taken, SIGKILL.
struct KillSent {
  static constexpr std::string_view kName = "kill_sent";
  std::int32_t pid{};     // who gets it
  std::int32_t sender{};  // 0: the kernel
  std::string user;       // its name or number; empty: the sender is gone
  std::string command;    // or the sender's name, if it is gone
  std::string why;        // "out of memory"; empty: by kill(2)
};
BOOST_DESCRIBE_STRUCT(KillSent, (), (pid, sender, user, command, why))

}  // namespace lastcall
