// Finds programming errors at the entry points of the runtimes, also when nothing is logged and the
// program goes on: a Go panic, a Rust panic, a C++ exception that was swallowed, std::terminate, a
// SIGSEGV that the program itself handles. Whether one is expected is for others to judge by its
// stack.
//
// - Go: runtime.gopanic, which index errors, nil dereferences and the like all end in, and
//   encoding/json and others use for control flow.
// - Rust: rust_panic, which every panic comes to once its hook has run.
// - C++: __cxa_begin_catch. An exception counts that is a logic_error, a bad_cast or the like by
//   its class or a base of it, whoever catches it, and any that reaches a catch-all. It is reported
//   when that handler is over and has not let it go on: by `throw;`, or by current_exception(),
//   with which std::async, coroutines and the like pass it to somebody else, who is judged in turn.
//   Forced unwinding (pthread_cancel) and exceptions of other languages are no errors.
// - Signals: SIGSEGV, SIGBUS, SIGFPE, SIGILL of the thread's own doing, if they are handled. Not in
//   Go, which makes panics of them, nor under Java and Node, whose runtimes use them normally. A
//   handler that lets the process die of it afterwards (Rust's, crash reporters') is counted too.
//
// Found by symbol, when the program is executed and whenever its dynamic linker has mapped
// something (_dl_debug_state). A stripped Go program still says where its functions are, unless it
// is both linked with C and position-independent. Not seen: such a one, others that contain their
// runtime and are stripped, an exception that ends in what took current_exception() and forgets it,
// handlers in fibers that change threads, anything in a program that was not executed while it was
// watched.
//
// Costs nothing while nothing panics or throws; a C++ exception that is caught costs one stop of
// its thread, two or more if it counts. Called on the tracer's thread only; never fails, sees less
// instead.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tracer/loop/observer.hpp"
#include "tracer/stacks/modules.hpp"
#include "tracer/stacks/stack_reader.hpp"

namespace lastcall {

struct MaskedPanic {
  enum class Runtime : std::uint8_t { go, rust, cpp, signal };
  // `programming_error`: Go runtime errors, Rust panics, C++ logic errors. `panic`: of Go, with a
  // value that is no runtime error. `catch_all`: another C++ exception that reached a catch-all.
  // `terminate`: std::terminate, whatever its handler does then. `signal`: caught.
  enum class Kind : std::uint8_t { programming_error, panic, catch_all, terminate, signal };
  Runtime runtime = Runtime::signal;
  Kind kind = Kind::signal;
  // "runtime.boundsError: index out of range [5] with length 3", "std::out_of_range: vector::at",
  // the function of a Rust panic, "SIGSEGV at 0x10". What is not known is left out.
  std::string what;
  // Where it was thrown; of a C++ exception where it was caught. Without frames beyond kMaxStacks.
  Stack stack;
  UnnamedStack to_name{};  // the same, if file and line are worth their time; else without places
};

struct WatchedRuntimes {
  pid_t pid = 0;
  std::string program;             // its path
  std::set<std::string> runtimes;  // of "c++", "go", "rust"
  std::string reason;              // why there are none; empty if there are
};

class MaskedPanics : public TraceObserver {
 public:
  using Found = std::function<void(MaskedPanic)>;
  using Watched = std::function<void(WatchedRuntimes)>;

  // Of one process: what 5 KB and 100 µs each allow.
  static constexpr int kMaxStacks = 256;
  // For whose first ones file and line are looked up, which costs tens of milliseconds a program.
  static constexpr int kMaxWithLines = 4;
  // Nested handlers of a thread that are followed; deeper ones are not.
  static constexpr std::size_t kMaxCaught = 64;

  // Both are called on the tracer's thread. `watched` once for each program that is executed,
  // before its main(), and again when a library brings another runtime.
  MaskedPanics(Found found, Watched watched)
      : found_(std::move(found)), watched_(std::move(watched)) {}

  void executed(const Tracee& thread) override;
  void began(const Tracee& thread) override;
  void on_breakpoint(const Tracee& thread, std::uint64_t address) override;
  bool on_signal(const Tracee& thread, const siginfo_t& info) override;
  void on_thread_exit(const Tracee& thread, int status) override;
  void process_ended(pid_t pid, const siginfo_t& info) override;

 private:
  enum class Entry : std::uint8_t {
    mapped,         // by the dynamic linker
    program_start,  // everything it is linked with is mapped
    go_panic,
    rust_panic,
    begin_catch,
    end_catch,
    rethrow,
    current_exception,
    terminate
  };
  struct EntryName;
  static const std::vector<EntryName>& entry_names();

  // Between __cxa_begin_catch and __cxa_end_catch.
  struct Caught {
    bool counts = false;
    MaskedPanic::Kind kind = MaskedPanic::Kind::catch_all;
    std::string what{};
    std::uint64_t handler = 0;            // where it goes on there
    std::optional<UnnamedStack> stack{};  // not yet taken: of a handler that has handed one on
  };
  struct Process {
    std::map<std::uint64_t, Entry> entries{};                // by address
    std::set<std::pair<std::uint64_t, std::string>> seen{};  // modules: where, and which
    WatchedRuntimes watched{};
    std::string unread{};  // a module whose file could not be read, and so not looked through
    bool started = false;
    bool faults_on_purpose = false;     // its runtime, whose own business they are
    std::set<pid_t> terminating{};      // threads
    std::set<std::uint64_t> hand_on{};  // handlers that have thrown one on, as those of containers
    std::map<std::uint64_t, std::uint64_t> go_types{};  // by section: where its types begin
    int stacks_left = kMaxStacks;
    // Of threads with one that counts; the last is the inmost.
    std::map<pid_t, std::vector<Caught>> caught{};
  };

  void look_at_modules(const Tracee& thread, Process& process);
  void add(const Tracee& thread, Process& process, const Module& module, Memory& memory);
  void say_what_is_watched(Process& process);
  void watch_handlers(const Tracee& thread, const Process& process, bool watch);
  static std::uint64_t types_around(std::uint64_t type, const Module& module, Process& process,
                                    Memory& memory);
  void on_go_panic(const Tracee& thread, Process& process, const user_regs_struct& registers);
  void on_rust_panic(const Tracee& thread, Process& process);
  void on_begin_catch(const Tracee& thread, Process& process, const user_regs_struct& registers);
  void on_terminate(const Tracee& thread, Process& process, std::string what);
  void on_end_catch(const Tracee& thread, Process& process);
  void report(const Tracee& thread, Process& process, const Caught& caught);
  void report(const Tracee& thread, Process& process, MaskedPanic panic);
  UnnamedStack stack_of(const Tracee& thread, const Process& process);

  Found found_;
  Watched watched_;
  StackReader stacks_;
  std::map<pid_t, Process> processes_;
};

}  // namespace lastcall
