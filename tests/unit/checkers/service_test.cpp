// notify, watchdog and deadline: what is judged by notifications.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <csignal>

#include "checkers/checkers.hpp"
#include "scenario/properties.hpp"

namespace lastcall::service_test {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::int32_t kMain = 100;

// A tiny language: each word is one event, a millisecond after the one before.
class ServiceHistory {
 public:
  Plan plan;

  ServiceHistory() {
    auto& target = plan.scenario.target;
    target.ready.notify = true;
    target.ready.timeout = milliseconds(500);
    target.stop.deadline = milliseconds(500);
    plan.scenario.clients.resize(1);
    plan.scenario.clients[0].url = "http://127.0.0.1:{port}/";
    settings<property::Notify>(plan).stopping = true;
    event(TargetStarted{kMain, "server"});
  }
  ServiceHistory& event(EventBody body) {
    events_.push_back({TimePoint(now_ += milliseconds(1)), std::move(body)});
    return *this;
  }
  ServiceHistory& wait(int ms) { return now_ += milliseconds(ms), *this; }
  ServiceHistory& by_log() {
    plan.scenario.target.ready.notify = false;
    plan.scenario.target.ready.logs = {"up"};
    return *this;
  }
  ServiceHistory& watchdog(int ms, bool while_stopping = false) {
    plan.scenario.target.service.watchdog = milliseconds(ms);
    plan.scenario.target.service.watchdog_while_stopping = while_stopping;
    return *this;
  }
  ServiceHistory& says(std::string text, std::int32_t pid = kMain) {
    return event(Notification{pid, std::move(text), 0});
  }
  // READY=1, and the readiness that follows.
  ServiceHistory& up() { return says("READY=1").event(TargetReady{}); }
  ServiceHistory& beat(int after) { return wait(after - 1).says("WATCHDOG=1"); }
  ServiceHistory& stop() { return event(FaultInvoked{FaultId{0}, 0, "stop", SIGTERM, true}); }
  ServiceHistory& exits() { return event(TargetEnded{EndKind::exited, 0, false}); }
  ServiceHistory& dies(int signal) { return event(TargetEnded{EndKind::signalled, signal, false}); }

  template <class Property>
  [[nodiscard]] Verdict judged() const {
    auto verdict = Property::kChecker.check(plan, History::of(events_));
    EXPECT_TRUE(verdict.outcome != Outcome::pass || verdict.judged > 0);
    EXPECT_TRUE(verdict.outcome != Outcome::fail || !verdict.evidence.empty());
    return verdict;
  }

