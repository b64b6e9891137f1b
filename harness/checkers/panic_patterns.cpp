// Anchored wherever the runtime writes at the beginning of a line: "abort", "Terminate" and "error"
// are words of perfectly normal stops. By hand: what a line must have is more than a pattern can
// say.
#include "checkers/panic_patterns.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "checkers/line_text.hpp"

namespace lastcall {
namespace {

using Lines = std::span<const std::string_view>;

struct Words {
  std::string_view words;
  std::string_view meaning;
};

constexpr std::string_view kGoFatal = "a Go fatal error";
constexpr std::string_view kRust = "a Rust panic";
constexpr std::string_view kTerminate = "std::terminate";
constexpr std::string_view kHeap = "heap corruption";
constexpr std::string_view kGlibc = "an abort of the C library";
constexpr std::string_view kAssertion = "a failed assertion";
constexpr std::string_view kSanitizer = "a sanitizer report";
constexpr std::string_view kUndefined = "undefined behaviour";
constexpr std::string_view kJavaScript = "an uncaught JavaScript exception";
constexpr std::string_view kRejection = "an unhandled promise rejection";
constexpr std::string_view kNodeAbort = "an abort of Node";
constexpr std::string_view kTraceback = "a Python traceback";
constexpr std::string_view kPython = "an uncaught Python exception";
constexpr std::string_view kPendingTask = "a Python task destroyed while pending";
constexpr std::string_view kJava = "an uncaught Java exception";
constexpr std::string_view kJavaMemory = "a JVM out of memory";
constexpr std::string_view kDotnet = "an unhandled .NET exception";
constexpr std::string_view kDotnetCrash = "a .NET crash";
constexpr std::string_view kRuby = "an uncaught Ruby exception";
constexpr std::string_view kPhp = "an uncaught PHP error";
constexpr std::string_view kErlang = "an Erlang crash";
constexpr std::string_view kElixir = "an uncaught Elixir exception";
constexpr std::string_view kCrystal = "an uncaught Crystal exception";
constexpr std::string_view kSegfault = "a segmentation fault";
constexpr std::string_view kChild = "a crashed process";

constexpr std::array kAtLineStart{
    Words{"panic: ", "a Go panic"},
    Words{"\tpanic: ", "a Go panic"},
    Words{"WARNING: DATA RACE", "a Go data race"},
    Words{"thread caused non-unwinding panic", kRust},
    Words{"thread panicked while ", kRust},
    Words{"The application panicked (crashed).", kRust},
    Words{"fatal runtime error: ", "a Rust fatal error"},
    Words{"terminate called ", kTerminate},
    Words{"libc++abi: terminating", kTerminate},
    Words{"libc++abi.dylib: terminating", kTerminate},
    Words{"pure virtual method called", "a pure virtual call"},
    Words{"deleted virtual method called", "a deleted virtual call"},
    Words{"libc++abi: Pure virtual function called!", "a pure virtual call"},
    Words{"*** stack smashing detected ***", "a smashed stack"},
    Words{"*** buffer overflow detected ***", "a buffer overflow"},
    Words{"*** %n in writable segment detected ***", kGlibc},
    Words{"*** invalid %N$ use detected ***", kGlibc},
    Words{"*** longjmp causes uninitialized stack frame ***", kGlibc},
    Words{"*** bit out of range 0 - FD_SETSIZE on fd_set ***", kGlibc},
    Words{"*** Error in `", kGlibc},
    Words{"*** glibc detected ***", kGlibc},
    Words{"Fatal glibc error: ", kGlibc},
    Words{"Fatal error: glibc detected ", kGlibc},
    Words{"FATAL: exception not rethrown", kGlibc},
    Words{"The futex facility returned an unexpected error code.", kGlibc},
    Words{"Inconsistency detected by ld.so: ", kGlibc},
    Words{"free(): ", kHeap},
    Words{"malloc(): ", kHeap},
    Words{"realloc(): ", kHeap},
    Words{"malloc_consolidate(): ", kHeap},
    Words{"munmap_chunk(): ", kHeap},
    Words{"mremap_chunk(): ", kHeap},
    Words{"tcache_thread_shutdown(): ", kHeap},
    Words{"invalid fastbin entry (free)", kHeap},
    Words{"break adjusted to free malloc space", kHeap},
    Words{"double free or corruption", kHeap},
    Words{"corrupted size vs. prev_size", kHeap},
    Words{"corrupted double-linked list", kHeap},
    Words{"Assertion failed: ", kAssertion},  // musl
    Words{"ubsan: ", kUndefined},
    Words{"WARNING: ThreadSanitizer: ", kSanitizer},
    Words{"FATAL ERROR: v8::", kNodeAbort},
    Words{"----- Native stack trace -----", kNodeAbort},
    Words{"# Fatal error in ", kNodeAbort},
    Words{"error: Uncaught ", kJavaScript},  // Deno
    Words{"Warning: Detected unsettled top-level await at", "an unfinished await of Node"},
    Words{"Fatal Python error: ", "a fatal Python error"},
    Words{"Exception in thread \"", kJava},
    Words{"# A fatal error has been detected by the Java Runtime Environment", "a JVM crash"},
    Words{"# There is insufficient memory for the Java Runtime Environment", kJavaMemory},
    Words{"java.lang.OutOfMemoryError: ", kJavaMemory},
    Words{"Terminating due to java.lang.OutOfMemoryError", kJavaMemory},
    Words{"Aborting due to java.lang.OutOfMemoryError", kJavaMemory},
    Words{"FATAL ERROR in native method: ", "a JVM crash"},
    Words{"Unhandled exception. ", kDotnet},
    Words{"Unhandled Exception: ", kDotnet},
    Words{"[ERROR] FATAL UNHANDLED EXCEPTION: ", kDotnet},
    Words{"Process is terminating due to StackOverflowException.", kDotnetCrash},
    Words{"CLR: Managed code called FailFast", kDotnetCrash},
    Words{"\tNative Crash Reporting", kDotnetCrash},
    Words{"[FATAL] failed to allocate memory", "a Ruby crash"},
    Words{"PHP Fatal error:  ", kPhp},
    Words{"Fatal error: Uncaught ", kPhp},
    Words{"Fatal error: Allowed memory size of ", kPhp},
    Words{"*** Check failure stack trace: ***", kAssertion},
    Words{"=CRASH REPORT====", kErlang},
    Words{"Error in process <", kErlang},
    Words{"Runtime terminating during boot (", kErlang},
    Words{"Crash dump is being written to: ", kErlang},
    Words{"Unhandled exception in spawn: ", kCrystal},
    Words{"Unhandled exception in spawn(name: ", kCrystal},
};

constexpr std::array kAnywhere{
    Words{": [BUG] ", "a Ruby crash"},  // "[BUG] Segmentation fault at 0x0"
    Words{"http: panic serving ", "a recovered Go panic"},
    Words{"std::terminate()", kTerminate},
    Words{"Segmentation fault", kSegfault},
    Words{"(core dumped)", "a core dump"},
    Words{"] Check failed: ", kAssertion},             // glog, Abseil
    Words{" crashed by signal: ", kChild},             // Redis, of itself
    Words{" exited with code 134 (Aborted)", kChild},  // HAProxy
    Words{"Sanitizer:DEADLYSIGNAL", kSanitizer},
    Words{"triggerUncaughtException(", kJavaScript},
    Words{"UnhandledPromiseRejection", kRejection},
    Words{"JavaScript heap out of memory", kNodeAbort},
    Words{" thrown from the UncaughtExceptionHandler in thread ", kJava},
    Words{"An unhandled exception was thrown by the application.", kDotnet},
    Words{"An unhandled exception has occurred while executing the request.", kDotnet},
    Words{"has thrown an unhandled exception, and the IHost instance is stopping", kDotnet},
    Words{"terminated with exception (report_on_exception is true):", kRuby},
    Words{"] PHP Fatal error:  ", kPhp},             // with the log's time
    Words{"PHP message: PHP Fatal error:  ", kPhp},  // through FPM
    Words{"init terminating in do_boot", kErlang},
    Words{"CRASH REPORT Process ", kErlang},
    Words{"_alloc: Cannot allocate ", kErlang},
};

constexpr std::array kWholeLine{
    Words{"Uncaught:", kJavaScript},
    Words{"Unhandled Exception:", kDotnet},
    Words{"Unhandled exception:", "an uncaught Dart exception"},
    Words{"Stack overflow.", kDotnetCrash},
};

bool is_upper(char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; }

// A type's name, with its modules: "App::Closed", "System.TimeoutException".
bool is_type_name(std::string_view text) {
  return !text.empty() && is_upper(text[0]) && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == ':' || c == '.';
  });
}

