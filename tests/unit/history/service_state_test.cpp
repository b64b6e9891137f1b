#include "history/service_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lastcall {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int32_t kMain = 100;
constexpr std::int32_t kHelper = 101;
TimePoint ms(int n) { return TimePoint(std::chrono::hours(1) + milliseconds(n)); }

ServiceState::Settings settings() {
  return {.main_pid = kMain, .notifies = true, .watchdog = milliseconds(100)};
}

// A service that hears one datagram after another, a millisecond apart.
struct Service {
  explicit Service(ServiceState::Settings with = settings()) : state(with) {}
  ServiceState state;
  int at = 0;
  std::vector<Assessed> last{};

  Service& say(std::string_view text, std::int32_t pid = kMain, std::uint32_t descriptors = 0) {
    last = state.notified(ms(++at), {pid, text, descriptors});
    return *this;
  }
  Service& wait(int more) { return at += more, *this; }
  Service& stop() { return state.stop_begun(ms(++at)), *this; }
  [[nodiscard]] std::vector<Standing> standings() const {
    std::vector<Standing> all;
    for (const auto& one : last) all.push_back(one.standing);
    return all;
  }
  [[nodiscard]] Standing standing() const { return last.at(0).standing; }
  [[nodiscard]] std::string reason() const { return last.at(0).reason; }
};

TEST(ServiceState, IsReadyWithReady1) {
  Service service;
  EXPECT_FALSE(service.state.ready());
  EXPECT_EQ(service.say("READY=1").standing(), Standing::counts);
  EXPECT_TRUE(service.state.ready());
}
TEST(ServiceState, ReadsOneAssignmentALine) {
  Service service;
  EXPECT_THAT(service.say("READY=1\nSTATUS=at work\n\nX_OWN=3\n").standings(),
              ElementsAre(Standing::counts, Standing::counts, Standing::harmless));
  EXPECT_EQ(service.state.status(), "at work");
}

TEST(ServiceState, HearsTheMainProcessOnly) {
  Service service;
  EXPECT_EQ(service.say("READY=1", kHelper).standing(), Standing::refused);
  EXPECT_THAT(service.reason(), HasSubstr("from process 101, not the main process 100"));
  EXPECT_FALSE(service.state.ready());
}
TEST(ServiceState, HearsEverybodyWithAccessAll) {
  auto all = settings();
  all.access_all = true;
  EXPECT_TRUE(Service(all).say("READY=1", kHelper).state.ready());
}
TEST(ServiceState, TakesMainpidForTheMainProcessFromThenOn) {
  Service service;
  service.say("MAINPID=101");
  EXPECT_EQ(service.state.main_pid(), kHelper);
  EXPECT_EQ(service.say("READY=1").standing(), Standing::refused);
  EXPECT_EQ(service.say("READY=1", kHelper).standing(), Standing::counts);
}
TEST(ServiceState, DoesNotTakeAPidOfAnotherNamespaceOrNone) {
  auto inside = settings();
  inside.foreign_pids = true;
  Service service(inside);
  EXPECT_EQ(service.say("MAINPID=7").standing(), Standing::harmless);
  EXPECT_EQ(service.say("MAINPID=0").standing(), Standing::malformed);
  EXPECT_EQ(service.state.main_pid(), kMain);
}

TEST(ServiceState, SeesASecondReadyWithoutReloading) {
  Service service;
  EXPECT_EQ(service.say("READY=1").say("READY=1").standing(), Standing::repeated);
  EXPECT_EQ(service.reason(), "it was ready, and not reloading");
  EXPECT_EQ(service.say("RELOADING=1").say("READY=1").standing(), Standing::counts);
  // Reloaded at once.
  EXPECT_THAT(service.say("RELOADING=1\nREADY=1").standings(),
              ElementsAre(Standing::counts, Standing::counts));
}
TEST(ServiceState, SeesReadyAfterStopping) {
  Service service;
  EXPECT_EQ(service.say("READY=1").say("STOPPING=1").say("READY=1").standing(), Standing::repeated);
  EXPECT_EQ(service.reason(), "it had said STOPPING=1");
}
TEST(ServiceState, IsReloadingUntilReadyComes) {
  Service service;
  service.say("READY=1").say("RELOADING=1\nMONOTONIC_USEC=3600001000");
  EXPECT_TRUE(service.state.reloading());
  EXPECT_FALSE(service.say("READY=1").state.reloading());
}
TEST(ServiceState, TakesNoMonotonicTimeThatHasNotCome) {
  Service service;
  EXPECT_EQ(service.say("MONOTONIC_USEC=3600001000").standing(), Standing::counts);
  EXPECT_EQ(service.say("MONOTONIC_USEC=3600003000").standing(), Standing::malformed);
  EXPECT_EQ(service.say("MONOTONIC_USEC=now").standing(), Standing::malformed);
}
TEST(ServiceState, LetsStoppingWinOverReadyAndReadyOverReloading) {
  Service service;
  service.say("READY=1\nSTOPPING=1");
  EXPECT_TRUE(service.state.stopping());
  EXPECT_FALSE(service.state.ready());
}