 private:
  std::vector<Event> events_;
  Nanoseconds now_{};
};

using H = ServiceHistory;

std::string said(const Verdict& verdict) {
  return std::string(name(verdict.outcome)) + " " + std::to_string(verdict.judged) + ": " +
         verdict.reason;
}
std::string notify(const H& history) { return said(history.judged<property::Notify>()); }
std::string watchdog(const H& history) { return said(history.judged<property::Watchdog>()); }

TEST(Notify, HoldsForReadyAndStoppingInTime) {
  EXPECT_EQ(notify(H().up().stop().says("STOPPING=1").exits()), "pass 4: ");
}
// A scenario that says nothing of notifications.
H unasked() {
  H h;
  settings<property::Notify>(h.by_log().plan).stopping = false;
  return h;
}
TEST(Notify, JudgesNothingWhereTheScenarioAsksForNothing) {
  const std::string why =
      "not-applicable 0: the scenario does not ask for notifications: add ready = { notify = true "
      "} or [properties.notify]";
  EXPECT_EQ(notify(unasked().event(TargetReady{}).stop().exits()), why);
  EXPECT_EQ(notify(unasked().event(TargetReady{}).says("READY=1").stop().exits()),
            why + "; 1 came and were not judged");
  // Nor what a child says, or what no service manager understands.
  EXPECT_EQ(notify(unasked().says("READY=1", kMain + 1).says("READY=yes").stop().exits()),
            why + "; 2 came and were not judged");
}
TEST(Notify, JudgesWhatIsSaidWhereTheScenarioAsksInAnyWay) {
  const auto says_nonsense = [](H h) { return h.event(TargetReady{}).says("READY=yes").stop(); };
  auto required = unasked();
  required.plan.scenario.required = {"notify"};
  auto configured = unasked();
  configured.plan.scenario.properties["notify"].configured = true;
  auto open_to_all = unasked();
  open_to_all.plan.scenario.target.service.access_all = true;
  for (const auto& asked : {required, configured, open_to_all, unasked().watchdog(100)}) {
    EXPECT_EQ(notify(says_nonsense(asked).exits()).substr(0, 4), "fail");
  }
  EXPECT_EQ(notify(required.event(TargetReady{}).stop().exits()),
            "not-applicable 0: the target sent no notification, and none was due: with ready = { "
            "notify = true } READY=1 would be");
}
TEST(Notify, FailsWithoutReadyWhereItIsAwaited) {
  EXPECT_EQ(notify(H().event(TargetNotReady{"not within 1 s"})), "fail 1: READY=1 never came");
}
TEST(Notify, DoesNotAwaitReadyOfATargetThatIsStoppedFirst) {
  const std::string none = "not-applicable 0: the target sent no notification, and none was due";
  EXPECT_EQ(notify(H().stop().exits()), none);
  const auto hup = [] {
    return H().event(FaultInvoked{FaultId{1}, 0, "SIGHUP to process", SIGHUP, false});
  };
  const TargetNotReady ended_first{"the target ended first"};
  EXPECT_EQ(notify(hup().dies(SIGHUP).event(ended_first)), none);
  EXPECT_EQ(notify(hup().exits().event(ended_first)), "fail 1: READY=1 never came");
}
TEST(Notify, FailsIfReadyComesBeforeThePortIsOpen) {
  EXPECT_EQ(notify(H().up().event(ReadyProbed{"", 0}).stop().says("STOPPING=1").exits()),
            "pass 5: ");
  EXPECT_EQ(notify(H().up().event(ReadyProbed{"", ECONNREFUSED}).stop().says("STOPPING=1").exits()),
            "fail 5: READY=1 although {port} accepts no connection: Connection refused");
  // Nobody is to connect to that one.
  EXPECT_EQ(
      notify(H().up().event(ReadyProbed{"own", ECONNREFUSED}).stop().says("STOPPING=1").exits()),
      "pass 4: ");
}
TEST(Notify, APortThatRefusesOnlyAfterTheStopIsNotJudged) {
  EXPECT_EQ(notify(H().up().stop().event(ReadyProbed{"", ECONNREFUSED}).says("STOPPING=1").exits()),
            "pass 4: not judged, because the stop came before they answered: {port}");
  EXPECT_EQ(notify(H().up().event(ReadyProbed{"", ECONNREFUSED}).stop().says("STOPPING=1").exits()),
            "fail 5: READY=1 although {port} accepts no connection: Connection refused");
}
TEST(Notify, APortThatRefusesAfterTheTargetsEndIsNotJudged) {
  EXPECT_EQ(notify(H().up().dies(SIGSEGV).event(ReadyProbed{"", ECONNREFUSED})),
            "pass 2: not judged, because the stop came before they answered: {port}");
}
TEST(Notify, APortThatAnswersAfterTheStopWasOpen) {
  EXPECT_EQ(notify(H().up().stop().event(ReadyProbed{"", 0}).says("STOPPING=1").exits()),
            "pass 5: ");
}
TEST(Notify, AConnectionThatIsResetHadBeenAccepted) {
  EXPECT_EQ(notify(H().up().event(ReadyProbed{"", ECONNRESET}).stop().says("STOPPING=1").exits()),
            "pass 5: ");
}
TEST(Notify, IsUnknownIfLastcallCouldNotTryAPort) {
  EXPECT_EQ(notify(H().up()
                       .event(NotObserved{"notify", "{port}: Too many open files"})
                       .stop()
                       .says("STOPPING=1")
                       .exits()),
            "unknown 4: {port}: Too many open files");
}
TEST(Notify, WantsStoppingOnlyOfAStopInOrder) {
  EXPECT_EQ(notify(H().up().stop().exits()), "fail 3: STOPPING=1 never came after SIGTERM");
  auto unasked = H().up().stop().exits();
  settings<property::Notify>(unasked.plan).stopping = false;
  EXPECT_EQ(notify(unasked), "pass 2: ") << "a service manager can do without it";
  EXPECT_EQ(notify(H().up().stop().dies(SIGKILL)), "pass 2: ");
  EXPECT_EQ(notify(H().up().dies(SIGSEGV)), "pass 2: ");
}
const std::string kOneIgnored =
    "1 READY=1 of a target that was ready, which a service manager ignores";
TEST(Notify, CountsASecondReadyWithoutReloading) {
  const auto again = H().up().says("READY=1").stop().says("STOPPING=1").exits();
  EXPECT_EQ(notify(again), "pass 5: " + kOneIgnored);
  const auto noted = again.judged<property::Notify>().noted;
  ASSERT_EQ(noted.size(), 1U);
  EXPECT_EQ(noted[0].count, 1U);
  // With each heartbeat, also while it stops.
  const std::string beat = "READY=1\nWATCHDOG=1\nSTATUS=Processes active: 0";
  EXPECT_EQ(notify(H().up().says(beat).stop().says(beat).says("STOPPING=1").exits()),
            "pass 6: 2 READY=1 of a target that was ready, which a service manager ignores");
  EXPECT_EQ(notify(H().up().says("RELOADING=1").says("READY=1").stop().says("STOPPING=1").exits()),
            "pass 6: ");
}
TEST(Notify, ASecondReadyDoesNotMakeUpForAFirstThatCameTooEarly) {
  H early;
  early.up().event(ReadyProbed{"", ECONNREFUSED}).says("READY=1").stop().says("STOPPING=1");
  EXPECT_EQ(
      notify(early.exits()),
      "fail 6: READY=1 although {port} accepts no connection: Connection refused; " + kOneIgnored);
}
TEST(Notify, FailsForReadyAfterStopping) {
  EXPECT_EQ(notify(H().up().stop().says("STOPPING=1").says("READY=1").exits()),
            "fail 5: READY=1 does not count: it had said STOPPING=1");
}
TEST(Notify, CountsReadyOfAWorkerOnceTheTargetIsReady) {
  for (const auto* text : {"READY=1", "READY=1\nSTATUS=worker 1\n"})
    EXPECT_EQ(notify(H().up().says(text, 101).stop().says("STOPPING=1").exits()),
              "pass 5: " + kOneIgnored);
  const std::string refused =
      "READY=1 does not count: from process 101, not the main process 100; if its unit says "
      "NotifyAccess=all, add access = \"all\" to [target.service]";
  EXPECT_EQ(notify(H().says("READY=1", 101).up().stop().says("STOPPING=1").exits()),
            "fail 5: " + refused);
  // What else a worker says is lost with it.
  for (const auto* text : {"READY=1\nWATCHDOG=1", "READY=1\nSTATUS=new\nMAINPID=101"})
    EXPECT_EQ(notify(H().up().says(text, 101).stop().says("STOPPING=1").exits()),
              "fail 5: " + refused);
  H reloading;
  reloading.up().says("RELOADING=1").says("READY=1", 101).stop().says("STOPPING=1");
  EXPECT_EQ(notify(reloading.exits()), "fail 6: " + refused);
}
TEST(Notify, FailsForAReloadThatNeverEnds) {
  EXPECT_EQ(notify(H().up().says("RELOADING=1").wait(1000).stop().says("STOPPING=1").exits()),
            "fail 5: no READY=1 within 1.00 s of RELOADING=1");
}
TEST(Notify, AReloadMayBeCutShortByTheStop) {
  EXPECT_EQ(notify(H().up().says("RELOADING=1").stop().says("STOPPING=1").exits()), "pass 5: ");
}
TEST(Notify, FailsForWhatDoesNotCountOrIsMalformed) {
  EXPECT_EQ(notify(H().up().says("STATUS=x", 101).stop().says("STOPPING=1").exits()),
            "fail 5: STATUS=x does not count: from process 101, not the main process 100; if its "
            "unit says NotifyAccess=all, add access = \"all\" to [target.service]");
  EXPECT_EQ(notify(H().up().says("READY=yes").stop().says("STOPPING=1").exits()),
            "fail 5: READY=yes is malformed: the one value it may have is 1");
}
TEST(Notify, FailsForAnExtensionThatRanOut) {
  H extended;
  extended.up().stop().says("STOPPING=1\nEXTEND_TIMEOUT_USEC=900000").event(DeadlineExtended{});
  EXPECT_EQ(notify(extended.wait(800).exits()), "pass 4: ");
  H late;
  late.up().stop().says("STOPPING=1\nEXTEND_TIMEOUT_USEC=900000").event(DeadlineExtended{});
  late.wait(900).event(DeadlinePassed{}).event(TargetForced{SIGKILL, "late"}).dies(SIGKILL);
  EXPECT_EQ(notify(late), "fail 4: EXTEND_TIMEOUT_USEC ran out, and nothing more came");
}
TEST(Notify, LeavesTheRestartedTargetAlone) {
  EXPECT_EQ(notify(H().up().stop().says("STOPPING=1").exits().says("READY=1", 200)), "pass 4: ");
}

TEST(Notify, FailsForAnExtensionThatWasNotGranted) {
  H greedy;
  greedy.up().stop().says("STOPPING=1\nEXTEND_TIMEOUT_USEC=18446744073709551615");
  greedy.event(DeadlineExtended{5'000'000'000}).wait(5000).event(DeadlinePassed{});
  greedy.event(TargetForced{SIGKILL, "late"}).dies(SIGKILL);
  EXPECT_EQ(notify(greedy), "fail 4: EXTEND_TIMEOUT_USEC asked for more than max_extension allows");
}

TEST(ExtendedDeadline, SaysWhatWasAskedForAndNotGranted) {
  H greedy;
  greedy.up().stop().says("EXTEND_TIMEOUT_USEC=18446744073709551615");
  greedy.event(DeadlineExtended{5'000'000'000}).says("EXTEND_TIMEOUT_USEC=60000000");
  const std::string note = "2 EXTEND_TIMEOUT_USEC beyond 5 s (max_extension), not granted";
  auto in_time = greedy;
  EXPECT_THAT(said(in_time.exits().judged<property::Deadline>()), EndsWith("; " + note));
  greedy.wait(5000).event(DeadlinePassed{});
  EXPECT_THAT(said(greedy.judged<property::Deadline>()),
              AllOf(StartsWith("fail 1: still running 5 s after SIGTERM"), EndsWith("; " + note)));
  // With a higher bound it would have been granted the second time.
  greedy.plan.scenario.target.service.max_extension = 1000;
  EXPECT_THAT(said(greedy.judged<property::Deadline>()),
              EndsWith("; 1 EXTEND_TIMEOUT_USEC beyond 500 s (max_extension), not granted"));
}
TEST(ExtendedDeadline, SaysNothingMoreOfATargetThatHadAllItAskedFor) {
  H modest;
  modest.up().stop().says("EXTEND_TIMEOUT_USEC=900000").event(DeadlineExtended{900'000'000});
  EXPECT_THAT(modest.exits().judged<property::Deadline>().noted, IsEmpty());
}

TEST(Watchdog, HasNothingToJudgeWithoutOne) {
  EXPECT_EQ(watchdog(H().up().stop().exits()),
            "not-applicable 0: the scenario sets no watchdog: add [target.service] watchdog");
  EXPECT_EQ(watchdog(H().watchdog(100).stop().exits()),
            "not-applicable 0: no heartbeat was due: shorten [target.service] watchdog, or let the "
            "stop come later ([[faults]] when)");
}
TEST(Watchdog, HoldsWhileNoGapIsTooLong) {
  EXPECT_EQ(watchdog(H().watchdog(100).up().beat(50).beat(90).stop().exits()), "pass 3: ");
  EXPECT_EQ(watchdog(H().watchdog(100).up().stop().wait(900).exits()), "pass 1: ");
}
TEST(Watchdog, FailsForAGapThatIsTooLongAndClaimsTheTime) {
  const auto history = H().watchdog(100).up().beat(50).beat(140).stop().exits();
  EXPECT_EQ(watchdog(history), "fail 3: no WATCHDOG=1 for 140 ms, promised every 100 ms");
  const auto claim = history.judged<property::Watchdog>().time_claim;
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->to - claim->from, milliseconds(140));
  EXPECT_EQ(claim->tolerance, milliseconds(40));
  // The last gap ends with the stop.
  EXPECT_EQ(watchdog(H().watchdog(100).up().beat(50).wait(120).stop().exits()).substr(0, 7),
            "fail 2:");
}
TEST(Watchdog, FailsIfItExpired) {
  H history;
  history.watchdog(100).up().beat(50).wait(100).event(WatchdogExpired{});
  history.event(TargetForced{SIGABRT, "its watchdog expired"}).dies(SIGABRT);
  EXPECT_EQ(watchdog(history).substr(0, 57),
            "fail 2: the watchdog expired: no WATCHDOG=1 for 101 ms of");
  EXPECT_TRUE(history.judged<property::Watchdog>().time_claim);
}
TEST(Watchdog, LetsAHeartbeatBeLateByWhatItsTargetWaitedForAProcessor) {
  const auto starved = [](int ms) {
    return H().watchdog(100).up().beat(50).wait(139).event(
        Lag{"target", Nanoseconds(milliseconds(ms)).count()});
  };
  EXPECT_EQ(watchdog(starved(60).says("WATCHDOG=1").stop().exits()), "pass 3: ");
  EXPECT_EQ(watchdog(starved(30).says("WATCHDOG=1").stop().exits()),
            "fail 3: no WATCHDOG=1 for 141 ms, promised every 100 ms");
  // At most as much as was promised.
  EXPECT_EQ(watchdog(starved(60).wait(70).event(Lag{"target", 60'000'000}).stop().exits()),
            "fail 2: no WATCHDOG=1 for 212 ms, promised every 100 ms");
  // It might still have come.
  EXPECT_EQ(
      watchdog(starved(60).stop().exits()),
      "unknown 1: a WATCHDOG=1 was late; but the target had waited 60.0 ms of that time for a "
      "processor");
  // The watchdog had waited for it.
  EXPECT_EQ(watchdog(starved(60).event(WatchdogExpired{}).dies(SIGABRT)).substr(0, 4), "fail");
}
TEST(Watchdog, FailsIfItIsTriggeredAndClaimsNoTime) {
  const auto history = H().watchdog(100).up().says("WATCHDOG=trigger").event(WatchdogExpired{});
  EXPECT_EQ(watchdog(history).substr(0, 4), "fail");
  EXPECT_FALSE(history.judged<property::Watchdog>().time_claim);
}
TEST(Watchdog, JudgesTheStopWhereTheScenarioDemandsIt) {
  EXPECT_EQ(watchdog(H().watchdog(100, true).up().stop().beat(50).wait(60).exits()), "pass 3: ");
  EXPECT_EQ(watchdog(H().watchdog(100, true).up().stop().beat(50).wait(150).exits()).substr(0, 4),
            "fail");
}
TEST(Watchdog, BeginsWithReadinessByOtherMeans) {
  EXPECT_EQ(watchdog(H().by_log().watchdog(100).wait(500).event(TargetReady{}).beat(50).stop()),
            "pass 2: ");
}

}  // namespace
}  // namespace lastcall::service_test