// Is any of the `count` lines from `from` on one that `is_it`?
template <typename Predicate>
bool any_line(Lines lines, std::size_t from, std::size_t count, Predicate is_it) {
  if (from >= lines.size()) return false;
  return std::ranges::any_of(lines.subspan(from, std::min(count, lines.size() - from)), is_it);
}

// Takes ":digits" off the end.
bool drop_number(std::string_view& text) {
  const auto digits = text.find_last_not_of("0123456789");
  if (digits == std::string_view::npos || digits + 1 == text.size() || text[digits] != ':')
    return false;
  text = text.substr(0, digits);
  return true;
}

// Takes digits off the beginning.
bool drop_digits(std::string_view& text) {
  const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(end);
  return end > 0;
}

// "fatal error: …" is also how compilers and many others complain. Go's is followed by stacks; if
// GOTRACEBACK hides them, by its text.
bool is_go_fatal_error(Lines lines, std::size_t i) {
  constexpr std::size_t kTraceWithin = 12;  // some errors are explained first
  constexpr std::string_view kBegin = "fatal error: ";
  constexpr std::array<std::string_view, 8> kKnown{"all goroutines are asleep - deadlock!",
                                                   "no goroutines (main called runtime.Goexit)",
                                                   "concurrent map ",
                                                   "sync: ",
                                                   "runtime: ",
                                                   "unexpected signal during runtime execution",
                                                   "stack overflow",
                                                   "thread exhaustion"};
  if (!lines[i].starts_with(kBegin)) return false;
  const auto text = lines[i].substr(kBegin.size());
  return std::ranges::any_of(kKnown, [&](auto known) { return text.starts_with(known); }) ||
         any_line(lines, i + 1, kTraceWithin, [](auto l) {
           return l.starts_with("goroutine ") || l.starts_with("runtime stack:");
         });
}

