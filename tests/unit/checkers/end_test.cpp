// clean-exit, deadline and released: what is judged by the end of the target.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/checkers/history_builder.hpp"

namespace lastcall::end_test {
namespace {

using property::LoggedErrors;
using testing::h;
using testing::HistoryBuilder;

std::string clean_exit(const HistoryBuilder& b) { return testing::said(b, "clean-exit"); }
std::string deadline(const HistoryBuilder& b) { return testing::said(b, "deadline"); }
std::string released(const HistoryBuilder& b) { return testing::said(b, "released"); }

TEST(CleanExit, HoldsForEveryPromisedEnd) {
  EXPECT_EQ(clean_exit(h().ready().stop().exited(0)), "pass 1: ");
  EXPECT_EQ(clean_exit(h().ready().stop().signalled(SIGTERM)), "pass 1: ");
}
TEST(CleanExit, FailsForAnyOther) {
  EXPECT_EQ(clean_exit(h().ready().stop().exited(1)),
            "fail 1: exit 1 after SIGTERM, expected exit 0 or SIGTERM");
  EXPECT_EQ(
      clean_exit(h().ready().stop(SIGINT).signalled(SIGINT)),
      "fail 1: ended by SIGINT, by its default action: no handler was installed, or the target "
      "sent it to itself again, expected exit 0 or SIGTERM");
  // 15 as a code is not 15 as a signal.
  EXPECT_EQ(clean_exit(h().stop().exited(15)),
            "fail 1: exit 15 after SIGTERM, expected exit 0 or SIGTERM");
}

// What a scenario says that does not state `exit`.
HistoryBuilder unstated(int signal = SIGTERM) {
  auto story = h().event(TargetStarted{80, "server"}).ready();
  story.plan.scenario.target.stop.expected = {{false, 0}};
  story.plan.scenario.target.stop.end_is_stated = false;
  story.plan.scenario.target.stop.signals = {signal};
  return story;
}
// The same, and the target has a handler for the stop signal or has none.
HistoryBuilder stopped(bool caught, int signal = SIGTERM, std::string runtime = "") {
  return unstated(signal).event(HandlerAtStop{80, signal, caught, std::move(runtime)}).stop(signal);
}
SignalTaken taken(bool fatal, std::int32_t sender = 1, std::int32_t code = SI_USER) {
  return {.pid = 80,
          .tid = 80,
          .signal = SIGTERM,
          .code = code,
          .sender = sender,
          .command = "",
          .fatal = fatal};
}

TEST(CleanExit, WhoHandlesTheSignalMayEndAsItUnlessTheScenarioStatesAnEnd) {
  for (const int signal : {SIGTERM, SIGINT}) {
    EXPECT_EQ(clean_exit(stopped(true, signal).exited(0)), "pass 1: ");
    EXPECT_EQ(clean_exit(stopped(true, signal).exited(128 + signal)), "pass 1: ");
    EXPECT_EQ(clean_exit(stopped(true, signal).signalled(signal)), "pass 1: ");
  }
  EXPECT_EQ(clean_exit(stopped(true).exited(130)),
            "fail 1: exit 130 after SIGTERM, expected exit 0");
  EXPECT_EQ(clean_exit(stopped(true).exited(1)), "fail 1: exit 1 after SIGTERM, expected exit 0");
  EXPECT_THAT(clean_exit(stopped(true).signalled(SIGINT)), ::testing::StartsWith("fail 1: SIGINT"));
  auto stated = stopped(true);
  stated.plan.scenario.target.stop.end_is_stated = true;
  EXPECT_EQ(clean_exit(HistoryBuilder(stated).exited(0)), "pass 1: ");
  EXPECT_EQ(clean_exit(HistoryBuilder(stated).exited(143)),
            "fail 1: exit 143 after SIGTERM, expected exit 0");
  EXPECT_EQ(clean_exit(stated.signalled(SIGTERM)),
            "fail 1: ended by SIGTERM, by its default action: the handler that it had was gone by "
            "then, expected exit 0");
}
TEST(CleanExit, WithoutAHandlerOnlyExit0IsPromised) {
  EXPECT_EQ(clean_exit(stopped(false).exited(0)), "pass 1: ");
  EXPECT_EQ(clean_exit(stopped(false).exited(143)),
            "fail 1: exit 143 after SIGTERM, expected exit 0");
  EXPECT_EQ(clean_exit(stopped(false).signalled(SIGTERM)),
            "fail 1: ended by SIGTERM, by its default action: no handler was installed when it was "
            "sent, expected exit 0");
  // It was not looked at, and not traced.
  EXPECT_THAT(clean_exit(unstated().stop().exited(143)), ::testing::StartsWith("fail 1: exit 143"));
  EXPECT_THAT(clean_exit(unstated().stop().signalled(SIGTERM)), ::testing::StartsWith("fail 1: "));
  // That of another signal.
  EXPECT_THAT(clean_exit(unstated().event(HandlerAtStop{80, SIGHUP, true, ""}).stop().exited(143)),
              ::testing::StartsWith("fail 1: exit 143"));
}
TEST(CleanExit, NamesAShellInFrontThatPassesNoSignalOn) {
  const auto story = [](std::string program, bool caught = false) {
    return unstated().event(HandlerAtStop{80, SIGTERM, caught, "", std::move(program)}).stop();
  };
  const std::string shell =
      "fail 1: ended by SIGTERM: the first process is a shell (dash) that had no trap for it and "
      "passes no signal on (start the server with exec), expected exit 0";
  EXPECT_EQ(clean_exit(story("dash").signalled(SIGTERM)), shell);
  EXPECT_EQ(clean_exit(story("dash").event(taken(true)).signalled(SIGTERM)), shell);
  EXPECT_THAT(clean_exit(story("haproxy").event(taken(true)).signalled(SIGTERM)),
              ::testing::EndsWith("expected exit 0; haproxy documents SIGUSR1 for a graceful stop, "
                                  "and SIGTERM for a fast one: signal in [target.stop]"));
  for (const auto* program : {"python3.11", "shd", "busybox", ""}) {
    EXPECT_THAT(
        clean_exit(story(program).event(taken(true)).signalled(SIGTERM)),
        ::testing::StartsWith("fail 1: ended by SIGTERM: the program had no handler for it"));
  }
  EXPECT_THAT(
      clean_exit(story("bash", true).event(taken(false)).event(taken(true)).signalled(SIGTERM)),
      ::testing::StartsWith("fail 1: ended by SIGTERM, which it had caught"));
}
TEST(CleanExit, HowTheSignalWasTakenTellsOfAHandlerThatWasNotLookedAt) {
  const auto story = unstated().stop();
  EXPECT_EQ(clean_exit(HistoryBuilder(story).event(taken(false)).exited(143)), "pass 1: ");
  EXPECT_EQ(
      clean_exit(
          HistoryBuilder(story).event(taken(false)).event(taken(true, 80)).signalled(SIGTERM)),
      "pass 1: ");
  EXPECT_THAT(clean_exit(HistoryBuilder(story).event(taken(true)).signalled(SIGTERM)),
              ::testing::StartsWith("fail 1: ended by SIGTERM: the program had no handler for it"));
  auto of_a_child = taken(false);
  of_a_child.pid = 81;
  EXPECT_THAT(clean_exit(HistoryBuilder(story).event(of_a_child).exited(143)),
              ::testing::StartsWith("fail 1: exit 143"));
}
TEST(CleanExit, ASecondSignalThatFindsNoHandlerIsNotRaisedAgain) {
  // Untraced, the look before the second one tells.
  const auto second = [](bool caught) {
    return stopped(true).event(HandlerAtStop{80, SIGTERM, caught, ""}).again().signalled(SIGTERM);
  };
  EXPECT_EQ(clean_exit(second(true)), "pass 1: ");
  EXPECT_THAT(clean_exit(second(false)), ::testing::StartsWith("fail 1: ended by SIGTERM"));
  EXPECT_EQ(testing::said(second(true), "repeat-signal"), "pass 1: ");
  EXPECT_EQ(testing::said(second(false), "repeat-signal"),
            "fail 1: SIGTERM after a second signal, expected exit 0");
  // Traced, who sent the last one does.
  const auto ended = [](std::int32_t sender) {
    return clean_exit(
        stopped(true).event(taken(false)).event(taken(true, sender)).signalled(SIGTERM));
  };
  EXPECT_EQ(ended(80), "pass 1: ");
  EXPECT_THAT(ended(1), ::testing::StartsWith("fail 1: ended by SIGTERM, which it had caught"));
}
TEST(CleanExit, AHandlerThatEveryProgramOfARuntimeHasIsNone) {
  for (const std::string runtime : {"node", "go"}) {
    const auto story = stopped(true, SIGTERM, runtime);
    const auto ended = [&](std::initializer_list<SignalTaken> all) {
      HistoryBuilder b(story);
      for (const auto& one : all) b.event(one);
      return b.signalled(SIGTERM);
    };
    EXPECT_EQ(clean_exit(HistoryBuilder(story).exited(143)), "pass 1: ");
    EXPECT_EQ(clean_exit(ended({taken(false), taken(true, 80, SI_TKILL)})),
              "fail 1: ended by SIGTERM: the program has no handler of its own; its runtime (" +
                  runtime + ") only raised it again, expected exit 0");
    // process.kill(process.pid, "SIGTERM"), and what Go's runtime makes of syscall.Kill.
    EXPECT_EQ(clean_exit(ended({taken(false), taken(true, 80)})), "pass 1: ");
    EXPECT_EQ(clean_exit(ended({taken(false), taken(false, 80), taken(true, 80, SI_TKILL)})),
              "pass 1: ");
    const auto not_known = "not-applicable 0: ended by SIGTERM, which " + runtime +
                           " handles in every program: only the tracer sees whether this program "
                           "did; exit in [target.stop] would say what it promises";
    EXPECT_EQ(clean_exit(ended({})), not_known);
    EXPECT_EQ(clean_exit(ended({taken(false)}).lost("tracer")), not_known);
    EXPECT_EQ(testing::said(HistoryBuilder(story).again().signalled(SIGTERM), "repeat-signal"),
              not_known);
  }
}
TEST(NoPanic, AnErrorThatWasLoggedBeforeAnEndAsTheSignalDidNotEndIt) {
  const auto said = [](int code) {
    auto story = stopped(true);
    for (const auto* line : {"ERROR:orders:cannot save", "Traceback (most recent call last):",
                             "  File \"/srv/a.py\", line 3, in f", "ValueError: late"})
      story.line(line);
    settings<property::NoPanic>(story.plan).logged = LoggedErrors::warn;
    return testing::said(story.exited(code), "no-panic");
  };
  EXPECT_THAT(said(143), ::testing::StartsWith("pass 5: 1 logged, and the program went on"));
  EXPECT_THAT(said(1), ::testing::StartsWith("fail"));
}
TEST(CleanExit, FailsIfItHadToBeForced) {
  EXPECT_EQ(clean_exit(h().ready().stop().event(DeadlinePassed{}).forced().signalled(SIGKILL)),
            "fail 1: did not end by itself after SIGTERM");
}
TEST(CleanExit, FailsIfItEndedBeforeItWasTold) {
  EXPECT_EQ(clean_exit(h().ready().exited(1).stop()),
            "fail 1: ended before it was told to: exit 1");
  EXPECT_EQ(clean_exit(h().ready().signalled(SIGSEGV)),
            "fail 1: ended before it was told to: SIGSEGV");
  // By somebody else's signal, before lastcall sent the same.
  EXPECT_EQ(clean_exit(h().ready().signalled(SIGTERM).stop()),
            "fail 1: ended before it was told to: SIGTERM");
}
TEST(CleanExit, HasNothingToJudgeWithoutAStop) {
  EXPECT_EQ(clean_exit(h()), "not-applicable 0: the trial did not come to a stop");
  EXPECT_EQ(clean_exit(h().ready().forced().signalled(SIGKILL)),
            "not-applicable 0: lastcall ended the target because it was past the deadline");
  EXPECT_EQ(clean_exit(h().ready().fault(SIGUSR1).signalled(SIGUSR1)),
            "not-applicable 0: lastcall sent SIGUSR1");
}
TEST(CleanExit, DoesNotHoldTheTargetToAKillOfLastcall) {
  EXPECT_EQ(clean_exit(h().ready().stop().fault(SIGKILL).signalled(SIGKILL)),
            "not-applicable 0: lastcall sent SIGKILL");
}
TEST(CleanExit, IsUnknownIfTheEndWasNotSeen) {
  EXPECT_EQ(clean_exit(h().ready().stop()), "unknown 0: the target's end was not seen");
  EXPECT_EQ(clean_exit(h().ready().missed(0).forced().signalled(SIGKILL)),
            "unknown 0: fault 1 was not reached: too few");
}

TEST(Deadline, HoldsAndSaysHowLongItTook) {
  EXPECT_EQ(deadline(h().ready().stop().wait(11).exited(3)), "pass 1: gone after 12.0 ms");
}
TEST(Deadline, FailsIfItPassed) {
  EXPECT_EQ(
      deadline(h().ready().stop().wait(5000).event(DeadlinePassed{}).forced().signalled(SIGKILL)),
      "fail 1: still running 5 s after SIGTERM");
  EXPECT_EQ(deadline(h().ready().stop().wait(5000).event(DeadlinePassed{}).exited(0)),
            "fail 1: still running 5 s after SIGTERM");
  EXPECT_EQ(deadline(h().ready().stop().wait(5299).exited(0)),
            "fail 1: gone after 5.30 s, later than 5 s");
}
TEST(Deadline, HasNothingToJudgeWithoutAStop) {
  EXPECT_EQ(deadline(h()), "not-applicable 0: the trial did not come to a stop");
  EXPECT_EQ(deadline(h().ready().exited(0).stop()),
            "not-applicable 0: the target had ended before the stop");
}
TEST(Deadline, IsUnknownIfTheEndWasNotSeen) {
  EXPECT_EQ(deadline(h().ready().stop()), "unknown 0: the target's end was not seen");
  EXPECT_EQ(deadline(h().ready().stop().forced().signalled(SIGKILL)),
            "unknown 0: lastcall ended the target before its deadline");
}

TEST(Released, HoldsIfEverythingWasSearchedAndNothingFound) {
  EXPECT_EQ(released(h().ready().stop().exited(0).searched()), "pass 5: ");
}
TEST(Released, FailsForEachKindOfLeftover) {
  const auto ended = h().ready().stop().exited(0);
  EXPECT_EQ(released(HistoryBuilder(ended).event(ProcessLeft{7, "worker"}).searched()),
            "fail 5: process 7 (worker) is alive after the target's end");
  EXPECT_EQ(released(HistoryBuilder(ended).searched().event(PortProbed{"tls", 8443, EADDRINUSE})),
            "fail 6: port 8443 ({port.tls}) is still in use though no process is left: its closed "
            "connections (TIME_WAIT) keep it, set SO_REUSEADDR before bind()");
  EXPECT_EQ(released(HistoryBuilder(ended).searched().event(PortProbed{"", 80, EACCES})),
            "fail 6: port 80 ({port}) cannot be bound: Permission denied");
  EXPECT_EQ(released(HistoryBuilder(ended).event(FileLeft{"run/a.pid", "pid file"}).searched()),
            "fail 5: pid file run/a.pid is left");
}
TEST(Released, FailsForSharedMemoryAndAllowsItByName) {
  auto story = h().ready().stop().exited(0);
  story.event(FileLeft{"/dev/shm/orders", "POSIX shared memory"}).searched();
  EXPECT_EQ(released(story), "fail 5: POSIX shared memory /dev/shm/orders is left");
  settings<property::Released>(story.plan).allow = {Allowance{"/dev/shm/*"}};
  EXPECT_EQ(released(story), "pass 5: allowed: 1 file `/dev/shm/*`");
}
TEST(Released, TellsAForkedChildFromTheServerItself) {
  auto story = h().event(TargetStarted{80, "server --port 1"}).ready().stop().exited(0);
  story.event(ProcessLeft{81, "server --port 1"}).searched();
  EXPECT_EQ(released(story),
            "fail 5: process 81 (a child with the server's own command line: server --port 1) is "
            "alive after the target's end");
  // Below a shell it may be the server itself.
  story.plan.scenario.target.shell = true;
  EXPECT_EQ(released(story),
            "fail 5: process 81 (server --port 1) is alive after the target's end");
}
TEST(Released, SaysWhoPerhapsHasThePort) {
  auto story = h().ready().stop().exited(0).event(ProcessLeft{7, "worker"}).searched();
  story.event(PortProbed{"tls", 8443, EADDRINUSE});
  EXPECT_EQ(released(story),
            "fail 6: process 7 (worker) is alive after the target's end; port 8443 ({port.tls}) is "
            "still in use, perhaps by it");
  EXPECT_THAT(released(story.event(ProcessLeft{8, "worker"})),
              ::testing::EndsWith("({port.tls}) is still in use"));
  settings<property::Released>(story.plan).allow = {Allowance{"worker", "process"}};
  EXPECT_THAT(released(story), ::testing::HasSubstr("is still in use; allowed: 2 processes"));
}
TEST(Released, ExcusesThePortMapperOfErlangAndCountsIt) {
  const auto left = [](const std::string& command) {
    return released(h().ready().stop().exited(0).event(ProcessLeft{7, command}).searched());
  };
  for (const auto* command : {"epmd -daemon", "/usr/lib/erlang/erts-13.1/bin/epmd -daemon"}) {
    EXPECT_EQ(left(command),
              "pass 5: 1 excused: epmd, which serves all Erlang nodes of the host, epmd(1)");
  }
  for (const auto* command : {"epmd", "epmdx -daemon", "sh /a/epmd -daemon", "server epmd -daemon"})
    EXPECT_THAT(left(command), ::testing::StartsWith("fail")) << command;
  auto story = h().ready().stop().exited(0).event(ProcessLeft{7, "epmd -daemon"}).searched();
  story.event(ProcessLeft{8, "worker"}).event(PortProbed{"tls", 8443, EADDRINUSE});
  EXPECT_EQ(released(story),
            "fail 6: process 8 (worker) is alive after the target's end; port 8443 ({port.tls}) is "
            "still in use; 1 excused: epmd, which serves all Erlang nodes of the host, epmd(1)");
  EXPECT_EQ(testing::verdict(story, "released").noted,
            (std::vector<Counted>{
                {"excused: epmd, which serves all Erlang nodes of the host, epmd(1)", 1}}));
}
TEST(Released, AllowsFilesThatTheScenarioNames) {
  auto story = h().ready().stop().exited(0).event(FileLeft{"run/a.pid", "pid file"}).searched();
  settings<property::Released>(story.plan).allow = {Allowance{"*.sock"}, Allowance{"*.pid"}};
  EXPECT_EQ(released(story), "pass 5: allowed: 1 file `*.pid`");
}
TEST(Released, AllowsProcessesAndPortsAndCountsThem) {
  auto story = h().ready().stop().exited(0);
  story.event(ProcessLeft{7, "tail -f log"}).event(ProcessLeft{8, "tail -f out"}).searched();
  story.event(PortProbed{"admin", 8443, EADDRINUSE}).event(PortProbed{"tls", 8444, EADDRINUSE});
  story.event(PortProbed{"", 8445, EADDRINUSE});
  auto& allow = settings<property::Released>(story.plan).allow;
  allow = {Allowance{"tail *", "process", "it follows the log"}, Allowance{"admin", "port"},
           Allowance{"8444", "port"}, Allowance{"port", "port"}};
  EXPECT_EQ(released(story),
            "pass 8: allowed: 2 processes `tail *` (it follows the log), 1 port `admin`, 1 port "
            "`8444`, 1 port `port`");
  EXPECT_EQ(testing::verdict(story, "released").noted,
            (std::vector<Counted>{{"excused by process `tail *` (it follows the log)", 2},
                                  {"excused by port `admin`", 1},
                                  {"excused by port `8444`", 1},
                                  {"excused by port `port`", 1}}));
  allow = {Allowance{"tail -f out", "process"}, Allowance{"tail *"}, Allowance{"*", "port"}};
  EXPECT_EQ(released(story),
            "fail 8: process 7 (tail -f log) is alive after the target's end; allowed: 1 process "
            "`tail -f out`, 3 ports `*`");
}
TEST(Released, CountsCachesAndFailsForThemIfItIsStrict) {
  auto story = h().ready().stop().exited(0).event(FileLeft{"tmp/a/b.bin", "temporary file"});
  story.event(FileLeft{"tmp/c", "temporary file"}).event(ExitExamined{79, 0}).searched();
  EXPECT_EQ(released(story), "pass 5: 2 files stay in {dir}/tmp, first tmp/a/b.bin");
  EXPECT_EQ(testing::verdict(story, "released").noted,
            (std::vector<Counted>{{"left in {dir}/tmp, perhaps caches", 2}}));
  for (const auto& file : {FileLeft{"tmp/a.sock", "socket"}, FileLeft{"tmp/a.pid", "pid file"},
                           FileLeft{"tmp/a.lock", "lock file"}, FileLeft{"tmp/f", "FIFO"},
                           FileLeft{"state.json.tmp", "temporary file"}}) {
    EXPECT_EQ(released(HistoryBuilder(story).event(file)),
              "fail 5: " + file.type + " " + file.path +
                  " is left; 2 files stay in {dir}/tmp, first tmp/a/b.bin");
  }
  settings<property::Released>(story.plan).strict = true;
  EXPECT_EQ(released(story),
            "fail 6: temporary file tmp/a/b.bin is left; temporary file tmp/c is left");
  EXPECT_TRUE(testing::verdict(story, "released").noted.empty());
}
TEST(Released, FailsForProcessesThatStartOneAnother) {
  auto story = h().ready().stop().exited(0).searched();
  story.event(ProcessLingered{9, "python3", Lingering::ended_late});
  EXPECT_EQ(released(story),
            "fail 5: after the target's end a chain of processes goes on: each forks the next and "
            "exits; the last one seen was 9 (python3)");
  settings<property::Released>(story.plan).allow = {Allowance{"python*", "process"}};
  EXPECT_EQ(released(story), "pass 5: allowed: 1 process `python*`");
}
TEST(Released, IsUnknownForWhoWasPerhapsOnlySlowedByTheTracer) {
  auto story = h().ready().stop().exited(0).searched();
  story.event(ProcessLingered{9, "rm -r work", Lingering::slowed});
  EXPECT_EQ(released(story),
            "unknown 5: process 9 (rm -r work) was still at work long after the target's end, "
            "perhaps only because it was traced: trace = false judges it");
  EXPECT_EQ(released(HistoryBuilder(story).event(ProcessLeft{7, "worker"})),
            "fail 5: process 7 (worker) is alive after the target's end");
  EXPECT_EQ(released(HistoryBuilder(story).event(PortProbed{"", 80, EADDRINUSE})),
            "fail 6: port 80 ({port}) is still in use, perhaps by process 9 (rm -r work)");
}
TEST(Released, JudgesOnlyAnEndOfTheTargetsOwn) {
  EXPECT_EQ(released(h()), "not-applicable 0: the trial did not come to a stop");
  EXPECT_EQ(released(h().exited(0).stop().searched()),
            "not-applicable 0: the target had ended before the stop");
  EXPECT_EQ(released(h().stop().forced().signalled(SIGKILL).event(ProcessLeft{7, "x"}).searched()),
            "not-applicable 0: the target did not end by itself");
  EXPECT_EQ(released(h().stop().signalled(SIGKILL).searched()),
            "not-applicable 0: the target was ended by SIGKILL");
  EXPECT_EQ(released(h().stop().fault(SIGKILL).signalled(SIGKILL).searched()),
            "not-applicable 0: lastcall sent SIGKILL");
}
TEST(Released, NamesAFixedPortByItsNumber) {
  EXPECT_EQ(released(h().stop().exited(0).searched().event(PortProbed{"8080", 8080, EADDRINUSE})),
            "fail 6: port 8080 is still in use though no process is left: its closed connections "
            "(TIME_WAIT) keep it, set SO_REUSEADDR before bind()");
}
TEST(Released, ATargetWithoutALeasedPortIsJudgedByTheRest) {
  auto story = h().stop().exited(0).event(ProcessesSearched{}).event(FilesSearched{3});
  auto& groups = story.plan.scenario.clients;
  groups[0].url = "ws://127.0.0.1:8080/";
  EXPECT_EQ(released(story), "pass 4: ");
  EXPECT_EQ(
      items_text(testing::verdict(story, "released").not_judged),
      "1 at a fixed port, which lastcall cannot look at (below 1024, or one that clients may get): "
      "write {port} in its place");
  groups.clear();
  EXPECT_EQ(released(story), "pass 4: ");
  EXPECT_THAT(testing::verdict(story, "released").not_judged, ::testing::IsEmpty());
}
TEST(Released, IsUnknownIfSomethingWasNotSearched) {
  EXPECT_EQ(released(h().stop().exited(0)), "unknown 0: not searched for: processes");
  EXPECT_EQ(released(h().stop().exited(0).event(ProcessesSearched{})),
            "unknown 1: not searched for: files");
  EXPECT_EQ(released(h().stop().exited(0).event(ProcessesSearched{}).event(PortProbed{"", 1, 0})),
            "unknown 2: not searched for: files");
  EXPECT_EQ(released(h().stop().searched()), "unknown 5: the target's end was not seen");
}

}  // namespace
}  // namespace lastcall::end_test
