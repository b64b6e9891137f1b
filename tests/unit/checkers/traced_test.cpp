// no-send-on-closed, no-masked-panic, and what a tracer adds to released and deadline.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/checkers/history_builder.hpp"

namespace lastcall::traced_test {
namespace {

using testing::connection;
using testing::h;
using testing::HistoryBuilder;

std::string sends(const HistoryBuilder& b) { return testing::said(b, "no-send-on-closed"); }
std::string panics(const HistoryBuilder& b) { return testing::said(b, "no-masked-panic"); }
std::string released(const HistoryBuilder& b) { return testing::said(b, "released"); }
std::string deadline(const HistoryBuilder& b) { return testing::said(b, "deadline"); }

HistoryBuilder traced(Protocol protocol = Protocol::ws) {
  return h(protocol).event(TraceBegan{true}).ready();
}
// The trial, of a target that is traced in others.
HistoryBuilder untraced() {
  auto b = h();
  b.plan.traced = false;
  return b;
}
HistoryBuilder never_traced() {
  auto b = untraced();
  b.plan.scenario.target.trace = false;
  return b;
}

SentLate late(SendingEnd end, int descriptor = 5) {
  return {80,
          end,
          descriptor,
          "socket:[4711] of 127.0.0.1:9",
          "sendto",
          end == SendingEnd::shut_down ? EPIPE : EBADF,
          1'500'000,
          "pinger (81) in ping()+0x10\n  __send+0x4d\n  ping()+0x10\n",
          "main (80) in close_all()+0x20\n  close+0x10\n"};
}

TEST(NoSendOnClosed, NamesTheWriterAndTheCloser) {
  EXPECT_EQ(sends(traced().event(late(SendingEnd::closed)).event(SendsWatched{3, 1})),
            "fail 3: pinger (81) in ping()+0x10 called sendto on socket:[4711] of 127.0.0.1:9, "
            "descriptor 5, 1.50 ms after main (80) in close_all()+0x20 had closed it");
  EXPECT_THAT(sends(traced().event(late(SendingEnd::shut_down)).event(late(SendingEnd::closed))),
              ::testing::EndsWith("had shut it down; and 1 more"));
  const SentLate unknown{80, SendingEnd::never_open,     7, "", "write", EBADF,
                         0,  "main (80) in log()+0x1\n", ""};
  EXPECT_EQ(sends(traced().event(unknown)),
            "fail 1: main (80) in log()+0x1 called write on descriptor 7 that is not open");
}
TEST(NoSendOnClosed, LeavesTheStandardStreamsAlone) {
  EXPECT_EQ(sends(traced().event(late(SendingEnd::closed, 2)).event(SendsWatched{3, 1})),
            "pass 3: ");
}
TEST(NoSendOnClosed, ExcusesByWhatItWasSentOnAndByFunction) {
  auto b = traced().event(late(SendingEnd::closed)).event(SendsWatched{3, 1});
  settings<property::NoSendOnClosed>(b.plan).allow = {Allowance{R"(^ {2}ping\(\))"}};
  EXPECT_EQ(sends(b), "pass 3: 1 excused by allow: 1 by \"^ {2}ping\\(\\)\"");
  settings<property::NoSendOnClosed>(b.plan).allow = {Allowance{"pong"}};
  EXPECT_THAT(sends(b), ::testing::StartsWith("fail"));
}
TEST(NoSendOnClosed, SeesWhatComesAfterTheGoodbyeOnTheWire) {
  const auto up = traced(Protocol::wss).client(0).up(0).stop().close_frame(0, 1001);
  EXPECT_EQ(sends(up), "pass 1: ");
  EXPECT_EQ(sends(HistoryBuilder(up).event(BytesAfterClose{connection(0), Layer::websocket, 9})),
            "fail 1: clients \"users\", client 1, got 9 bytes after the Close frame");
  auto meant = HistoryBuilder(up).event(BytesAfterClose{connection(0), Layer::websocket, 9});
  settings<property::NoSendOnClosed>(meant.plan).allow = {Allowance{"bytes after the Close frame"}};
  const std::string excused = "1 excused by allow: 1 by \"bytes after the Close frame\"";
  EXPECT_EQ(sends(meant), "pass 1: " + excused);
  meant.event(BytesAfterClose{connection(0), Layer::tls, 9});
  EXPECT_EQ(sends(meant),
            "fail 1: clients \"users\", client 1, got 9 bytes after close_notify; " + excused);
  EXPECT_EQ(sends(HistoryBuilder(up).close_notify(0).event(
                BytesAfterClose{connection(0), Layer::tls, 3})),
            "fail 1: clients \"users\", client 1, got 3 bytes after close_notify");
}
TEST(NoSendOnClosed, TakesForeignBytesForAViolationIfTheScenarioSaysSo) {
  auto b = traced().client(0).up(0).stop().close_frame(0, 1001).event(
      ForeignBytes{connection(0), connection(4)});
  EXPECT_EQ(sends(b), "pass 1: ");
  settings<property::NoSendOnClosed>(b.plan).own_answers = true;
  EXPECT_EQ(sends(b),
            "fail 1: clients \"users\", client 1, got what belongs to clients \"users\", client 5");
}
TEST(NoSendOnClosed, BelievesARuntimeThatSaysSo) {
  EXPECT_EQ(sends(h().ready().line("panic: send on closed channel")),
            "fail 1: it says: panic: send on closed channel");
}
TEST(NoSendOnClosed, IsNoPassIfNothingWasLookedAt) {
  EXPECT_EQ(sends(h().ready().stop().exited(0)),
            "not-applicable 0: no connection was closed in order, and no call that sends was seen");
  EXPECT_EQ(sends(never_traced().ready().stop().exited(0)),
            "not-applicable 0: no connection was closed in order, and no call that sends was seen: "
            "set [target] trace = true");
  const auto goodbye = [](HistoryBuilder b) {
    return b.ready().client(0).up(0).stop().close_frame(0, 1001);
  };
  EXPECT_EQ(sends(goodbye(never_traced())),
            "pass 1: on the wire; calls were not seen: trace = false");
  EXPECT_EQ(sends(goodbye(untraced())), "pass 1: on the wire; calls were not seen: untraced");
  EXPECT_EQ(sends(h().event(TraceFailed{"EPERM"}).client(0).up(0).stop().close_frame(0, 1001)),
            "unknown 1: not traced: EPERM");
}

PanicEntered panic(PanicKind what, std::int32_t pid = 80) {
  return {pid,
          pid + 1,
          "go",
          what,
          "runtime.boundsError",
          "index out of range",
          "main.handle+0x10\n  runtime.gopanic\n"};
}
HistoryBuilder watched() { return traced().event(PanicsWatched{80, "server", "go", ""}); }

TEST(NoMaskedPanic, FailsForWhatWasSwallowed) {
  EXPECT_EQ(
      panics(watched().event(panic(PanicKind::programming_error)).stop().exited(0)),
      "fail 1: runtime.boundsError (index out of range) was swallowed; raised by main.handle+0x10");
  EXPECT_THAT(panics(watched()
                         .event(panic(PanicKind::caught_by_all))
                         .event(panic(PanicKind::terminate))
                         .event(ProcessEnded{80, "server", EndKind::exited, 0})),
              ::testing::EndsWith(
                  "reached a handler of every type; raised by main.handle+0x10; and 1 more"));
}
TEST(NoMaskedPanic, LeavesWhatEndedTheProcessToNoPanic) {
  const auto died = [](EndKind how, int value) {
    return watched()
        .event(panic(PanicKind::programming_error))
        .event(ProcessEnded{80, "server", how, value});
  };
  EXPECT_EQ(panics(died(EndKind::exited, 2)), "pass 1: ");
  EXPECT_EQ(panics(died(EndKind::signalled, SIGABRT)), "pass 1: ");
  EXPECT_THAT(panics(died(EndKind::exited, 0)), ::testing::StartsWith("fail"));
  // It went on until lastcall killed it.
  EXPECT_THAT(panics(watched()
                         .event(panic(PanicKind::programming_error))
                         .forced()
                         .event(ProcessEnded{80, "server", EndKind::signalled, SIGKILL})),
              ::testing::StartsWith("fail"));
  // The first was swallowed, whatever became of the second.
  EXPECT_THAT(panics(watched()
                         .event(panic(PanicKind::programming_error))
                         .event(panic(PanicKind::programming_error))
                         .event(ProcessEnded{80, "server", EndKind::exited, 2})),
              ::testing::Not(::testing::HasSubstr("more")));
}
TEST(NoMaskedPanic, ExcusesByTypeMessageOrFunction) {
  for (const auto* pattern : {"boundsError", "out of range", "^main.handle"}) {
    auto b = watched().event(panic(PanicKind::programming_error));
    settings<property::NoMaskedPanic>(b.plan).allow = {Allowance{pattern}};
    EXPECT_EQ(panics(b), std::string("pass 1: 1 excused by allow: 1 by \"") + pattern + "\"");
    // What ended its process is none of its own.
    EXPECT_EQ(panics(b.event(ProcessEnded{80, "server", EndKind::exited, 2})), "pass 1: ");
  }
  auto other = panic(PanicKind::programming_error);
  other.message = "no such key";
  auto b = watched().event(other).event(panic(PanicKind::programming_error));
  settings<property::NoMaskedPanic>(b.plan).allow = {{"no such key", "", "keys are optional"}};
  EXPECT_EQ(panics(b),
            "fail 1: runtime.boundsError (index out of range) was swallowed; raised by "
            "main.handle+0x10; 1 excused by allow: 1 by \"no such key\" (keys are optional)");
}
TEST(NoMaskedPanic, SaysWhyItJudgesNothing) {
  EXPECT_EQ(panics(never_traced().ready()),
            "not-applicable 0: the target is not traced: set [target] trace = true");
  EXPECT_EQ(panics(untraced().ready()),
            "not-applicable 0: this trial ran untraced (untraced_every)");
  EXPECT_EQ(panics(traced().event(PanicsWatched{80, "server", "", "no entry point has a name"})),
            "not-applicable 0: server: no entry point has a name");
  EXPECT_EQ(panics(traced()
                       .event(PanicsWatched{80, "env", "", "no symbols"})
                       .event(PanicsWatched{80, "server", "", "no entry point has a name"})
                       .event(PanicsWatched{81, "date", "", "no symbols"})),
            "not-applicable 0: server: no entry point has a name");
  EXPECT_EQ(panics(traced().event(TraceFailed{"EPERM"})), "unknown 0: not traced: EPERM");
}

HistoryBuilder strict() {
  auto b = traced();
  settings<property::Released>(b.plan).strict = true;
  return b.event(TargetStarted{80, "server"}).stop();
}

TEST(StrictRelease, SaysSomeOfManyAndCountsAll) {
  auto b = strict().event(ExitExamined{80, 100});
  for (int i = 0; i < 100; ++i)
    b.event(LeftAtExit{80, "connection", true, "a" + std::to_string(i)});
  b.exited(0).searched();
  EXPECT_THAT(
      released(b),
      ::testing::AllOf(::testing::StartsWith("fail 100: process 80 left at its exit: a0; process"),
                       ::testing::EndsWith("left at its exit: a7; and 92 more")));
}

TEST(StrictRelease, OfAnUntracedTrialIsJudgedByWhatWasLeft) {
  const auto story = [](bool traced) {
    auto b = h();
    b.plan.traced = traced;
    settings<property::Released>(b.plan).strict = true;
    return b.event(TargetStarted{80, "server"}).ready().stop().exited(0).searched();
  };
  EXPECT_THAT(released(story(true)), ::testing::HasSubstr("unknown"));
  EXPECT_THAT(released(story(false)),
              ::testing::AllOf(::testing::StartsWith("pass"),
                               ::testing::EndsWith("what was open at the exit call was not seen: "
                                                   "untraced")));
  EXPECT_THAT(released(story(false).event(FileLeft{"app.sock", "socket"})),
              ::testing::StartsWith("fail"));
}

TEST(TakerInDoubt, IsSaidOfWhatFailsOnly) {
  const auto exit = [](int code, bool in_doubt) {
    auto b = traced().stop();
    if (in_doubt) b.event(TakerInDoubt{80, 82, SIGTERM});
    return testing::said(b.exited(code), "clean-exit");
  };
  const auto doubt =
      "; thread 82 took SIGTERM, untraced it may have been another thread: trace = false tells";
  EXPECT_EQ(exit(1, true), exit(1, false) + doubt);
  EXPECT_EQ(exit(0, true), exit(0, false));
}

TEST(StrictRelease, FailsForWhatWasOpenAtTheExit) {
  const auto listener = LeftAtExit{80, "listener", true, "still listens at 127.0.0.1:80"};
  const auto file = LeftAtExit{80, "file", false, "/var/log/a is open"};
  const auto left = [&](const LeftAtExit& what) {
    return strict().event(ExitExamined{80, 1}).event(what).exited(0).searched();
  };
  EXPECT_EQ(released(left(file)), "pass 6: ");
  EXPECT_EQ(released(left(listener)),
            "fail 6: process 80 left at its exit: still listens at 127.0.0.1:80");
  auto meant = left(listener);
  settings<property::Released>(meant.plan).allow = {Allowance{"*listens at*"}};
  EXPECT_EQ(released(meant), "pass 6: allowed: 1 open at the exit call `*listens at*`");
  EXPECT_EQ(testing::verdict(meant, "released").noted,
            (std::vector<Counted>{{"open at the exit call, excused by `*listens at*`", 1}}));
}
TEST(StrictRelease, AChildThatMayStayMayBeThereAtTheExit) {
  const auto story = [](std::vector<Allowance> allow) {
    auto b = strict().event(ExitExamined{80, 2});
    settings<property::Released>(b.plan).allow = std::move(allow);
    return b.event(LeftAtExit{80, "child", true, "child 81 (tail) is alive"});
  };
  const auto left = [&](std::vector<Allowance> allow) {
    auto b = story(std::move(allow)).exited(0).event(ProcessLeft{81, "/usr/bin/tail -f log"});
    return b.searched();
  };
  EXPECT_EQ(released(left({Allowance{"*/tail *", "process", "it follows the log"}})),
            "pass 6: allowed: 1 process `*/tail *` (it follows the log)");
  // It ended before it could be found left.
  EXPECT_EQ(released(story({Allowance{"tail *", "process"}}).exited(0).searched()),
            "pass 6: allowed: 1 open at the exit call `tail *`");
  for (const auto* other : {"tails *", "ail *", "tail -n *"}) {
    EXPECT_EQ(released(story({Allowance{other, "process"}}).exited(0).searched()),
              "fail 6: process 80 left at its exit: child 81 (tail) is alive")
        << other;
  }
  EXPECT_EQ(released(left({Allowance{"*/tail *", "process"}})
                         .event(LeftAtExit{80, "child", true, "child 8 (worker) is alive"})),
            "fail 6: process 80 left at its exit: child 8 (worker) is alive; allowed: 1 process "
            "`*/tail *`");
}
TEST(StrictRelease, IsUnknownIfTheExitWasNotSeen) {
  EXPECT_EQ(released(strict().exited(0).searched()), "unknown 5: its exit call was not seen");
  EXPECT_EQ(released(strict().signalled(SIGTERM).searched()), "pass 5: ");
}
TEST(StrictRelease, FailsForWhatGrowsWithTheAnswers) {
  const auto counted = [](std::vector<OpenCounted> samples) {
    auto b = strict().event(ExitExamined{80, 0});
    for (const auto& sample : samples) b.event(sample);
    return released(b.exited(0).searched());
  };
  EXPECT_THAT(counted({{64, 20, 4}, {128, 52, 4}, {256, 116, 4}}),
              ::testing::EndsWith("descriptors grew from 20 to 52 and 116 with 64, 128 and 256 "
                                  "answers"));
  EXPECT_THAT(counted({{64, 20, 4}, {128, 20, 14}, {256, 20, 34}}),
              ::testing::HasSubstr("threads grew"));
  // A cache that fills, a pool that grows with the load once.
  EXPECT_THAT(counted({{64, 20, 4}, {128, 52, 4}, {256, 60, 4}}), ::testing::StartsWith("pass"));
  EXPECT_THAT(counted({{64, 20, 4}, {128, 23, 4}, {256, 27, 4}}), ::testing::StartsWith("pass"));
  EXPECT_THAT(counted({{64, 20, 4}, {128, 52, 4}}), ::testing::StartsWith("pass"));
}

TEST(DeadlineOfATracedTarget, SaysWhatItsThreadsWaitFor) {
  const auto passed = [] { return traced().stop().wait(5000).event(DeadlinePassed{}); };
  EXPECT_EQ(deadline(passed()
                         .event(ThreadWaits{80, 81, "main", "wait()+0x1", "read of 5"})
                         .event(ThreadWaits{80, 82, "b", "spin()+0x1", ""})
                         .event(ThreadWaits{80, 83, "c", "f()", "x"})
                         .event(ThreadWaits{80, 84, "d", "f()", "x"})),
            "fail 1: still running 5 s after SIGTERM: main (81) in wait()+0x1 waits for read of 5; "
            "b (82) in spin()+0x1 runs; c (83) in f() waits for x; and 1 more thread");
  EXPECT_EQ(deadline(passed()
                         .event(ThreadWaits{80, 81, "main", "wait()+0x1", "read of 5"})
                         .event(ThreadsStuck{true, true, "deadlock of 2 threads: …"})),
            "fail 1: still running 5 s after SIGTERM: deadlock of 2 threads: …");
}
TEST(DeadlineOfATracedTarget, SaysIfEveryThreadWaitsForALock) {
  const auto waiting = [](std::vector<std::string> waits) {
    auto story = traced().stop().wait(5000).event(DeadlinePassed{});
    story.event(ThreadWaits{80, 99, "python3", "f", "read of 5"});  // of an earlier look
    story.event(StacksTaken{80, StacksAt::deadline, "…"});
    std::int32_t tid = 80;
    for (auto& one : waits) story.event(ThreadWaits{80, tid++, "python3", "f", std::move(one)});
    return story;
  };
  const auto says_so =
      ::testing::HasSubstr("; every thread waits for a lock or a semaphore: perhaps a deadlock");
  EXPECT_THAT(deadline(waiting({"semaphore 0x10", "semaphore 0x20"})), says_so);
  EXPECT_THAT(deadline(waiting({"mutex 0x10", "futex 0x20"})), says_so);
  for (const auto& waits : std::vector<std::vector<std::string>>{
           {},
           {"semaphore 0x10"},
           {"semaphore 0x10", ""},
           {"semaphore 0x10", "read of 5"},
           {"semaphore 0x10", "semaphore 0x20, until a time-out"},
           {"semaphore 0x10", "condition variable 0x20"},
           std::vector<std::string>(ThreadWaits::kMaxTold, "semaphore 0x10")})
    EXPECT_THAT(deadline(waiting(waits)), ::testing::Not(says_so));
  EXPECT_THAT(deadline(waiting({"mutex 0x10", "mutex 0x20"})
                           .event(ThreadsStuck{true, true, "deadlock of 2 threads: …"})),
              ::testing::Not(says_so));
}
TEST(DeadlineOfATracedTarget, IsNotWaitedOutInADeadlock) {
  const auto stuck = [](bool deadlock) {
    return traced()
        .stop()
        .event(ThreadsStuck{deadlock, true, "deadlock of 2 threads: …"})
        .forced()
        .signalled(SIGKILL);
  };
  EXPECT_EQ(deadline(stuck(true)), "fail 1: never ends after SIGTERM: deadlock of 2 threads: …");
  EXPECT_EQ(deadline(stuck(false)), "unknown 0: lastcall ended the target before its deadline");
}

TEST(CleanExitOfATracedTarget, NamesWhoSentTheSignal) {
  const auto killed = [](EventBody by, int signal) {
    return testing::said(
        traced().event(TargetStarted{80, "server"}).event(std::move(by)).signalled(signal),
        "clean-exit");
  };
  EXPECT_EQ(killed(SignalTaken{80, 80, SIGTERM, 0, 7, 1000, "kill 80", 0, true}, SIGTERM),
            "fail 1: ended before it was told to: SIGTERM, sent by 7 (kill 80), user 1000");
  EXPECT_EQ(killed(KillSent{80, 7, "root", "guard", ""}, SIGKILL),
            "fail 1: ended before it was told to: SIGKILL, sent by 7 (guard), user root");
  EXPECT_EQ(killed(KillSent{80, 0, "", "", "out of memory"}, SIGKILL),
            "fail 1: ended before it was told to: SIGKILL, out of memory");
  // Of another process.
  EXPECT_EQ(killed(KillSent{81, 7, "root", "guard", ""}, SIGKILL),
            "fail 1: ended before it was told to: SIGKILL, sender unknown");
}

TEST(CleanExitOfATracedTarget, NamesWhoCalledExit) {
  const auto exits = [](std::int32_t pid) {
    return traced().event(TargetStarted{80, "server"}).event(ExitCalled{pid, 81, 1, "worker"});
  };
  const auto said = [](const HistoryBuilder& b) { return testing::said(b, "clean-exit"); };
  EXPECT_EQ(said(exits(80).exited(1)),
            "fail 1: ended before it was told to: exit 1, called by worker (81)");
  const StacksTaken stacks{80, StacksAt::exit, "worker (81) in give_up()+0x1\n  _exit\n"};
  EXPECT_EQ(said(exits(80).stop().event(stacks).exited(1)),
            "fail 1: exit 1, called by worker (81) in give_up()+0x1 after SIGTERM, expected exit "
            "0 or SIGTERM");
  const auto by_the_first =
      traced().event(TargetStarted{80, "server"}).stop().event(ExitCalled{80, 80, 3, "python3"});
  EXPECT_EQ(said(HistoryBuilder(by_the_first).exited(3)),
            "fail 1: exit 3, called by the main thread after SIGTERM, expected exit 0 or SIGTERM");
  EXPECT_EQ(said(HistoryBuilder(by_the_first)
                     .event(StacksTaken{80, StacksAt::exit, "python3 (80) in leave()+0x1\n"})
                     .exited(3)),
            "fail 1: exit 3, called by the main thread in leave()+0x1 after SIGTERM, expected exit "
            "0 or SIGTERM");
  // Of another process.
  EXPECT_EQ(said(exits(85).exited(1)), "fail 1: ended before it was told to: exit 1");
}

TEST(CleanExit, SaysWhatTheTargetSaidLast) {
  const auto said = [](const HistoryBuilder& b) { return testing::said(b, "clean-exit"); };
  EXPECT_EQ(said(untraced().ready().line("ready").line("no disk").line(" ").exited(1)),
            "fail 1: ended before it was told to: exit 1; it said last: no disk");
  EXPECT_EQ(said(untraced().ready().stop().line("giving up").exited(1)),
            "fail 1: exit 1 after SIGTERM, expected exit 0 or SIGTERM; it said last: giving up");
  EXPECT_EQ(said(untraced().ready().stop().line("bye").exited(0)), "pass 1: ");
}

// What clean-exit quotes of these lines.
std::string last(std::initializer_list<const char*> lines, int wait_ms = 0) {
  auto story = untraced().ready();
  for (const auto* line : lines) story.line(line);
  const auto said = testing::said(story.wait(wait_ms).exited(1), "clean-exit");
  return said.substr(said.find("it said last: ") + 14);
}

TEST(CleanExit, SaysTheErrorAndNotItsLastFrame) {
  const std::initializer_list<const char*> node{"listening",
                                                "/srv/app/server.js:6",
                                                "  boom();",
                                                "  ^",
                                                "",
                                                "Error: no disk",
                                                "    at save (/srv/app/server.js:6:3)",
                                                "    at node:internal/main:28:49",
                                                "",
                                                "Node.js v20.20.2"};
  EXPECT_EQ(last(node), "Error: no disk, in save (/srv/app/server.js:6:3)");
  // Long before the end an error is not why: but its frames are no last words either.
  EXPECT_EQ(last(node, 5'000), "Error: no disk");
  EXPECT_EQ(last({"Traceback (most recent call last):", "  File \"a.py\", line 1, in <module>",
                  "    f()", "OSError: [Errno 98] Address already in use", "bye"}),
            "OSError: [Errno 98] Address already in use, at a.py:1");
  EXPECT_EQ(
      last({"cannot start", "\tat com.acme.Main.main(Main.java:3)", "exit status 2", "", "}"}),
      "cannot start");
  EXPECT_EQ(last({"", "    at f (a.js:1:2)"}), "    at f (a.js:1:2)") << "there is nothing else";
}

TEST(CleanExit, SaysTheLineThatTellsOfAnErrorAndNotALaterOne) {
  const std::initializer_list<const char*> full{
      "listening", "shutdown: write state.json: no space left on device", "server stopped"};
  EXPECT_EQ(last(full), "shutdown: write state.json: no space left on device");
  EXPECT_EQ(last(full, 5'000), "server stopped");
  EXPECT_EQ(last({"FATAL: no port", "closed 0 connections"}), "FATAL: no port");
  EXPECT_EQ(last({"Could not save.", "cannot go on", "bye"}), "cannot go on");
  for (const auto* line :
       {"3 passed, 0 failed", "drained, no error", "level=info failed=0", R"({"error":null})",
        "GET /error 200", "errors are logged", "fail-safe is on"}) {
    EXPECT_EQ(last({line, "bye"}), "bye") << line;
  }
}
TEST(CleanExit, SaysWhatTellsOfAnErrorAfterALoggedOne) {
  const auto logged = [](const char* after) {
    return last({"ERROR:orders:not saved", "Traceback (most recent call last):",
                 "  File \"/srv/a.py\", line 3, in f", "ValueError: late", after, "bye"});
  };
  EXPECT_EQ(logged("FATAL: giving up"),
            "ValueError: late, in f (/srv/a.py:3); then: FATAL: giving up");
  EXPECT_EQ(logged("closing"), "ValueError: late, in f (/srv/a.py:3)");
}
TEST(CleanExit, DoesNotQuoteWhatAPackageManagerSaysOfTheExit) {
  EXPECT_EQ(last({"no disk", "npm ERR! code ELIFECYCLE", "npm ERR! errno 1"}), "no disk");
  EXPECT_EQ(last({"no disk", "npm error Lifecycle script `start` failed with error:"}), "no disk");
  EXPECT_EQ(last({"no disk", "error Command failed with exit code 1.",
                  "info Visit https://yarnpkg.com/en/docs/cli/run for documentation."}),
            "no disk");
  EXPECT_EQ(last({"no disk", "\u2009ELIFECYCLE\u2009 Command failed with exit code 1."}),
            "no disk");
}

TEST(CleanExit, SaysWhetherTheStopSignalHadAHandler) {
  const auto ended = [](std::initializer_list<SignalTaken> taken, bool is_traced = true) {
    auto story = is_traced ? traced() : untraced();
    story.event(TargetStarted{80, "server"}).ready().stop();
    story.plan.scenario.target.stop.expected = {{false, 0}};
    for (const auto& one : taken) story.event(one);
    return testing::said(story.signalled(SIGTERM), "clean-exit");
  };
  const SignalTaken fatal{80, 80, SIGTERM, 0, 1, 0, "lastcall", 0, true};
  const SignalTaken caught{80, 80, SIGTERM, 0, 1, 0, "lastcall", 0, false};
  const SignalTaken own{80, 80, SIGTERM, 0, 80, 0, "server", 0, true};
  const SignalTaken of_a_child{81, 81, SIGTERM, 0, 1, 0, "lastcall", 0, true};
  EXPECT_EQ(ended({fatal}),
            "fail 1: ended by SIGTERM: the program had no handler for it and did not block it "
            "(signalfd and sigwait receive only what every thread blocks), expected exit 0");
  EXPECT_EQ(ended({caught, own}),
            "fail 1: ended by SIGTERM, which it sent to itself after it had caught it, expected "
            "exit 0");
  EXPECT_EQ(ended({caught, fatal}),
            "fail 1: ended by SIGTERM, which it had caught or ignored before, expected exit 0");
  const std::string not_known =
      "fail 1: ended by SIGTERM, by its default action: no handler was installed, or the target "
      "sent it to itself again, expected exit 0";
  EXPECT_EQ(ended({of_a_child}), not_known);
  EXPECT_EQ(ended({}, false), not_known);
}

TEST(Judge, LostEventsOfTheTracerMakeUnknownWhatItJudges) {
  std::vector<std::string> unknown;
  const auto story = h().ready().stop().exited(0).searched().lost("tracer");
  for (const auto& verdict : judge(story.plan, story.history())) {
    if (verdict.outcome == Outcome::unknown) unknown.push_back(verdict.property);
  }
  EXPECT_THAT(unknown, ::testing::ElementsAre("no-panic", "no-masked-panic", "no-send-on-closed"));
}

}  // namespace
}  // namespace lastcall::traced_test