// A signal that the Go runtime does not turn into a panic. SIGQUIT looks the same, and asks for it.
bool is_go_signal(Lines lines, std::size_t i) {
  constexpr std::array<std::string_view, 7> kSignals{
      "SIGSEGV: ", "SIGABRT: ", "SIGBUS: ", "SIGILL: ", "SIGFPE: ", "SIGTRAP: ", "SIGSYS: "};
  return std::ranges::any_of(kSignals, [&](auto s) { return lines[i].starts_with(s); }) &&
         any_line(lines, i + 1, 1, [](auto l) { return l.starts_with("PC=0x"); });
}

bool is_rust_panic(std::string_view line) {
  if (line.starts_with("thread '"))
    return contains(line, " panicked at ") || line.ends_with(" has overflowed its stack");
  return line.starts_with("memory allocation of ") && contains(line, " bytes failed");
}

// "file:line:column: runtime error: "
bool is_undefined_behaviour(std::string_view line) {
  const auto words = line.find(": runtime error: ");
  if (words == std::string_view::npos) return false;
  std::string_view place = line.substr(0, words);
  const bool has_column = drop_number(place);
  return has_column && drop_number(place) && !place.empty();
}

// "==123==ERROR: AddressSanitizer: …", "SUMMARY: LeakSanitizer: …"
bool is_sanitizer_report(std::string_view line) {
  if (!contains(line, "Sanitizer: ")) return false;
  if (line.starts_with("SUMMARY: ")) return true;
  if (!line.starts_with("==")) return false;
  line.remove_prefix(2);
  return drop_digits(line) && (line.starts_with("==ERROR: ") || line.starts_with("==WARNING: "));
}

bool is_failed_assertion(std::string_view line) {
  if (line.starts_with("ERROR:")) return contains(line, ": assertion failed");  // GLib
  return (contains(line, "Assertion `") || contains(line, "Assertion '")) &&
         contains(line, "' failed");
}

