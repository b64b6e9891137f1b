#include "checkers/panic_patterns.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace lastcall::panic_patterns_test {
namespace {

std::string meaning(std::vector<std::string_view> lines, std::size_t i = 0) {
  return std::string(panic_in(lines, i));
}

TEST(PanicPatterns, AreKnownForEveryRuntime) {
  EXPECT_EQ(meaning({"panic: runtime error: index out of range [5] with length 3"}), "a Go panic");
  EXPECT_EQ(meaning({"2026/01/31 12:00:00 http: panic serving 127.0.0.1:4: boom"}),
            "a recovered Go panic");
  EXPECT_EQ(meaning({"fatal error: all goroutines are asleep - deadlock!", "",
                     "goroutine 1 [chan receive]:"}),
            "a Go fatal error");
  EXPECT_EQ(meaning({"thread 'main' panicked at 'boom', src/main.rs:2:5"}), "a Rust panic");
  EXPECT_EQ(meaning({"thread 'tokio-runtime-worker' (71) panicked at src/main.rs:2:5:"}),
            "a Rust panic");
  EXPECT_EQ(meaning({"terminate called after throwing an instance of 'std::logic_error'"}),
            "std::terminate");
  EXPECT_EQ(meaning({"terminate called without an active exception"}), "std::terminate");
  EXPECT_EQ(meaning({"*** stack smashing detected ***: terminated"}), "a smashed stack");
  EXPECT_EQ(meaning({"double free or corruption (!prev)"}), "heap corruption");
  EXPECT_EQ(meaning({"malloc(): corrupted top size"}), "heap corruption");
  EXPECT_EQ(meaning({"corrupted size vs. prev_size"}), "heap corruption");
  EXPECT_EQ(meaning({"run.sh: line 3:  77 Segmentation fault      (core dumped) ./server"}),
            "a segmentation fault");
  EXPECT_EQ(meaning({"==77==ERROR: AddressSanitizer: heap-use-after-free on address 0x1"}),
            "a sanitizer report");
  EXPECT_EQ(meaning({"==77==ERROR: LeakSanitizer: detected memory leaks"}), "a sanitizer report");
  EXPECT_EQ(meaning({"WARNING: ThreadSanitizer: data race (pid=77)"}), "a sanitizer report");
  EXPECT_EQ(meaning({"src/a.cpp:12:7: runtime error: signed integer overflow"}),
            "undefined behaviour");
  EXPECT_EQ(meaning({"server: src/a.cpp:9: int f(): Assertion `x > 0' failed."}),
            "a failed assertion");
  EXPECT_EQ(meaning({"node:internal/process/promises:288"}), "an unhandled promise rejection");
  EXPECT_EQ(meaning({"node:internal/errors:540"}), "an uncaught JavaScript exception");
  EXPECT_EQ(meaning({"Error: x", "    at f (/a.js:1:7)", "", "Node.js v18.13.0"}, 3),
            "an uncaught JavaScript exception");
  EXPECT_EQ(meaning({"(node:7) UnhandledPromiseRejectionWarning: Error: x"}),
            "an unhandled promise rejection");
  EXPECT_EQ(meaning({"Traceback (most recent call last):"}), "a Python traceback");
  EXPECT_EQ(meaning({"Exception in thread \"main\" java.lang.NullPointerException"}),
            "an uncaught Java exception");
}

TEST(PanicPatterns, OfThreadsThatEndWhileTheProgramGoesOnAreKnown) {
  EXPECT_EQ(meaning({"Thread 1 terminated abnormally: no queue at server.pl line 12."}),
            "an uncaught Perl exception");
  EXPECT_EQ(meaning({"Thread 3 killed on uncaught exception Failure(\"no queue\")"}),
            "an uncaught OCaml exception");
  EXPECT_EQ(meaning({"Unhandled exception in spawn: no queue (Exception)"}),
            "an uncaught Crystal exception");
  EXPECT_EQ(meaning({"Unhandled exception in spawn(name: writer): no queue (Exception)"}),
            "an uncaught Crystal exception");
  EXPECT_EQ(meaning({"Unhandled exception:", "Bad state: no queue"}), "an uncaught Dart exception");
  for (const std::string_view line :
       {"Thread 1 terminated", "Thread pool terminated abnormally: no", "Thread 2 killed",
        "Unhandled exception: none so far", "Unhandled exceptions in spawn: 0"}) {
    EXPECT_EQ(meaning({line}), "") << line;
  }
}

TEST(PanicPatterns, OfAParentWhoseChildCrashedAreKnown) {
  for (const std::string_view line :
       {"worker process 77 exited on signal 11",
        "DAMN ! worker 1 (pid: 77) died, killed by signal 11 :( trying respawn ...",
        "worker 1 killed by signal 6",
        "2026-11-21 08:41:30,123 INFO exited: app (terminated by SIGSEGV; not expected)",
        "2026-11-21 08:41:30,123 WARN exited: app (terminated by SIGABRT; not expected)",
        "App [api:0] exited with code [0] via signal [SIGSEGV]"}) {
    EXPECT_EQ(meaning({line}), "a crashed process") << line;
  }
}

TEST(PanicPatterns, OfNormalStopsMeanNothing) {
  for (const std::string_view line :
       {"", "received SIGTERM, aborting connections", "Terminate on SIGTERM", "Terminated",
        "aborted by client", "no panic: all is well", "don't panic: it's fine",
        "ERROR: upstream closed", "fatal error: config.h: No such file",
        "worker thread 'w1' finished", "exception in handler, answered 500",
        "client sent a runtime error: none", "12:30: runtime error: none", "Node.js v18.13.0",
        "== 77 == ERROR: AddressSanitizer: x", "thread 'w' stopped",
        "node:internal modules loaded: 12", "goroutine 1 [running]:", "the Assertion `a' holds"}) {
    EXPECT_EQ(meaning({line}), "") << line;
  }
}

TEST(PanicPatterns, OfOtherVersionsAreKnown) {
  EXPECT_EQ(meaning({"app.rb:3:in 'Integer#boom': late (ArgumentError)"}), "a Ruby exception");
  EXPECT_EQ(meaning({"app.rb:3:in `boom': IOError"}), "a Ruby exception");
  EXPECT_EQ(meaning({"*** Error in `./server': double free or corruption (top): 0x1 ***"}),
            "an abort of the C library");
  EXPECT_EQ(meaning({"Fatal glibc error: malloc.c:2593 (sysmalloc): assertion failed: x"}),
            "an abort of the C library");
  EXPECT_EQ(meaning({"libc++abi: terminating due to uncaught exception of type int"}),
            "std::terminate");
  EXPECT_EQ(meaning({"Assertion failed: x > 0 (a.c: f: 9)"}), "a failed assertion");
  EXPECT_EQ(meaning({"F0131 12:00:00.000000 7 a.cc:9] Check failed: x > 0 "}),
            "a failed assertion");
  EXPECT_EQ(meaning({"ERROR:a.c:9:f: assertion failed: (x > 0)"}), "a failed assertion");
  EXPECT_EQ(meaning({"error: Uncaught (in promise) Error: boom"}),
            "an uncaught JavaScript exception");
  EXPECT_EQ(meaning({"Uncaught TypeError: x is not a function"}),
            "an uncaught JavaScript exception");
  EXPECT_EQ(meaning({"# Fatal error in , line 0"}), "an abort of Node");
  EXPECT_EQ(meaning({"init terminating in do_boot ()"}), "an Erlang crash");
  EXPECT_EQ(meaning({"2026-01-31 12:00 [error] <0.7.0> ** Generic server s terminating"}),
            "an Erlang crash");
  EXPECT_EQ(meaning({"thread panicked while processing panic. aborting."}), "a Rust panic");
}

TEST(PanicPatterns, AreNotSeenInEverydayWords) {
  for (const std::string_view line : {"Uncaught exceptions are logged to stderr",
                                      "Process terminated.",
                                      "Process terminated. Exit code 0",
                                      "Fatal error. Code 3",
                                      "Stack overflow. protection is on",
                                      "Exception in thread pool handled",
                                      "Exception in callback ignored? never",
                                      "SIGABRT: abort handler installed",
                                      "app.rb:3:in `stop': warning: deprecated (Old)",
                                      "app.rb:3:in `stop': (see below)",
                                      "app.rb:3:in `stop'",
                                      "** (not an exception) **",
                                      "** Generic server s started",
                                      "supervisor: child terminating",
                                      "[info] Task terminating",
                                      "worker process 77 exited on signal 9",
                                      "worker process 77 exited on signal 15",
                                      "child was terminated by signal 15: Terminated",
                                      "DAMN ! worker 1 (pid: 77) died, killed by signal 9 :(",
                                      "worker 1 killed by signal 15",
                                      "INFO stopped: app (terminated by SIGTERM)",
                                      "INFO exited: app (terminated by SIGKILL; not expected)",
                                      "App [api:0] exited with code [0] via signal [SIGTERM]",
                                      "App [api:0] exited with code [0] via signal [SIGINT]",
                                      "run.sh: line 3: 77 Terminated ./server",
                                      "run.sh: line 3: 77 Killed ./server",
                                      "run.sh: line 3: Aborted",
                                      "Sanitizer: on",
                                      "SUMMARY: 3 requests aborted",
                                      "==7==LeakSanitizer has encountered a fatal error.",
                                      "Traceback logging enabled",
                                      "panic=0 fatal=0",
                                      "\tpanics: 0",
                                      "thread 'main' panics: none",
                                      "memory allocation of 7 bytes succeeded",
                                      "listening on 127.0.0.1:80",
                                      "Error: attempt to bind failed, trying again",
                                      "(node:7) PromiseRejectionHandledWarning: x"}) {
    EXPECT_EQ(meaning({line}), "") << line;
  }
  EXPECT_EQ(meaning({"listening on 127.0.0.1:80", "", "  x ^"}), "");
  EXPECT_EQ(meaning({"SIGQUIT: quit", "PC=0x1 m=0 sigcode=0"}), "");
}

TEST(PanicPatterns, APythonInterruptIsTheSignalItself) {
  const std::vector<std::string_view> interrupted{
      "Traceback (most recent call last):", "  File \"a.py\", line 1, in <module>", "    f()",
      "KeyboardInterrupt"};
  EXPECT_EQ(meaning(interrupted), "");
  auto chain = interrupted;
  chain.insert(chain.end(),
               {"", "During handling of the above exception, another exception occurred:", "",
                "Traceback (most recent call last):", "  File \"a.py\", line 9",
                "OSError: cleaning up failed"});
  EXPECT_EQ(meaning(chain), "a Python traceback") << "the cleaning up broke";
  EXPECT_EQ(meaning(chain, 7), "a Python traceback");
  std::vector<std::string_view> handled{
      "Traceback (most recent call last):",
      "  File \"a.py\", line 9",
      "ValueError: x",
      "of two lines",
      "",
      "During handling of the above exception, another exception occurred:",
      ""};
  handled.insert(handled.end(), interrupted.begin(), interrupted.end());
  EXPECT_EQ(meaning(handled), "") << "the interrupt came while another was being handled";
  std::vector<std::string_view> logged{
      "Traceback (most recent call last):", "  File \"a.py\", line 9", "ValueError: x", "stopping"};
  logged.insert(logged.end(), interrupted.begin(), interrupted.end());
  EXPECT_EQ(meaning(logged), "a Python traceback") << "not of the same chain";
  EXPECT_EQ(meaning(logged, 4), "");
  EXPECT_EQ(meaning({"Traceback (most recent call last):", "  File \"a.py\", line 9"}),
            "a Python traceback")
      << "cut off";
}

TEST(PanicPatterns, APythonExitWithoutAnErrorIsAHandlersDoing) {
  const auto of_task = [](std::string_view last) {
    return meaning({"Task exception was never retrieved", "future: <Task finished name='Task-3'>",
                    "Traceback (most recent call last):", "  File \"a.py\", line 1, in work",
                    last});
  };
  EXPECT_EQ(of_task("SystemExit"), "");
  EXPECT_EQ(of_task("SystemExit: 0"), "");
  for (const auto* last : {"SystemExit: 1", "SystemExit: 01", "SystemExit: no settings"})
    EXPECT_EQ(of_task(last), "an uncaught Python exception") << last;
}

}  // namespace
}  // namespace lastcall::panic_patterns_test