TEST(ServiceState, CallsWrongValuesMalformed) {
  for (const auto* text :
       {"READY=0", "RELOADING=yes", "STOPPING=", "FDSTORE=2", "WATCHDOG=0", "WATCHDOG_USEC=-1",
        "EXTEND_TIMEOUT_USEC=5s", "MAINPID=me", "ERRNO=ENOENT", "NOTIFYACCESS=some", "=1", "READY"})
    EXPECT_EQ(Service().say(text).standing(), Standing::malformed) << text;
}
TEST(ServiceState, IgnoresWhatStoresDescriptorsAndWhatItDoesNotKnow) {
  for (const auto* text : {"FDSTORE=1", "FDSTOREREMOVE=1", "FDNAME=a", "NOTIFYACCESS=all", "X_A=b"})
    EXPECT_EQ(Service().say(text).standing(), Standing::harmless) << text;
}
TEST(ServiceState, IgnoresADatagramThatIsTooLongEmptyOrHoldsNul) {
  const std::string full = "READY=1\nSTATUS=" + std::string(4096 - 15, 'x');
  EXPECT_TRUE(Service().say(full).state.ready());
  Service service;
  EXPECT_EQ(service.say(full + "x").standing(), Standing::malformed);
  EXPECT_EQ(service.say("").standing(), Standing::malformed);
  EXPECT_EQ(service.say(std::string_view("READY=1\0STATUS=", 15)).standing(), Standing::malformed);
  EXPECT_FALSE(service.state.ready());
  // One at the end is permitted.
  EXPECT_TRUE(service.say(std::string_view("READY=1\0", 8)).state.ready());
}
TEST(ServiceState, WantsABarrierAloneWithOneDescriptor) {
  Service service;
  EXPECT_EQ(service.say("BARRIER=1", kMain, 1).standing(), Standing::harmless);
  EXPECT_EQ(service.say("BARRIER=1").standing(), Standing::malformed);
  EXPECT_EQ(service.say("BARRIER=1", kMain, 2).standing(), Standing::malformed);
  EXPECT_EQ(service.say("READY=1\nBARRIER=1", kMain, 1).standing(), Standing::malformed);
  EXPECT_FALSE(service.state.ready()) << "all of it is ignored";
}

TEST(ServiceState, ExtendsTheStartWhileItLasts) {
  Service service;
  service.say("EXTEND_TIMEOUT_USEC=500000");  // at 1 ms
  EXPECT_EQ(service.state.start_deadline(ms(0), milliseconds(100)), ms(501));
  EXPECT_EQ(service.state.start_deadline(ms(0), milliseconds(900)), ms(900)) << "only ever later";
  EXPECT_EQ(service.state.stop_deadline(ms(600), milliseconds(100)), ms(700));
}
TEST(ServiceState, ExtendsNothingWhileItRuns) {
  Service service;
  service.say("READY=1").say("EXTEND_TIMEOUT_USEC=60000000").stop();
  EXPECT_EQ(service.state.stop_deadline(ms(3), milliseconds(100)), ms(103));
}
TEST(ServiceState, ExtendsTheStopAgainAndAgain) {
  Service service;
  service.say("READY=1").stop();  // at 2 ms
  service.say("EXTEND_TIMEOUT_USEC=200000");
  EXPECT_EQ(service.state.stop_deadline(ms(2), milliseconds(100)), ms(203));
  service.say("EXTEND_TIMEOUT_USEC=1000");
  EXPECT_EQ(service.state.stop_deadline(ms(2), milliseconds(100)), ms(203)) << "only ever later";
  service.wait(190).say("EXTEND_TIMEOUT_USEC=200000");
  EXPECT_EQ(service.state.stop_deadline(ms(2), milliseconds(100)), ms(395));
}
TEST(ServiceState, BoundsWhatAServiceMayAskFor) {
  Service service;
  service.say("READY=1").stop().say("EXTEND_TIMEOUT_USEC=18446744073709551615");
  EXPECT_LE(service.state.stop_deadline(ms(2), milliseconds(100)), ms(3) + std::chrono::hours(24));
}