// libstdc++ in debug mode: "file:line:", "In function:", …, "Error: attempt to …"
bool is_library_misuse(Lines lines, std::size_t i) {
  constexpr std::size_t kFunctionWithin = 12;
  const auto from = i - std::min(i, kFunctionWithin);
  return lines[i].starts_with("Error: attempt to ") &&
         any_line(lines, from, i - from, [](auto l) { return l == "In function:"; });
}

bool is_caret(std::string_view line) {
  return contains(line, "^") && line.find_first_not_of(" \t^") == std::string_view::npos;
}

// Node says where it threw ("file:123", that line, and "^" below what threw), and after an uncaught
// exception's trace its version.
bool is_node_throw(Lines lines, std::size_t i) {
  std::string_view line = lines[i];
  if (line.starts_with("node:internal/") && !contains(line, " ") && drop_number(line)) return true;
  if (line.starts_with("Node.js v") && line.size() > 9 && is_digit(line[9])) {
    const auto from = i - std::min<std::size_t>(i, 3);
    return any_line(lines, from, i - from, [](auto l) { return l.starts_with("    at "); });
  }
  return is_node_place(lines, i);
}

// "Uncaught TypeError: …", "Uncaught (in promise) …"; not "Uncaught exceptions are logged".
bool is_uncaught(std::string_view line) {
  if (!line.starts_with("Uncaught ")) return false;
  line.remove_prefix(9);
  if (line.starts_with("(in promise)") || line.starts_with("'")) return true;
  const auto name = line.substr(0, line.find(':'));
  return is_type_name(name) && (name.ends_with("Error") || name.ends_with("Exception"));
}

// What a signal raises in the code that it strikes: the runtime, or a handler that calls
// sys.exit().
bool is_interrupt(std::string_view line) {
  return line == "KeyboardInterrupt" || line.starts_with("KeyboardInterrupt:") ||
         line == "SystemExit" || line == "SystemExit: 0";
}

// Does the chain of tracebacks that begins at line `i` end in one of these?
bool ends_in_interrupt(Lines lines, std::size_t i) {
  constexpr std::size_t kFramesWithin = 500;   // CPython leaves out repeated frames
  constexpr std::size_t kMessageWithin = 20;   // of the exception before the next one is introduced
  constexpr std::size_t kChainedWithin = 100;  // exceptions; a longer chain is not excused
  for (std::size_t chained = 0; chained < kChainedWithin; ++chained) {
    std::size_t last = i + 1;
    while (last < lines.size() && last < i + kFramesWithin && lines[last].starts_with(" ")) ++last;
    if (last >= lines.size()) return false;
    std::size_t next = last + 1;
    const std::size_t end = std::min(lines.size(), next + kMessageWithin);
    while (next < end && !lines[next].starts_with("During handling of the above exception, ") &&
           !lines[next].starts_with("The above exception was the direct cause of ") &&
           !lines[next].starts_with(kTracebackBegin))
      ++next;
    if (next == end || lines[next].starts_with(kTracebackBegin)) return is_interrupt(lines[last]);
    const std::size_t introduced = std::min(lines.size(), next + 3);
    while (next < introduced && !lines[next].starts_with(kTracebackBegin)) ++next;
    if (next == introduced) return false;
    i = next;
  }
  return false;
}

bool starts_with_any(std::string_view line, std::span<const std::string_view> words) {
  return std::ranges::any_of(words, [line](auto word) { return line.starts_with(word); });
}

// What a log has before its message: "ERROR:asyncio:", "2026-01-02 12:00:00,123 ERROR asyncio: ",
// "[7] [ERROR] ", `{"message": "`; not the words of a sentence.
bool is_log_prefix(std::string_view before) {
  const auto end = before.find_last_not_of(' ');
  if (end == std::string_view::npos) return true;
  before = before.substr(0, end + 1);
  if (std::string_view(":]|->=\"").find(before.back()) != std::string_view::npos) return true;
  return std::ranges::any_of(std::array<std::string_view, 5>{"ERROR", "CRITICAL", "error",
                                                             "asyncio", "concurrent.futures"},
                             [&](auto word) { return before.ends_with(word); });
}

// Where the message of a log's line begins if it is one of `words`.
std::size_t find_message(std::string_view line, std::span<const std::string_view> words) {
  for (const auto word : words) {
    const auto at = line.find(word);
    if (at != std::string_view::npos && is_log_prefix(line.substr(0, at))) return at;
  }
  return std::string_view::npos;
}

