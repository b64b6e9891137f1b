#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/checkers/history_builder.hpp"

namespace lastcall::no_panic_test {
namespace {

using property::LoggedErrors;
using testing::h;
using testing::HistoryBuilder;

std::string no_panic(const HistoryBuilder& b) { return testing::said(b, "no-panic"); }

TEST(NoPanic, HoldsForAQuietEndAndCountsTheLinesItRead) {
  EXPECT_EQ(no_panic(h().line("starting").line("bye").exited(0)), "pass 3: ");
}
TEST(NoPanic, FailsForACrash) {
  for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS}) {
    EXPECT_EQ(testing::verdict(h().stop().signalled(signal), "no-panic").outcome, Outcome::fail)
        << signal;
  }
  EXPECT_EQ(no_panic(h().stop().signalled(SIGSEGV)), "fail 1: ended by SIGSEGV, core dumped");
}
TEST(NoPanic, ASignalOfLastcallIsNoCrash) {
  EXPECT_EQ(no_panic(h().stop(SIGABRT).signalled(SIGABRT)), "pass 1: ");
  EXPECT_EQ(no_panic(h().stop().forced().signalled(SIGKILL)), "pass 1: ");
  EXPECT_EQ(no_panic(h().stop(SIGABRT).signalled(SIGSEGV)),
            "fail 1: ended by SIGSEGV, core dumped");
}
TEST(NoPanic, FailsForAPanicThatWasRecovered) {
  EXPECT_EQ(no_panic(h().line("ok").line("panic: send on closed channel").exited(0)),
            "fail 3: a Go panic: send on closed channel; logged, and the program went on");
}
TEST(NoPanic, NamesCrashAndWords) {
  EXPECT_EQ(no_panic(h().line("free(): invalid pointer").signalled(SIGABRT)),
            "fail 2: ended by SIGABRT, core dumped; heap corruption: free(): invalid pointer");
}
TEST(NoPanic, TheScenarioExcusesLines) {
  auto story = h().line("panic: as planned").exited(0);
  settings<property::NoPanic>(story.plan).allow = {Allowance{"as plan+ed$"}};
  EXPECT_EQ(no_panic(story), "pass 2: 1 excused by allow: 1 by \"as plan+ed$\"");
  EXPECT_EQ(no_panic(story.line("panic: not planned")),
            "fail 3: a Go panic: not planned; 1 excused by allow: 1 by \"as plan+ed$\"");
}
TEST(NoPanic, ALongLineDoesNotExhaustTheExcuses) {
  auto story = h().line("panic: " + std::string(65'000, 'x')).exited(0);
  settings<property::NoPanic>(story.plan).allow = {Allowance{"(x|y)*z"}};
  EXPECT_EQ(testing::verdict(story, "no-panic").outcome, Outcome::fail);
}
TEST(NoPanic, EvidenceIsLimited) {
  auto story = h();
  for (int i = 0; i < 30; ++i) story.line("panic: again");
  EXPECT_EQ(testing::verdict(story.exited(2), "no-panic").evidence.size(), 20U);
}
TEST(NoPanic, IsUnknownIfTheEndWasNotSeen) {
  EXPECT_EQ(no_panic(h()), "unknown 0: the target's end was not seen");
  EXPECT_EQ(no_panic(h().line("all is well")), "unknown 1: the target's end was not seen");
  EXPECT_EQ(no_panic(h().line("panic: x")), "fail 1: a Go panic: x");
}
TEST(NoPanic, ABrokenExcuseIsUnknown) {
  auto story = h().line("panic: x").exited(0);
  settings<property::NoPanic>(story.plan).allow = {Allowance{"("}};
  const auto verdict = testing::verdict(story, "no-panic");
  EXPECT_EQ(verdict.outcome, Outcome::unknown);
  EXPECT_EQ(verdict.reason.rfind("the checker failed: ", 0), 0U) << verdict.reason;
}

HistoryBuilder says(std::initializer_list<const char*> lines, HistoryBuilder story = h().ready()) {
  for (const auto* line : lines) story.line(line);
  return story;
}

constexpr std::initializer_list<const char*> kTraceback{
    "ERROR:orders:cannot save",
    "Traceback (most recent call last):",
    "  File \"/srv/app/orders.py\", line 7, in save",
    "    db.write(order)",
    "  File \"/usr/lib/python3.11/sqlite3/dbapi2.py\", line 3, in write",
    "sqlite3.OperationalError: database is locked"};

HistoryBuilder told(LoggedErrors which, HistoryBuilder story) {
  settings<property::NoPanic>(story.plan).logged = which;
  return story;
}
HistoryBuilder warned(const HistoryBuilder& story) { return told(LoggedErrors::warn, story); }
HistoryBuilder failed(const HistoryBuilder& story) { return told(LoggedErrors::fail, story); }

TEST(NoPanic, OneErrorIsOneViolationWithItsMessageAndItsOwnFrame) {
  const auto story =
      says({"panic: send on closed channel", "",
            "goroutine 7 [running]:", "sync.(*Mutex).Unlock(...)",
            "\t/usr/local/go/src/sync/mutex.go:65", "main.(*hub).send(0xc0000140a0)",
            "\t/srv/app/hub.go:28 +0x313", "exit status 2", "ready", "free(): invalid pointer"})
          .exited(2);
  EXPECT_EQ(no_panic(story),
            "fail 11: a Go panic: send on closed channel, in main.(*hub).send "
            "(/srv/app/hub.go:28); and 1 more error");
  EXPECT_EQ(testing::verdict(story, "no-panic").evidence.size(), 2U);
}

TEST(NoPanic, SaysWhenTheProgramLoggedTheErrorAndWentOn) {
  const std::string error =
      "a Python traceback: sqlite3.OperationalError: database is locked, in save "
      "(/srv/app/orders.py:7)";
  const auto warning = "pass 7: 1 logged, and the program went on: first " + error +
                       "; how its children ended was not seen: not traced";
  EXPECT_EQ(no_panic(failed(says(kTraceback)).stop().exited(0)),
            "fail 7: " + error + "; logged, and the program went on");
  EXPECT_EQ(no_panic(warned(says(kTraceback)).stop().exited(0)), warning);
  EXPECT_EQ(no_panic(says(kTraceback).stop().exited(0)), warning);
  EXPECT_EQ(testing::verdict(says(kTraceback).stop().exited(0), "no-panic").noted,
            (std::vector<Counted>{{"errors that the program logged and went on after", 1}}));
}

TEST(NoPanic, ThatWasLoggedIsAFailureIfItIsNoException) {
  for (const auto* error :
       {"http: panic serving 127.0.0.1:4: boom", "thread 'main' panicked at a.rs:1:1:"}) {
    EXPECT_THAT(no_panic(says({error}).stop().exited(0)),
                ::testing::AllOf(::testing::StartsWith("fail"),
                                 ::testing::EndsWith("logged, and the program went on")));
    EXPECT_THAT(no_panic(warned(says({error})).stop().exited(0)), ::testing::StartsWith("pass"));
  }
}

TEST(NoPanic, WhatEndedAProcessIsNotTakenForLogged) {
  const auto fails = [](const HistoryBuilder& story) {
    EXPECT_THAT(no_panic(story), ::testing::AllOf(::testing::StartsWith("fail"),
                                                  ::testing::Not(::testing::HasSubstr("went on"))));
  };
  fails(warned(says(kTraceback)).exited(1));
  fails(warned(says(kTraceback)).stop().exited(1));
  fails(warned(says(kTraceback)).stop().signalled(SIGSEGV));
  fails(warned(says(kTraceback)).stop().forced().signalled(SIGKILL));
  fails(warned(says(kTraceback)));  // the end was not seen
  // Nobody caught these, though only a thread or a task ended.
  fails(warned(says({"Exception in thread Thread-1 (save):", "Traceback (most recent call last):",
                     "  File \"/srv/app/orders.py\", line 7, in save", "ValueError: x"}))
            .stop()
            .exited(0));
  fails(warned(says({"Task exception was never retrieved", "future: <Task finished>",
                     "Traceback (most recent call last):",
                     "  File \"/srv/app/orders.py\", line 7, in save", "ValueError: x"}))
            .stop()
            .exited(0));
  fails(warned(says({"terminate called after throwing an instance of 'std::logic_error'"}))
            .stop()
            .exited(0));
}

TEST(NoPanic, AnExceptionOfRubyOrElixirIsLoggedIfTheProgramWentOn) {
  const auto story = [](const std::vector<const char*>& lines) {
    auto said = h().ready();
    for (const auto* line : lines) said.line(line);
    return said.stop();
  };
  for (const auto& logged : std::vector<std::vector<const char*>>{
           {"a.rb:3:in `boom': boom (ArgumentError)", "\tfrom a.rb:9:in `<main>'"},
           {"E, [2026-11-21T08:41:30 #77] ERROR -- : a.rb:3:in `boom': boom (ArgumentError)",
            "\tfrom a.rb:9:in `<main>'"},
           {R"({"message":"** (RuntimeError) boom\n    lib/a.ex:5: A.f/1"})"}}) {
    EXPECT_THAT(
        no_panic(story(logged).exited(0)),
        ::testing::AllOf(::testing::StartsWith("pass"),
                         ::testing::HasSubstr(": 1 logged, and the program went on: first "),
                         ::testing::Not(::testing::HasSubstr("uncaught"))))
        << logged.front();
    EXPECT_THAT(no_panic(story(logged).exited(1)), ::testing::StartsWith("fail"));
  }
  for (const auto& uncaught : std::vector<std::vector<const char*>>{
           {"#<Thread:0x1 a.rb:2 run> terminated with exception (report_on_exception is true):",
            "a.rb:3:in `boom': boom (ArgumentError)"},
           {"a.rb:27:in `pop': No live threads left. Deadlock? (fatal)"},
           {"a.rb:3:in `boom': boom (IOError)", "a.rb:3: [BUG] Segmentation fault at 0x0"},
           {R"({"message":"GenServer A terminating\n** (KeyError) no :a\n    lib/a.ex:5: A.f/1"})"},
           {"[error] Process #PID<0.1.0> raised an exception", "** (ArgumentError) boom"}}) {
    EXPECT_THAT(no_panic(story(uncaught).exited(0)), ::testing::StartsWith("fail"))
        << uncaught.front();
  }
}

TEST(NoPanic, WhatAParentSaysOfAnEndIsOfTheErrorThatCanEndBySignal) {
  EXPECT_EQ(no_panic(warned(says({"thread 'main' panicked at a.rs:1:1:", "boom",
                                  "note: run with `RUST_BACKTRACE=1` environment variable",
                                  "run.sh: line 3:  77 Aborted   (core dumped) ./server"}))
                         .stop()
                         .exited(0)),
            "fail 5: a Rust panic: thread 'main' panicked at a.rs:1:1: boom");
  // An exception ends with an exit code: the crash is another's, and no excuse of it.
  auto story = says(kTraceback).line("[alert] 1#1: worker process 77 exited on signal 11");
  settings<property::NoPanic>(story.plan).allow = {Allowance{"is locked"}};
  EXPECT_THAT(no_panic(story.stop().exited(0)),
              ::testing::StartsWith("fail 8: a crashed process: [alert] 1#1: worker"));
}

TEST(NoPanic, ATracedChildThatEndedBadlyCloseToAnErrorEndedByIt) {
  const auto story = [](int wait_ms, EndKind how, int value) {
    auto traced =
        says(kTraceback, h().event(TraceBegan{}).event(TargetStarted{70, "master"}).ready());
    return warned(traced)
        .wait(wait_ms)
        .event(ProcessEnded{77, "worker", how, value})
        .stop()
        .exited(0);
  };
  EXPECT_THAT(no_panic(story(100, EndKind::exited, 1)),
              ::testing::AllOf(::testing::StartsWith("fail"),
                               ::testing::HasSubstr(", in process 77 (worker)")));
  EXPECT_THAT(no_panic(story(100, EndKind::signalled, SIGABRT)), ::testing::StartsWith("fail"));
  for (const auto& quiet :
       {story(2'000, EndKind::exited, 1), story(100, EndKind::exited, 0),
        story(100, EndKind::signalled, SIGTERM), story(100, EndKind::exited, 128 + SIGTERM)}) {
    EXPECT_EQ(no_panic(quiet),
              "pass 8: 1 logged, and the program went on: first a Python traceback: "
              "sqlite3.OperationalError: database is locked, in save (/srv/app/orders.py:7)");
  }
}

// A master with a worker, 77, that the tracer follows.
HistoryBuilder family() {
  return h().event(TraceBegan{}).event(TargetStarted{70, "master"}).ready();
}
ProcessEnded crash(int signal, int pid = 77) {
  return {pid, "server --worker", EndKind::signalled, signal};
}
SignalTaken taken(int signal, int code, int sender, bool fatal = true) {
  return {77, 77, signal, code, sender, 0, "", 0, fatal};
}

TEST(NoPanic, ATracedChildThatCrashedWithoutAWordIsAViolation) {
  const auto story = family()
                         .event(taken(SIGSEGV, SEGV_MAPERR, 0))
                         .event(crash(SIGSEGV))
                         .stop()
                         .event(StacksTaken{77, StacksAt::fatal_signal,
                                            "server (77) in parse()+0x12 at server.cpp:40\nmain"})
                         .exited(0);
  EXPECT_EQ(no_panic(story),
            "fail 2: child process 77 (server --worker) crashed: SIGSEGV, through a null pointer "
            "(address 0x0), in thread server (77) in parse()+0x12 at server.cpp:40");
  EXPECT_EQ(testing::verdict(story, "no-panic").evidence.size(), 3U);
  EXPECT_EQ(no_panic(family()
                         .event(taken(SIGABRT, -6, 77))
                         .event(crash(SIGABRT))
                         .event(crash(SIGBUS, 78))
                         .stop()
                         .exited(0)),
            "fail 3: child process 77 (server --worker) crashed: SIGABRT, by abort(); and 1 more "
            "error");
  EXPECT_EQ(no_panic(family().event(crash(SIGTERM)).event(crash(SIGKILL, 78)).stop().exited(0)),
            "pass 3: ");
}

TEST(NoPanic, AChildToWhichACrashSignalWasSentDidNotCrash) {
  // Gunicorn aborts a worker that hangs; its handler may send the signal once more.
  EXPECT_EQ(no_panic(family().event(taken(SIGABRT, 0, 70)).event(crash(SIGABRT)).stop().exited(0)),
            "pass 2: ");
  EXPECT_EQ(no_panic(family()
                         .event(taken(SIGABRT, 0, 70, false))
                         .event(taken(SIGABRT, -6, 77))
                         .event(crash(SIGABRT))
                         .stop()
                         .exited(0)),
            "pass 2: ");
  EXPECT_EQ(no_panic(family().fault_to_child(SIGSEGV).event(crash(SIGSEGV)).stop().exited(0)),
            "pass 2: ");
  EXPECT_EQ(no_panic(family()
                         .event(TargetForced{SIGABRT, "it was past the deadline"})
                         .event(crash(SIGSEGV))
                         .exited(0)),
            "pass 2: ");
  // What lastcall sent later says nothing of it.
  EXPECT_THAT(no_panic(family().event(crash(SIGABRT)).stop(SIGABRT).signalled(SIGABRT)),
              ::testing::StartsWith("fail 2: child process 77"));
}

TEST(NoPanic, AChildsCrashOfWhichAnErrorTellsIsOneViolation) {
  const auto count = [](const HistoryBuilder& story) {
    const auto reason = no_panic(story);
    EXPECT_THAT(reason, ::testing::Not(::testing::HasSubstr("crashed: SIG"))) << reason;
    EXPECT_THAT(reason, ::testing::Not(::testing::HasSubstr("more error"))) << reason;
    EXPECT_THAT(reason, ::testing::StartsWith("fail")) << reason;
  };
  count(family().line("free(): invalid pointer").event(crash(SIGABRT)).stop().exited(0));
  count(family()
            .event(crash(SIGSEGV))
            .wait(5'000)
            .line("[alert] 1#1: worker process 77 exited on signal 11")
            .stop()
            .exited(0));
  count(family().event(crash(SIGSEGV)).line("Segmentation fault").stop().exited(139));
  count(family()
            .line("Fatal Python error: Segmentation fault")
            .event(crash(SIGSEGV))
            .stop()
            .exited(0));
  // Not what tells of another end: of another worker, by another signal, or long before.
  for (const auto& story :
       {family().line("free(): invalid pointer").event(crash(SIGABRT)).event(crash(SIGABRT, 78)),
        family().line("free(): invalid pointer").event(crash(SIGSEGV)),
        family().line("free(): invalid pointer").wait(2'000).event(crash(SIGABRT)),
        family()
            .event(crash(SIGSEGV))
            .event(crash(SIGSEGV, 78))
            .line("[alert] 1#1: worker process 77 exited on signal 11"),
        family().line("ValueError: x").line("panic: boom").event(crash(SIGSEGV))}) {
    EXPECT_THAT(
        no_panic(HistoryBuilder(story).stop().exited(0)),
        ::testing::AllOf(::testing::StartsWith("fail"), ::testing::HasSubstr("and 1 more error")));
  }
}

TEST(NoPanic, AnExcusedErrorDoesNotExcuseACrashOfAnotherKind) {
  auto story = says({"Traceback (most recent call last):", "  File \"a.py\", line 1, in f",
                     "ValueError: meant"},
                    family())
                   .event(crash(SIGSEGV))
                   .stop()
                   .exited(0);
  settings<property::NoPanic>(story.plan).allow = {Allowance{"meant"}};
  EXPECT_EQ(no_panic(story),
            "fail 5: child process 77 (server --worker) crashed: SIGSEGV, where is not known; 1 "
            "excused by allow: 1 by \"meant\"");
  settings<property::NoPanic>(story.plan).allow = {
      Allowance{"meant"}, Allowance{"\\(server --worker\\) crashed: SIGSEGV"}};
  EXPECT_THAT(no_panic(story), ::testing::StartsWith("pass 5: 2 excused by allow: "));
  auto excused = family().line("free(): meant").event(crash(SIGABRT)).stop().exited(0);
  settings<property::NoPanic>(excused.plan).allow = {Allowance{"meant"}};
  EXPECT_EQ(no_panic(excused), "pass 3: 1 excused by allow: 1 by \"meant\"");
}

// Who reports it says that nobody caught it, whatever a log puts before the words.
TEST(NoPanic, WhatPythonsLibraryReportsIsNotTakenForLogged) {
  const std::vector<std::vector<std::string>> reports{
      {"ERROR:asyncio:Exception in callback stop()", "handle: <Handle stop()>"},
      {"2026-01-02 12:00:00,123 ERROR asyncio: Unhandled exception in event loop"},
      {"[2026-01-02 12:00:00 +0000] [7] [ERROR] unhandled exception during asyncio.run() shutdown",
       "task: <Task finished>"},
      {"2026-01-02 - asyncio - ERROR - Exception in default exception handler"},
      {R"({"level": "ERROR", "message": "Exception in default exception handler"})"},
      {"ERROR:    Unhandled exception in client_connected_cb", "transport: <_SelectorSocket>"},
      {"CRITICAL:concurrent.futures:Exception in worker"},
      {"[2026-01-02 12:00:00 +0000] [7] [ERROR] Exception in worker process"},
      {"Exception ignored while finalizing file <_io.FileIO name=3>:"},
      {"Error in sys.excepthook:"}};
  for (auto lines : reports) {
    lines.insert(lines.end(), {"Traceback (most recent call last):",
                               "  File \"/srv/app/a.py\", line 7, in stop", "ValueError: x"});
    auto story = h();
    for (const auto& line : lines) story.line(line);
    EXPECT_EQ(no_panic(warned(story).stop().exited(0)),
              "fail " + std::to_string(lines.size() + 1) +
                  ": an uncaught Python exception: ValueError: x, in stop (/srv/app/a.py:7)")
        << lines.front();
  }
  // The program's own words, and a lost client of a server of the library.
  const auto server = [](const char* error) {
    return no_panic(says({"Exception occurred during processing of request from ('::1', 7)",
                          "Traceback (most recent call last):",
                          "  File \"/srv/app/a.py\", line 7, in do_GET", error})
                        .stop()
                        .exited(0));
  };
  EXPECT_THAT(server("ValueError: x"), ::testing::StartsWith("fail"));
  EXPECT_THAT(server("BrokenPipeError: [Errno 32] Broken pipe"), ::testing::StartsWith("pass"));
  EXPECT_THAT(no_panic(says({"ERROR:app:Exception in worker loop, next try in 1 s",
                             "Traceback (most recent call last):",
                             "  File \"/srv/app/a.py\", line 7, in work", "ValueError: x"})
                           .stop()
                           .exited(0)),
              ::testing::StartsWith("pass"));
}

TEST(NoPanic, ATaskThatWasDestroyedWhilePendingIsAFailureOfItsOwn) {
  const std::string task = "<Task pending name='Task-1' coro=<serve() running at /srv/a.py:6>>";
  const auto reason = "a Python task destroyed while pending: " + task;
  for (const auto* prefix : {"", "ERROR:asyncio:", "2026-01-02 12:00:00 ERROR asyncio - "}) {
    EXPECT_EQ(no_panic(warned(h())
                           .line(prefix + std::string("Task was destroyed but it is pending!"))
                           .line("source_traceback: Object created at (most recent call last):")
                           .line("  File \"/srv/a.py\", line 30, in main")
                           .line("task: " + task)
                           .line("ERROR:app:and now an error that was caught")
                           .line("Traceback (most recent call last):")
                           .line("  File \"/srv/a.py\", line 9, in f")
                           .line("ValueError: x")
                           .stop()
                           .exited(0)),
              "fail 9: " + reason +
                  "; 1 logged, and the program went on: first a Python traceback: ValueError: x, "
                  "in f (/srv/a.py:9); how its children ended was not seen: not traced")
        << prefix;
  }
  EXPECT_EQ(no_panic(h().line("Task was destroyed but it is pending! is what asyncio says")
                         .line("Task was destroyed but it is pending!")
                         .line("and nothing more")
                         .exited(0)),
            "pass 4: ");
}

TEST(NoPanic, AGoPanicThatWasRecoveredIsToldByWhereItBegan) {
  const std::vector<const char*> stack{"goroutine 7 [running]:",
                                       "runtime/debug.Stack()",
                                       "\t/usr/local/go/src/runtime/debug/stack.go:26 +0x5e",
                                       "main.logged.func1()",
                                       "\t/srv/app/server.go:37 +0x5a",
                                       "panic({0x6dcb20?, 0x76ff50?})",
                                       "\t/usr/local/go/src/runtime/panic.go:860 +0x13a",
                                       "main.order(0x7)",
                                       "\t/srv/app/server.go:50 +0x734"};
  auto story = h().line("panic: a bad order [recovered]");
  for (const auto* line : stack) story.line(line);
  EXPECT_EQ(no_panic(story.stop().exited(0)),
            "fail 11: a Go panic: a bad order, in main.order (/srv/app/server.go:50), recovered in "
            "main.logged.func1 (/srv/app/server.go:37); logged, and the program went on");
  // The handler itself panicked, and nobody recovered.
  EXPECT_EQ(no_panic(says({"panic: first", "\tpanic: second", "",
                           "goroutine 1 [running]:", "main.cleanUp()", "\t/srv/app/a.go:9 +0x5b",
                           "panic({0x1?, 0x2?})", "\t/usr/local/go/src/runtime/panic.go:860 +0x13a",
                           "main.main()", "\t/srv/app/a.go:40 +0x7d1"})
                         .exited(2)),
            "fail 11: a Go panic: first, in main.main (/srv/app/a.go:40)");
}

TEST(NoPanic, AnExcuseCoversTheWholeErrorAndIsCounted) {
  auto story = failed(says(kTraceback));
  for (const auto* line : kTraceback) story.line(line);
  story.stop().exited(0);
  auto& allow = settings<property::NoPanic>(story.plan).allow;
  for (const auto* pattern : {"cannot save", "orders\\.py", "is locked$"}) {
    allow = {Allowance{"never seen"}, Allowance{pattern}};
    EXPECT_EQ(no_panic(story),
              std::string("pass 13: 2 excused by allow: 2 by \"") + pattern + "\"");
  }
  allow = {{"OperationalError", "name", "the disk is shared"}};
  EXPECT_EQ(no_panic(story),
            "pass 13: 2 excused by allow: 2 by OperationalError (the disk is shared)");
  allow = {{"sqlite3.OperationalError", "name", "x"}, {"^panic", "pattern", "never"}};
  EXPECT_EQ(no_panic(story), "pass 13: 2 excused by allow: 2 by sqlite3.OperationalError (x)");
  for (const auto* other : {"Error", "OperationalErr", "mysql.OperationalError", "db", "save"}) {
    allow = {{other, "name", "x"}};
    EXPECT_THAT(no_panic(story), ::testing::StartsWith("fail")) << other;
  }
  allow = {{"is locked$", "pattern", "x"}};
  EXPECT_EQ(no_panic(story.line("panic: y")),
            "fail 14: a Go panic: y; 2 excused by allow: 2 by \"is locked$\" (x)");
  EXPECT_EQ(testing::verdict(story, "no-panic").noted,
            (std::vector<Counted>{{"excused by \"is locked$\" (x)", 2}}));
}

// Loguru's tracebacks have blank lines; a bare header does not take in what follows one.
TEST(NoPanic, ABlankLineAfterATracebacksHeaderIsLogurus) {
  auto story = says({"12:00:00 | ERROR    | orders:save:9 - cannot save",
                     "Traceback (most recent call last):", "",
                     "> File \"/srv/app/orders.py\", line 7, in save", "    db.write(order)", "",
                     "OSError: no space left", "12:00:01 | INFO     | orders:main:3 - ready"})
                   .stop()
                   .exited(0);
  EXPECT_THAT(
      no_panic(story),
      ::testing::HasSubstr(
          "first a Python traceback: OSError: no space left, in save (/srv/app/orders.py:7)"));
  settings<property::NoPanic>(story.plan).allow = {{"OSError", "name", "x"}};
  EXPECT_EQ(no_panic(story), "pass 9: 1 excused by allow: 1 by OSError (x)");
  auto bare = says({"Traceback (most recent call last):", "", "OSError: no space left"}).stop();
  settings<property::NoPanic>(bare.exited(0).plan).allow = {{"OSError", "name", "x"}};
  EXPECT_THAT(no_panic(bare), ::testing::Not(::testing::HasSubstr("excused")));
}

TEST(NoPanic, AJavaMessageOfSeveralLinesDoesNotReachAnotherErrorsFrames) {
  const std::string header = "Exception in thread \"main\" java.lang.IllegalStateException: two";
  const auto reason = [&](std::initializer_list<const char*> lines) {
    return no_panic(says(lines, h().ready().line(header)).exited(1));
  };
  const auto found = "an uncaught Java exception: " + header;
  EXPECT_EQ(reason({"lines", "\tat a.F.f(F.java:1)", "Caused by: java.io.IOException: of", "two",
                    "\tat a.G.g(G.java:2)"}),
            "fail 7: " + found + ", caused by java.io.IOException: of, in a.F.f (F.java:1)");
  EXPECT_EQ(reason({"ready again", "java.io.IOException: closed", "\tat a.F.f(F.java:1)"}),
            "fail 5: " + found);
}

TEST(NoPanic, AnExcuseByNameIsOfTheExceptionAndNotOfWhatItsMessageSays) {
  struct Case {
    std::vector<const char*> lines;
    std::vector<const char*> its_types;
    std::vector<const char*> others;
  };
  const char* traceback = "Traceback (most recent call last):";
  const char* frame = "  File \"a.py\", line 1, in f";
  const std::vector<Case> cases{
      {{traceback, frame, "RuntimeError: expected ValueError: none"},
       {"RuntimeError"},
       {"ValueError", "expected"}},
      {{traceback, frame, "app.errors.Closed"}, {"Closed", "app.errors.Closed"}, {"app", "errors"}},
      // The handler is wrong, whatever it was called for; a cause that it states may excuse it.
      {{traceback, frame, "KeyError: 'x'", "",
        "During handling of the above exception, another exception occurred:", "", traceback, frame,
        "AttributeError: 'NoneType' object has no attribute 'y'"},
       {"AttributeError"},
       {"KeyError"}},
      {{traceback, frame, "KeyError: 'x'", "",
        "The above exception was the direct cause of the following exception:", "", traceback,
        frame, "RuntimeError: no settings"},
       {"RuntimeError", "KeyError"},
       {"ValueError"}},
      {{"Exception in thread Thread-1 (save):", traceback, frame, "ValueError: x"},
       {"ValueError"},
       {"Exception", "save"}},
      {{"Future exception was never retrieved",
        "future: <Future finished exception=OSError(KeyError('x'))>"},
       {"OSError"},
       {"KeyError", "Future"}},
      {{"  + Exception Group Traceback (most recent call last):",
        "  |   File \"a.py\", line 1, in f", "  | ExceptionGroup: a KeyError (1 sub-exception)",
        "  +-+---------------- 1 ----------------", "    | Traceback (most recent call last):",
        "    |   File \"a.py\", line 2, in g", "    |     raise IndexError",
        "    | ValueError: no TypeError", "    +------------------------------------"},
       {"ExceptionGroup", "ValueError"},
       {"KeyError", "TypeError", "IndexError"}},
      {{"Exception in thread \"main\" java.lang.IllegalStateException: no java.io.EOFException: x",
        "\tat a.F.f(F.java:1)", "Caused by: java.io.IOException: closed"},
       {"IllegalStateException", "java.io.IOException"},
       {"EOFException", "Exception", "java.net.IOException"}},
      {{"Exception: java.lang.Error thrown from the UncaughtExceptionHandler in thread \"main\""},
       {"Error"},
       {"Exception"}},
      {{"Unhandled exception. System.InvalidOperationException: no IOException",
        " ---> (Inner Exception #1) System.TimeoutException: late"},
       {"InvalidOperationException", "System.TimeoutException"},
       {"IOException"}},
      {{"[ERROR] FATAL UNHANDLED EXCEPTION: System.ArgumentException: x ---> App.Late: y"},
       {"ArgumentException", "Late"},
       {"EXCEPTION"}},
      {{"Uncaught TypeError: a RangeError: b"}, {"TypeError"}, {"RangeError"}},
      {{"error: Uncaught (in promise) TypeError: no Error: x"}, {"TypeError"}, {"Error"}},
      {{"(node:7) UnhandledPromiseRejectionWarning: Error [ERR_CLOSED]: no [ERR_OPEN]: x"},
       {"Error", "ERR_CLOSED"},
       {"ERR_OPEN"}},
      {{"a.js:1", "throw new Late()", "^", "", "Closed: x", "    at f (a.js:1:1)"},
       {"Closed"},
       {"Late"}},
      {{"a.rb:1:in `f': no (KeyError) here (IOError)"}, {"IOError"}, {"KeyError"}},
      {{"[21-Nov-2026 08:41:30 UTC] PHP Fatal error:  Uncaught LogicException: IOError: x in /a:1",
        "Stack trace:", "#0 {main}", "", "Next App\\Late: y in /a:2"},
       {"LogicException", "Late"},
       {"IOError"}},
      {{"** (KeyError) no ArgumentError: here"}, {"KeyError"}, {"ArgumentError"}},
      {{"Error in process <0.79.0> with exit value:", "{{badmatch,closed},[{crash,f,0,[]}]}"},
       {"badmatch"},
       {"badarg"}}};
  for (const auto& one : cases) {
    const auto outcome = [&](const char* type) {
      auto story = failed(h());
      settings<property::NoPanic>(story.plan).allow = {{type, "name", "x"}};
      for (const auto* line : one.lines) story.line(line);
      return testing::verdict(story.exited(0), "no-panic").outcome;
    };
    for (const auto* type : one.its_types)
      EXPECT_EQ(outcome(type), Outcome::pass) << one.lines.back() << ": " << type;
    for (const auto* type : one.others)
      EXPECT_EQ(outcome(type), Outcome::fail) << one.lines.back() << ": " << type;
  }
}

// An excuse must not reach what another process or thread wrote amid the error, or after it.
TEST(NoPanic, AnExcuseEndsWithItsError) {
  const std::vector<std::vector<const char*>> beginnings{
      {"Traceback (most recent call last):", "  File \"a.py\", line 1, in f", "ValueError: meant"},
      {"Error in process <0.79.0> with exit value:", "{meant,[{crash,f,0,[]}]}", "next request"},
      {"** (RuntimeError) meant", "    crash.exs:9: (file)", "next request"},
      {"==77==ERROR: AddressSanitizer: meant", "    #0 0x1 in f a.cpp:1"},
      {"Exception in thread \"main\" java.lang.Error: meant", "\tat a.F.f(F.java:1)"},
      {"a.js:1", "f()", "^", "", "Error: meant", "    at f (a.js:1:1)"},
      {"thread 'main' panicked at a.rs:1:1:", "meant", "note: run with `RUST_BACKTRACE=1`"},
      {"panic: meant", "", "goroutine 1 [running]:", "main.main()", "\t./a.go:1 +0x1"},
      {"a.rb:1:in `f': meant (IOError)", "\tfrom a.rb:2:in `<main>'"},
      {"PHP Fatal error:  Uncaught Error: meant in /a.php:1", "Stack trace:", "#0 {main}"},
      {"Unhandled exception. System.Exception: meant", "   at A.F()"},
      {"terminate called after throwing an instance of 'E'", "  what():  meant"}};
  const std::vector<std::vector<const char*>> others{
      {"panic: other", "", "goroutine 9 [running]:"},
      {"Traceback (most recent call last):", "  File \"b.py\", line 1, in g", "KeyError: other"},
      {"free(): invalid pointer"}};
  for (const auto& beginning : beginnings) {
    for (const auto& other : others) {
      auto story = h();
      settings<property::NoPanic>(story.plan).allow = {Allowance{"meant"}};
      for (const auto* line : beginning) story.line(line);
      for (const auto* line : other) story.line(line);
      EXPECT_THAT(no_panic(story.exited(1)),
                  ::testing::AllOf(::testing::StartsWith("fail"), ::testing::HasSubstr("1 excused"),
                                   ::testing::Not(::testing::HasSubstr("more error"))))
          << beginning.front() << " … " << other.front();
    }
  }
}

TEST(NoPanic, ReadsWhatIsBeyondTheFirstPieceOfALine) {
  const std::string dots(8 * 1024, '.');
  EXPECT_EQ(no_panic(h().line(dots).goes_on(dots).goes_on("...panic: boom").exited(2)),
            "fail 2: a Go panic: boom");
  // Words that are cut in two, and the piece that has them as the evidence.
  const std::string log =
      R"({"level":"error","request":")" + std::string(100'000, 'x') +
      R"(","stack":"Traceback (most recent call last):\n  File \"/srv/a.py\", )" +
      R"(line 3, in f\nValueError: late\n"})";
  for (const std::size_t piece : {8'192U, 7'150U}) {
    auto story = h();
    for (std::size_t at = 0; at < log.size(); at += piece)
      at == 0 ? story.line(log.substr(at, piece)) : story.goes_on(log.substr(at, piece));
    story = failed(story);
    EXPECT_EQ(no_panic(story.stop().exited(0)),
              "fail 2: a Python traceback: ValueError: late, in f (/srv/a.py:3); logged, and the "
              "program went on");
    const auto verdict = testing::verdict(story, "no-panic");
    const auto history = story.history();
    EXPECT_EQ(verdict.evidence.size(), 1U);
    EXPECT_EQ(verdict.evidence.at(0), log.find("Traceback") / piece) << piece;
  }
}

TEST(NoPanic, ReadsThroughWhatOthersPutAroundALine) {
  for (const auto* line : {"......panic: boom", "37%\rpanic: boom", "##########panic: boom",
                           "web_1  | panic: boom", "\x1b[31mpanic: boom\x1b[0m"}) {
    EXPECT_EQ(no_panic(h().line(line).exited(2)), "fail 2: a Go panic: boom") << line;
  }
  for (const auto* line : {"panic: boom\rof 1", "37%\rpanic: boom\rof 1\rof 2"}) {
    EXPECT_THAT(no_panic(h().line(line).exited(2)),
                ::testing::StartsWith("fail 2: a Go panic: boom"))
        << "the message holds a carriage return";
  }
  for (const auto* line : {"3.panic: none", "#panic: off", "INFO | panic: off is the default",
                           R"({"msg":"panic: none"})", "** panic: none"}) {
    EXPECT_THAT(no_panic(h().line(line).exited(0)), ::testing::StartsWith("pass")) << line;
  }
  // A prefix is a trace's own only if its next line has it, too.
  EXPECT_THAT(no_panic(says({"app[77]: panic: none", "app[78]: goroutine 1 [running]: none",
                             "app[78]: stopped"})
                           .exited(0)),
              ::testing::StartsWith("pass"));
  EXPECT_EQ(no_panic(says({"app[77]: panic: boom", "app[77]:", "app[78]: goroutine 1 [running]:",
                           "app[77]: main.f()", "app[77]: \t/srv/app/a.go:3 +0x1"})
                         .exited(2)),
            "fail 6: a Go panic: boom, in main.f (/srv/app/a.go:3)");
}

TEST(NoPanic, ALineOfSourceWithAnEscapeIsNoJson) {
  EXPECT_EQ(no_panic(says({"Unhandled exception in client_connected_cb",
                           "transport: <_SelectorSocketTransport fd=7 read=idle>",
                           "Traceback (most recent call last):",
                           "  File \"/srv/ws.py\", line 25, in serve",
                           "    await r.readuntil(b\"\\r\\n\\r\\n\")", "          ^^^^^^^^^^^",
                           "asyncio.exceptions.IncompleteReadError: 0 bytes read"})
                         .stop()
                         .exited(0)),
            "fail 8: an uncaught Python exception: asyncio.exceptions.IncompleteReadError: 0 bytes "
            "read, in serve (/srv/ws.py:25)");
  EXPECT_EQ(no_panic(says({"/srv/a.js:6", "throw new Error(\"a\\nb\")", "^", "", "Error: a", "b",
                           "    at f (/srv/a.js:6:7)", "", "Node.js v20.20.2"})
                         .exited(1)),
            "fail 10: an uncaught JavaScript exception: Error: a, in f (/srv/a.js:6:7)");
}

TEST(NoPanic, TracebacksOfThreadsThatCameMixedAreParted) {
  const auto mixed = [](const char* second) {
    return failed(says({"Traceback (most recent call last):", "Traceback (most recent call last):",
                        "  File \"/srv/a.py\", line 3, in pay", "GET / 200",
                        "  File \"/srv/a.py\", line 3, in pay", "PaymentError: declined", second})
                      .stop()
                      .exited(0));
  };
  EXPECT_EQ(no_panic(mixed("PaymentError: declined")),
            "fail 8: a Python traceback: PaymentError: declined, in pay (/srv/a.py:3); logged, and "
            "the program went on; and 1 more error");
  auto both = mixed("PaymentError: declined");
  settings<property::NoPanic>(both.plan).allow = {Allowance{"PaymentError", "name"}};
  EXPECT_EQ(no_panic(both), "pass 8: 2 excused by allow: 2 by PaymentError");
  auto one = mixed("KeyError: 7");
  settings<property::NoPanic>(one.plan).allow = {Allowance{"PaymentError", "name"}};
  EXPECT_EQ(no_panic(one),
            "fail 8: a Python traceback: KeyError: 7; logged, and the program went on; 1 excused "
            "by allow: 1 by PaymentError");
  EXPECT_EQ(
      no_panic(says({"----", "Exception occurred during processing of request from ('::1', 1)",
                     "----", "Exception occurred during processing of request from ('::1', 2)",
                     "Traceback (most recent call last):", "Traceback (most recent call last):",
                     "  File \"/srv/a.py\", line 3, in pay", "KeyError: 7", "----",
                     "BrokenPipeError: [Errno 32] Broken pipe", "----"})
                   .stop()
                   .exited(0)),
      "fail 12: an uncaught Python exception: KeyError: 7, in pay (/srv/a.py:3); 1 logged, and the "
      "program went on: first an uncaught Python exception: BrokenPipeError: [Errno 32] Broken "
      "pipe; how its children ended was not seen: not traced");
}

TEST(NoPanic, ReadsWhatComesAfterWordsOfProgress) {
  EXPECT_EQ(no_panic(says({"draining... Exception in thread Thread-1 (work):",
                           "Traceback (most recent call last):",
                           "  File \"/srv/a.py\", line 3, in work", "KeyError: 17"})
                         .stop()
                         .exited(0)),
            "fail 5: an uncaught Python exception: KeyError: 17, in work (/srv/a.py:3)");
  EXPECT_EQ(no_panic(says({"1... 2... Exception in thread \"saver\" java.lang.Error: boom",
                           "\tat shop.Saver.run(Saver.java:7)"})
                         .stop()
                         .exited(143)),
            "fail 3: an uncaught Java exception: Exception in thread \"saver\" java.lang.Error: "
            "boom, in shop.Saver.run (Saver.java:7)");
  for (const std::string bar :
       {"\rsaving 100%  ####", "100%|\u2588\u2588| 9/9 [00:00<00:00, 33.1it/s]"})
    EXPECT_EQ(no_panic(h().ready()
                           .line(bar + "Exception in thread Thread-1 (work):")
                           .line("Traceback (most recent call last):")
                           .line("  File \"/srv/a.py\", line 3, in work")
                           .line("KeyError: 17")
                           .stop()
                           .exited(0)),
              "fail 5: an uncaught Python exception: KeyError: 17, in work (/srv/a.py:3)");
  EXPECT_EQ(no_panic(says({"saving 45%panic: boom", "", "goroutine 1 [running]:", "main.f()",
                           "\t/srv/a.go:3 +0x1"})
                         .exited(2)),
            "fail 6: a Go panic: boom, in main.f (/srv/a.go:3)");
  EXPECT_EQ(no_panic(says({"saving\u2026 free(): invalid pointer"}).exited(0)),
            "fail 2: heap corruption: free(): invalid pointer");
  for (const auto* line : {"draining... see panic: none", "45% of panic: none", "a..b panic: none",
                           "../panic: none", "draining...", "45% [panic: none]"}) {
    EXPECT_THAT(no_panic(says({line, "ready"}).exited(0)), ::testing::StartsWith("pass")) << line;
  }
}

TEST(NoPanic, ReadsWhatEachRuntimeWritesBehindALogsPrefix) {
  struct Case {
    std::vector<std::string> lines;
    std::string reason;
  };
  const std::vector<Case> cases{
      {{"terminate called after throwing an instance of 'std::logic_error'", "  what():  boom"},
       "std::terminate: std::logic_error: boom"},
      {{"free(): invalid pointer", "stopped"}, "heap corruption: free(): invalid pointer"},
      {{"==7==ERROR: AddressSanitizer: SEGV", "    #0 0x1 in f /srv/a.cpp:1"},
       "a sanitizer report: AddressSanitizer: SEGV, in f (/srv/a.cpp:1), in process 7"},
      {{"Unhandled exception. System.TimeoutException: late", "of two lines",
        "   at App.Pool.Take()"},
       "an unhandled .NET exception: System.TimeoutException: late"},
      {{"/srv/a.js:6", "  throw new Error('boom')", "  ^", "", "Error: boom",
        "    at f (/srv/a.js:6:9)", "", "Node.js v20.20.2"},
       "an uncaught JavaScript exception: Error: boom, in f (/srv/a.js:6:9)"}};
  const auto judged = [](const std::vector<std::string>& lines, const std::string& prefix) {
    auto story = h();
    for (const auto& line : lines) story.line(prefix + line);
    return no_panic(story.exited(0));
  };
  for (const std::string prefix :
       {"Nov 21 08:41:30 host app[77]: ", "12:00:00 web.1  | ", "2026-11-21T08:41:30.123Z "}) {
    for (const auto& one : cases) {
      EXPECT_EQ(judged(one.lines, prefix),
                "fail " + std::to_string(one.lines.size() + 1) + ": " + one.reason);
    }
    for (const auto& lines :
         std::vector<std::vector<std::string>>{{"Unhandled exception. handler installed", "ready"},
                                               {"terminate called on session 5", "ready"},
                                               {"free(): 3 buffers returned", "ready"},
                                               {"see \"free(): invalid pointer\"", "ready"},
                                               {"listening on 127.0.0.1:80", "ready", "x ^"},
                                               {"==7==ERROR: none", "ready"}}) {
      EXPECT_THAT(judged(lines, prefix), ::testing::StartsWith("pass")) << lines.front();
    }
  }
}

}  // namespace
}  // namespace lastcall::no_panic_test