TEST(ServiceState, GrantsTheStartNoMoreThanItsLimitAndCountsWhatIsBeyond) {
  auto limited = settings();
  limited.start_limit = ms(1000);
  Service service(limited);
  service.say("EXTEND_TIMEOUT_USEC=500000");
  EXPECT_EQ(service.state.start_asks_beyond(), 0U);
  service.say("EXTEND_TIMEOUT_USEC=18446744073709551615").say("EXTEND_TIMEOUT_USEC=999000");
  EXPECT_EQ(service.state.start_deadline(ms(0), milliseconds(100)), ms(1000));
  EXPECT_EQ(service.state.start_deadline(ms(0), milliseconds(1500)), ms(1500));
  EXPECT_EQ(service.state.start_asks_beyond(), 2U);
  EXPECT_EQ(service.state.stop_asks_beyond(), 0U);
}
TEST(ServiceState, GrantsTheStopNoMoreThanItsLimitHoweverOftenItAsks) {
  auto limited = settings();
  limited.longest_stop = milliseconds(1000);
  Service service(limited);
  service.say("READY=1").say("EXTEND_TIMEOUT_USEC=18446744073709551615").stop();  // at 3 ms
  EXPECT_EQ(service.state.stop_deadline(ms(3), milliseconds(100)), ms(103));
  for (int i = 0; i < 10; ++i) service.wait(99).say("EXTEND_TIMEOUT_USEC=150000");  // up to 1153 ms
  EXPECT_EQ(service.state.stop_deadline(ms(3), milliseconds(100)), ms(1003));
  EXPECT_EQ(service.state.stop_asks_beyond(), 2U);
  EXPECT_EQ(service.state.start_asks_beyond(), 0U);
}
TEST(ServiceState, CountsTheLimitOfTheStopFromTheManagersSignal) {
  auto limited = settings();
  limited.longest_stop = milliseconds(1000);
  Service service(limited);
  service.say("READY=1").say("STOPPING=1\nEXTEND_TIMEOUT_USEC=18446744073709551615");
  service.wait(500).stop();  // at 503 ms
  service.say("EXTEND_TIMEOUT_USEC=5000000");
  EXPECT_EQ(service.state.stop_deadline(ms(503), milliseconds(100)), ms(1503));
  // The stop counts from its signal, also if that becomes known later.
  service.state.stop_begun(ms(400));
  EXPECT_EQ(service.state.stop_deadline(ms(400), milliseconds(100)), ms(1400));
}

TEST(ServiceState, WaitsForHeartbeatsOnceTheStartUpIsOver) {
  Service service;
  service.say("WATCHDOG=1");
  EXPECT_FALSE(service.state.watchdog_due());
  service.say("READY=1");  // at 2 ms
  EXPECT_EQ(service.state.watchdog_due(), ms(102));
  service.wait(50).say("WATCHDOG=1");
  EXPECT_EQ(service.state.watchdog_due(), ms(153));
}
TEST(ServiceState, WaitsForHeartbeatsOfAServiceThatIsReadyByOtherMeans) {
  auto other = settings();
  other.notifies = false;
  Service service(other);
  service.say("READY=1");
  EXPECT_FALSE(service.state.watchdog_due());
  service.state.activated(ms(5));
  EXPECT_EQ(service.state.watchdog_due(), ms(105));
}
TEST(ServiceState, WaitsForNoHeartbeatsDuringTheStop) {
  Service told;
  EXPECT_FALSE(told.say("READY=1").stop().state.watchdog_due());
  Service by_itself;
  EXPECT_FALSE(by_itself.say("READY=1").say("STOPPING=1").state.watchdog_due());
  EXPECT_TRUE(Service().say("READY=1").say("RELOADING=1").state.watchdog_due());
}
TEST(ServiceState, WaitsForThemDuringTheStopIfItIsToldTo) {
  auto demanding = settings();
  demanding.watchdog_while_stopping = true;
  EXPECT_EQ(Service(demanding).say("READY=1").stop().state.watchdog_due(), ms(101));
  EXPECT_FALSE(Service(demanding).stop().state.watchdog_due()) << "it was never running";
}
TEST(ServiceState, TakesWatchdogTriggerForAnExpiredWatchdog) {
  auto without = settings();
  without.watchdog.reset();
  Service service(without);
  service.say("READY=1");
  EXPECT_FALSE(service.state.watchdog_due());
  EXPECT_EQ(service.say("WATCHDOG=trigger").state.watchdog_due(), ms(2));
}
TEST(ServiceState, TakesAnotherIntervalOrNoneFromTheService) {
  Service service;
  service.say("READY=1").say("WATCHDOG_USEC=20000");
  EXPECT_EQ(service.state.watchdog_due(), ms(21));
  EXPECT_FALSE(service.say("WATCHDOG_USEC=0").state.watchdog_due());
}
TEST(ServiceState, LetsAServiceThatAsksForTimeMissHeartbeats) {
  Service service;
  service.say("READY=1").say("EXTEND_TIMEOUT_USEC=500000");
  EXPECT_EQ(service.state.watchdog_due(), ms(502));
}

}  // namespace
}  // namespace lastcall