// A traceback, or what asyncio adds to a message: a sentence with the same words has neither.
bool has_details(Lines lines, std::size_t i) {
  const auto next = python_context_end(lines, i + 1);
  return next > i + 1 ||
         any_line(lines, next, 1, [](auto l) { return contains(l, kTracebackBegin); });
}

bool is_destroyed_task(Lines lines, std::size_t i) {
  const auto at = find_message(lines[i], std::span(&kDestroyedTask, 1));
  if (at == std::string_view::npos) return false;
  const auto rest = lines[i].substr(at + kDestroyedTask.size());
  return rest.starts_with(" task: <") || (rest.empty() && python_context_end(lines, i + 1) > i + 1);
}

// What Python writes before a traceback to say whose it is; sometimes there is none. Nobody caught
// these: a thread, a task, a callback or a hook had nobody above it.
bool introduces_traceback(Lines lines, std::size_t i) {
  // The interpreter and its threads, on standard error.
  constexpr std::string_view kAlone[] = {
      "Exception ignored in: ", "Exception ignored in thread started by",
      "Unhandled exception in event loop",
      "Exception occurred during processing of request from ("};
  constexpr std::string_view kWithTraceback[] = {"Exception ignored ",
                                                 "Unhandled exception in thread started by ",
                                                 "Exception in threading.excepthook:",
                                                 "Error in atexit._run_exitfuncs:",
                                                 "Error in sys.excepthook:",
                                                 "Original exception was:",
                                                 "sys.excepthook is missing",
                                                 "--- Logging error ---"};
  // Through the logging of asyncio and concurrent.futures.
  constexpr std::string_view kLogged[] = {
      "Exception in callback ",
      "Unhandled exception in event loop",
      "Unhandled exception in client_connected_cb",
      "Unhandled error in exception handler",
      "Exception in default exception handler",
      "unhandled exception during asyncio.run() shutdown",
      "an error occurred during closing of asynchronous generator ",
      "Fatal error: protocol.",
      "protocol.pause_writing() failed",
      "protocol.resume_writing() failed",
      "exception calling callback for <",
      "Exception in initializer:",
      "Exception in worker process"};                          // of Gunicorn, which ends it
  constexpr std::string_view kWorker = "Exception in worker";  // and nothing more
  const auto line = lines[i];
  if (line.starts_with("Exception in thread ")) return line.ends_with(":");
  if (contains(line, "Task exception was never retrieved") ||
      contains(line, "uture exception was never retrieved") || starts_with_any(line, kAlone))
    return true;
  if (!has_details(lines, i)) return false;
  return starts_with_any(line, kWithTraceback) ||
         contains(line, " has errored out but its parent task ") ||
         find_message(line, kLogged) != std::string_view::npos ||
         (find_message(line, std::span(&kWorker, 1)) != std::string_view::npos &&
          (line.ends_with(kWorker) || contains(line, "Exception in worker\"")));
}

std::string_view python_exception(Lines lines, std::size_t i) {
  constexpr std::size_t kTracebackWithin = 6;
  if (contains(lines[i], kTracebackBegin)) {
    const bool interrupted = lines[i].starts_with(kTracebackBegin) && ends_in_interrupt(lines, i);
    return interrupted ? "" : kTraceback;
  }
  if (is_destroyed_task(lines, i)) return kPendingTask;
  if (!introduces_traceback(lines, i)) return "";
  const auto next = python_context_end(lines, i + 1);
  for (std::size_t j = next; j < std::min(lines.size(), next + kTracebackWithin); ++j) {
    if (is_interrupt(lines[j])) return "";
    if (lines[j].starts_with(kTracebackBegin)) return ends_in_interrupt(lines, j) ? "" : kPython;
  }
  return kPython;
}

// .NET's last words are everyday ones: its frames make the difference.
bool is_dotnet_crash(Lines lines, std::size_t i) {
  constexpr std::size_t kFramesWithin = 6;
  const auto line = lines[i];
  if (line.starts_with("Fatal error. Internal CLR error.")) return true;
  return (line.starts_with("Process terminated.") || line.starts_with("Fatal error.") ||
          line.starts_with("Stack overflow.")) &&
         any_line(lines, i + 1, kFramesWithin, [](auto l) { return l.starts_with("   at "); });
}

