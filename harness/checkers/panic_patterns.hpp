// The lines by which runtimes, sanitizers and the C library announce that a program broke. A pure
// function of the lines; it never throws, and any thread may call it.
//
// What is spread over lines is recognised by its first significant line, mostly also by later ones.
// Paths are those of the runtime's own source tree, where the wording stands.
//
// Go         "panic: …", after the first with a tab              runtime/panic.go printpanics
//            "fatal error: …" with stacks, or a known text       runtime/panic.go throw, fatal
//            "SIGSEGV: segmentation violation", "PC=0x…"         runtime/signal_unix.go
//            "http: panic serving …" (recovered)                 net/http/server.go serve
//            "WARNING: DATA RACE"                                compiler-rt tsan_report.cpp
// Rust       "thread '…' panicked at …" (caught ones too)        std/src/panicking.rs
//            "thread '…' has overflowed its stack"               std/src/sys stack_overflow.rs
//            "fatal runtime error: …"                            std/src/rt.rs rtabort
//            "memory allocation of … bytes failed"               std/src/alloc.rs
// Node       "file:line", the source, "^"; "Uncaught:"           src/node_errors.cc
//            "(node:7) UnhandledPromiseRejectionWarning: …"      lib/internal/process/promises.js
//            "Warning: Detected unsettled top-level await at"    src/module_wrap.cc
//            "FATAL ERROR: …", "----- Native stack trace -----"  src/node_errors.cc, debug_utils.cc
//            "# Fatal error in …"                                V8 src/base/logging.cc
//            "error: Uncaught …", "Uncaught TypeError: …"        Deno, Node's prompt
// Python     "Traceback (most recent call last):"                Python/traceback.c
//            "Exception in thread …:"                            Lib/threading.py excepthook
//            "Exception in threading.excepthook:"                Lib/threading.py
//            "Exception ignored in: …", "Exception ignored …"    Python/errors.c
//            "Error in sys.excepthook:", "Original exception …"  Python/pythonrun.c
//            "Error in atexit._run_exitfuncs:" (to 3.9)          Modules/atexitmodule.c
//            "Unhandled exception in thread started by …" (3.7)  Modules/_threadmodule.c
//            "--- Logging error ---"                             Lib/logging/__init__.py
//            "… exception was never retrieved"                   Lib/asyncio futures.py, tasks.py
//            "Task was destroyed but it is pending!"             Lib/asyncio/tasks.py
//            "Exception in callback …", "handle: <…"             Lib/asyncio/events.py
//            "Unhandled …", "unhandled …", "Fatal error: …"      Lib/asyncio/*.py
//            "exception calling callback for <…"                 Lib/concurrent/futures/_base.py
//            "Exception occurred during processing of request …" Lib/socketserver.py
//            "Fatal Python error: …"                             Python/pylifecycle.c
// Java       "Exception in thread "main" …"                      java/lang/ThreadGroup.java
//            "Exception: … thrown from the UncaughtException…"   hotspot runtime/thread.cpp
//            "# A fatal error has been detected by …"            hotspot utilities/vmError.cpp
//            "… due to java.lang.OutOfMemoryError: …"            hotspot utilities/debug.cpp
// C, C++     "terminate called …"                                libstdc++ vterminate.cc
//            "pure virtual method called"                        libstdc++ pure.cc
//            "libc++abi: terminating …"                          libc++abi abort_message.cpp
//            "…: Assertion `…' failed."                          glibc assert/assert.c
//            "free(): …", "malloc(): …", "corrupted …"           glibc malloc/malloc.c
//            "*** stack smashing detected ***"                   glibc debug/stack_chk_fail.c
//            "*** buffer overflow detected ***"                  glibc debug/chk_fail.c
//            "FATAL: exception not rethrown"                     glibc nptl/unwind.c
//            "Fatal glibc error: …"                              glibc malloc/malloc.c, others
//            "Error: attempt to …" after "In function:"          libstdc++ src/c++11/debug.cc
//            "Assertion failed: …", "…: assertion failed: …"     musl assert.c, GLib gtestutils.c
//            "…] Check failed: …"                                glog, Abseil
// .NET       "Unhandled exception. …"                            coreclr/vm/excep.cpp
//            "Process terminated. …", "Stack overflow."          coreclr/vm/eepolicy.cpp
//            "An unhandled exception was thrown by the appl…"    ASP.NET Core, Kestrel's log
//            "… and the IHost instance is stopping"              Microsoft.Extensions.Hosting
//            "Unhandled Exception:", "[ERROR] FATAL UNHANDLED …" mono/metadata/object.c
// Ruby       "file:line:in `method': message (Class)"            eval_error.c
//            "… terminated with exception (report_on_exc…"       thread.c
//            "file:line: [BUG] …", "[FATAL] …"                   error.c, gc.c
// PHP        "PHP Fatal error:  …", "Fatal error: Uncaught …"    main/main.c,
// Zend/zend_exceptions.c Erlang     "init terminating in …", "Runtime terminating …"    erts
// preloaded/src/init.erl
//            "Error in process <…> with exit value:"             erts beam/beam_common.c
//            "** Generic server … terminating"                   stdlib gen_server.erl, others
//            "=CRASH REPORT====", "CRASH REPORT Process …"       stdlib proc_lib.erl; lager
//            "Crash dump is being written to: "                  erts beam/break.c
//            "…_alloc: Cannot allocate …"                        erts beam/erl_alloc.c
// Elixir     "** (Name) …"                                       lib/elixir exception.ex
//            "… terminating", "… raised an exception"            lib/logger translator.ex
// Crystal    "Unhandled exception in spawn: …"                   src/fiber.cr
// Dart       "Unhandled exception:"                              runtime/lib/isolate.cc
// OCaml      "Thread 1 killed on uncaught exception …"           systhreads/thread.ml, st_stubs.c
// Perl       "Thread 1 terminated abnormally: …"                 dist/threads/threads.xs
// Sanitizers "==1==ERROR: …Sanitizer: …", "==1==WARNING: …"      compiler-rt/lib *_report.cpp
//            "WARNING: ThreadSanitizer: …"                       compiler-rt tsan_report.cpp
//            "…Sanitizer:DEADLYSIGNAL", "SUMMARY: …Sanitizer: …" compiler-rt sanitizer_common
//            "file:line:column: runtime error: …"                compiler-rt ubsan_diag.cpp
//            "ubsan: …"                                          compiler-rt ubsan_minimal
// Parents    "run.sh: line 3: 77 Aborted …", "(core dumped)"     bash jobs.c
//            "… exited on signal 11"                             nginx src/os/unix/ngx_process.c
//            "… was terminated by signal 6: …"                   PostgreSQL postmaster.c
//            "… exit signal Segmentation fault (11)"             Apache server/mpm_unix.c
//            "… died, killed by signal 11 …"                     uWSGI core/master.c
//            "… (terminated by SIGSEGV; not expected)"           supervisor options.py, process.py
//            "… via signal [SIGSEGV]"                            PM2 lib/God.js
//            "… exited with code 134 (Aborted)"                  HAProxy src/mworker.c
//            "… crashed by signal: 11" (of itself)               Redis src/debug.c
//
// What Python's logging writes may have a time, a level and a logger's name before it.
//
// A task that is destroyed while pending is an error: the program ended, or let go of the task,
// amid its work. What the coroutine had begun is not finished, and its cleaning up may not be done.
//
// Not a panic, though it looks like one:
// - A Python traceback, or chain of them, that ends in KeyboardInterrupt, and Ruby's Interrupt and
//   SignalException: that is how these runtimes deliver a signal to a program without a handler, as
//   "Terminated" is in C. Whether ending so was promised is for clean-exit to say. If cleaning up
//   after the interrupt broke, the chain ends in that other exception, and is one.
// - One that ends in SystemExit without a code or with 0: a handler's sys.exit() strikes whatever
//   the program is at, and asyncio reports it of a task. Any other code says that something failed.
// - What a runtime prints because it was asked to: stacks of Go and Java on SIGQUIT.
// - An error value that main returned (Rust's "Error: …"), a caught exception that the program
//   printed in words of its own, a failure to start ("Error: Could not find or load main class").
// - A sanitizer that cannot work here ("LeakSanitizer has encountered a fatal error").
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace lastcall {

// `native` is what C, C++ and their libraries say, `parent` what one process says of another.
enum class Runtime : std::uint8_t {
  go,
  rust,
  node,
  python,
  java,
  dotnet,
  ruby,
  php,
  erlang,
  native,
  sanitizer,
  parent,
};

// What line `i` of an output announces ("a Go panic"), or "" if nothing. The lines around it are
// looked at where one line alone would not be proof.
std::string_view panic_in(std::span<const std::string_view> lines, std::size_t i);

// Of what panic_in() gave.
Runtime runtime_of(std::string_view meaning);

// Whether an error of it can be caught by any code that calls, as a matter of course: an exception,
// and not a panic or a crash.
constexpr bool throws_exceptions(Runtime runtime) {
  using enum Runtime;
  return runtime == node || runtime == python || runtime == java || runtime == dotnet ||
         runtime == ruby || runtime == php || runtime == erlang;
}

// What Ruby and Elixir write of an exception, whether a program logs it or ends by it.
inline constexpr std::string_view kRubyException = "a Ruby exception";
inline constexpr std::string_view kElixirException = "an Elixir exception";

// Where Python writes the stack of an exception.
inline constexpr std::string_view kTracebackBegin = "Traceback (most recent call last):";

// What Python's asyncio says of such a task.
inline constexpr std::string_view kDestroyedTask = "Task was destroyed but it is pending!";

// The end of what Python's asyncio adds to a message, from line `i` on: "handle: <…", "task: <…".
std::size_t python_context_end(std::span<const std::string_view> lines, std::size_t i);

// Whether line `i` is where Node threw ("/srv/app.js:6"): the source and a caret follow.
bool is_node_place(std::span<const std::string_view> lines, std::size_t i);

}  // namespace lastcall