// "file:line:in `method': message (Class)"; Ruby 3.4 quotes with ' on both sides.
bool is_ruby_exception(std::string_view line) {
  auto in = line.find(":in `");
  if (in == std::string_view::npos) in = line.find(":in '");
  if (in == std::string_view::npos) return false;
  std::string_view place = line.substr(0, in);
  if (!drop_number(place) || place.empty()) return false;
  const auto method_end = line.find("': ", in + 5);
  if (method_end == std::string_view::npos) return false;
  const auto message = line.substr(method_end + 3);
  if (message == "unhandled exception") return true;
  if (message.starts_with("warning: ")) return false;
  auto type = message;  // an exception without a message is its type's name
  if (message.ends_with(")")) {
    const auto open = message.rfind('(');
    if (open == std::string_view::npos) return false;
    type = message.substr(open + 1, message.size() - open - 2);
    if (type == "fatal") return true;
  } else if (!message.ends_with("Error") && !message.ends_with("Exception")) {
    return false;
  }
  return is_type_name(type) && type != "Interrupt" && type != "SignalException";
}

bool is_erlang_crash(std::string_view line) {
  for (const std::string_view who : {"** Generic server ", "** State machine "}) {
    if (contains(line, who)) return contains(line, " terminating");
  }
  return contains(line, "** gen_event handler ") && contains(line, " crashed.");
}

bool is_elixir_exception(std::string_view line) {
  if (!line.starts_with("** (")) return false;
  const auto close = line.find(") ");
  return close != std::string_view::npos && is_type_name(line.substr(4, close - 4));
}

// Whether a process ended by an exception, which comes in the next line.
bool is_elixir_report(std::string_view line) {
  if (contains(line, "#PID<") && line.ends_with(" raised an exception")) return true;
  return line.ends_with(" terminating") &&
         (contains(line, "[error] GenServer ") || contains(line, "[error] Task #PID<"));
}

// "Thread 1 terminated abnormally: …", and the program goes on.
std::string_view ended_thread(std::string_view line) {
  constexpr std::string_view kBegin = "Thread ";
  if (!line.starts_with(kBegin)) return "";
  line.remove_prefix(kBegin.size());
  if (!drop_digits(line)) return "";
  if (line.starts_with(" terminated abnormally: ")) return "an uncaught Perl exception";
  return line.starts_with(" killed on uncaught exception ") ? "an uncaught OCaml exception" : "";
}

// "run.sh: line 3:    77 Aborted                 ./server"
bool is_shell_report(std::string_view line) {
  constexpr std::array<std::string_view, 6> kWords{"Aborted",
                                                   "Bus error",
                                                   "Illegal instruction",
                                                   "Floating point exception",
                                                   "Trace/breakpoint trap",
                                                   "Bad system call"};
  constexpr std::string_view kBegin = ": line ";
  const auto begin = line.find(kBegin);
  if (begin == std::string_view::npos) return false;
  line.remove_prefix(begin + kBegin.size());
  if (!drop_digits(line) || !line.starts_with(":")) return false;
  line.remove_prefix(std::min(line.find_first_not_of(' ', 1), line.size()));
  if (!drop_digits(line) || !line.starts_with(" ")) return false;
  return std::ranges::any_of(kWords, [&](auto w) { return line.substr(1).starts_with(w); });
}

// A parent that tells of its child: nginx, PostgreSQL and uWSGI with a number, the others with a
// name.
bool is_crashed_child(std::string_view line) {
  constexpr std::array kCrashes{4, 5, 6, 7, 8, 11, 31};  // SIGILL … SIGSYS, on every Linux but MIPS
  constexpr std::array<std::string_view, 7> kNames{"SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS",
                                                   "SIGFPE", "SIGSEGV", "SIGSYS"};
  for (const std::string_view words :
       {" exited on signal ", "terminated by signal ", "killed by signal "}) {
    const auto at = line.find(words);
    if (at == std::string_view::npos) continue;
    int number = 0;
    const auto digits = line.substr(at + words.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (std::ranges::find(kCrashes, number) != kCrashes.end()) return true;
  }
  for (const std::string_view words : {"terminated by ", " via signal ["}) {
    const auto at = line.find(words);
    if (at != std::string_view::npos && starts_with_any(line.substr(at + words.size()), kNames))
      return true;
  }
  for (const std::string_view words :
       {"exit signal Abort", "exit signal Bus error", "exit signal Illegal instruction",
        "exit signal Floating point exception"}) {
    if (contains(line, words)) return true;
  }
  return false;
}

}  // namespace

Runtime runtime_of(std::string_view meaning) {
  constexpr std::array<std::pair<std::string_view, Runtime>, 14> kRuntimes{
      {{" Go ", Runtime::go},
       {"Rust", Runtime::rust},
       {"JavaScript", Runtime::node},
       {"promise", Runtime::node},
       {"Node", Runtime::node},
       {"Python", Runtime::python},
       {"Java", Runtime::java},
       {"JVM", Runtime::java},
       {".NET", Runtime::dotnet},
       {"Ruby", Runtime::ruby},
       {"PHP", Runtime::php},
       {"Erlang", Runtime::erlang},
       {"Elixir", Runtime::erlang},
       {"sanitizer", Runtime::sanitizer}}};
  for (const auto& [word, runtime] : kRuntimes) {
    if (contains(meaning, word)) return runtime;
  }
  if (meaning == kUndefined) return Runtime::sanitizer;
  if (meaning == kChild || meaning == kSegfault || meaning == "a core dump") return Runtime::parent;
  return Runtime::native;
}

std::size_t python_context_end(Lines lines, std::size_t i) {
  constexpr std::string_view kKeys[] = {
      "handle: ",   "future: ",  "task: ",   "asyncgen: ",         "transport: ",
      "protocol: ", "context: ", "socket: ", "source_traceback: ", "handle_traceback: "};
  while (i < lines.size() && starts_with_any(lines[i], kKeys)) {
    const bool has_frames = contains(lines[i], "_traceback: ");
    ++i;
    while (has_frames && i < lines.size() && lines[i].starts_with("  ")) ++i;
  }
  return i;
}

bool is_node_place(Lines lines, std::size_t i) {
  std::string_view line = lines[i];
  return !line.empty() && line[0] != ' ' && line[0] != '\t' && drop_number(line) &&
         any_line(lines, i + 2, 1, is_caret);
}

std::string_view panic_in(Lines lines, std::size_t i) {
  const std::string_view line = lines[i];
  if (line.empty()) return "";
  for (const auto& known : kAtLineStart) {
    if (line.starts_with(known.words)) return known.meaning;
  }
  for (const auto& known : kAnywhere) {
    if (contains(line, known.words)) return known.meaning;
  }
  for (const auto& known : kWholeLine) {
    if (line == known.words) return known.meaning;
  }
  if (const auto meaning = python_exception(lines, i); !meaning.empty()) return meaning;
  if (is_rust_panic(line)) return kRust;
  if (is_sanitizer_report(line)) return kSanitizer;
  if (is_undefined_behaviour(line)) return kUndefined;
  if (is_failed_assertion(line)) return kAssertion;
  if (is_library_misuse(lines, i)) return kAssertion;
  if (is_uncaught(line)) return kJavaScript;
  if (is_node_throw(lines, i))
    return line.starts_with("node:internal/process/promises:") ? kRejection : kJavaScript;
  if (is_go_fatal_error(lines, i)) return kGoFatal;
  if (is_go_signal(lines, i)) return "a Go crash";
  if (is_dotnet_crash(lines, i)) return kDotnetCrash;
  // No program can catch Ruby's `fatal`.
  if (is_ruby_exception(line)) return line.ends_with("(fatal)") ? kRuby : kRubyException;
  if (is_erlang_crash(line)) return kErlang;
  if (is_elixir_exception(line))  // a log in JSON has no level before "GenServer … terminating"
    return i > 0 && lines[i - 1].ends_with(" terminating") ? kElixir : kElixirException;
  if (is_elixir_report(line)) return kElixir;
  if (const auto meaning = ended_thread(line); !meaning.empty()) return meaning;
  if (is_shell_report(line)) return kChild;
  if (is_crashed_child(line)) return kChild;
  return "";
}

}  // namespace lastcall
