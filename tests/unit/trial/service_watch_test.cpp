#include "trial/service_watch.hpp"

#include <gmock/gmock.h>

#include <cerrno>

#include "target/port_lease.hpp"
#include "unit/trial/fake_process.hpp"
#include "unit/trial/trial_fixture.hpp"

namespace lastcall {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::FakeProcess;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

// A service with a heartbeat a second.
class Watch : public testing::TrialFixture {
 protected:
  // As TargetProcess tells it.
  void notify(std::string_view text, TimePoint at = now()) {
    watch_.before_notification();
    process_.notify(text, at);
    watch_.changed();
  }
  // Until the timer of the watchdog was served.
  void run_one() {
    io_.restart();
    io_.run_one();
  }

  FakeProcess process_{{.main_pid = FakeProcess::kPid, .notifies = true, .watchdog = seconds(1)}};
  TriggerBoard board_ = *TriggerBoard::create();
  ServiceWatch watch_{io_, events_, board_, process_};
};

TEST_F(Watch, EndsATargetOnceWhenItsHeartbeatDoesNotCome) {
  notify("READY=1", now() - seconds(2));
  run_one();
  notify("STATUS=late");
  poll();
  EXPECT_THAT(recorded(), ElementsAre("watchdog_expired"));
  EXPECT_THAT(process_.done, ElementsAre("force 6: its watchdog expired"));
}

TEST_F(Watch, GivesAStarvedTargetTheTimeThatItWaitedForAProcessorAndNoMoreThanItPromised) {
  const auto since = now() - milliseconds(1900);
  notify("READY=1", since);
  process_.waited = seconds(5);
  run_one();
  EXPECT_THAT(recorded(), ElementsAre(StartsWith("lag target ")));
  EXPECT_THAT(process_.done, IsEmpty());
  run_one();
  EXPECT_GE(now() - since, seconds(2));
  EXPECT_THAT(process_.done, ElementsAre("force 6: its watchdog expired"));
}

TEST_F(Watch, BeginsTheCountOfWaitsWithEachHeartbeat) {
  notify("READY=1", now() - seconds(2));
  process_.waited = seconds(5);
  notify("WATCHDOG=1", now() - milliseconds(1500));
  run_one();  // the timer of the heartbeat before
  run_one();
  EXPECT_THAT(process_.done, ElementsAre("force 6: its watchdog expired"));
}

TEST_F(Watch, LeavesTheCountOfWaitsDuringTheStopToTheProcessorWatch) {
  process_.state = ServiceState({.main_pid = FakeProcess::kPid,
                                 .notifies = true,
                                 .watchdog = seconds(1),
                                 .watchdog_while_stopping = true});
  notify("READY=1", now() - milliseconds(1900));
  watch_.stop_begun(now(), seconds(10));
  process_.waited = seconds(5);
  run_one();
  EXPECT_THAT(recorded(), IsEmpty());
  EXPECT_THAT(process_.done, IsEmpty());
}

TEST_F(Watch, TakesAHeartbeatThatLiesInTheSocket) {
  process_.on_hear = [this] { notify("WATCHDOG=1"); };
  notify("READY=1", now() - seconds(2));
  run_one();
  EXPECT_THAT(recorded(), IsEmpty());
  EXPECT_THAT(process_.done, IsEmpty());
}

TEST_F(Watch, EndsWithAStopThatAWorkerBegan) {
  notify("READY=1", now() - seconds(2));
  board_.begin_stop();
  run_one();
  poll();
  EXPECT_THAT(recorded(), IsEmpty());
  EXPECT_THAT(process_.done, IsEmpty());
}

TEST_F(Watch, LeavesATargetAloneThatHasEnded) {
  notify("READY=1", now() - seconds(2));
  process_.has_ended = true;
  run_one();
  EXPECT_THAT(recorded(), IsEmpty());
  EXPECT_THAT(process_.done, IsEmpty());
}

TEST_F(Watch, BeginsWhenTheStartUpIsOverByOtherMeans) {
  notify("WATCHDOG=1", now() - seconds(2));
  EXPECT_FALSE(process_.state.watchdog_due());
  watch_.activated();
  EXPECT_TRUE(process_.state.watchdog_due());
  EXPECT_THAT(recorded(), IsEmpty());
}

TEST_F(Watch, RecordsEachLaterDeadlineOfTheStopAndNoOther) {
  const auto at = now();
  notify("EXTEND_TIMEOUT_USEC=60000000", at);  // moves the deadline of the start-up
  EXPECT_EQ(watch_.start_deadline(at, seconds(5)), at + seconds(60));
  notify("READY=1", at);
  watch_.stop_begun(at, seconds(10));
  EXPECT_EQ(watch_.stop_deadline(), at + seconds(10));
  notify("EXTEND_TIMEOUT_USEC=5000000", at);  // less than it has
  notify("EXTEND_TIMEOUT_USEC=20000000", at);
  notify("STATUS=closing", at);
  notify("EXTEND_TIMEOUT_USEC=30000000", at);
  EXPECT_EQ(watch_.stop_deadline(), at + seconds(30));
  EXPECT_THAT(recorded(),
              ElementsAre("deadline_extended 20000000000", "deadline_extended 30000000000"));
}

TEST_F(Watch, BoundsAStopThatAWorkerBeganFromItsSignalOn) {
  process_.state = ServiceState({.main_pid = FakeProcess::kPid, .longest_stop = seconds(20)});
  const auto at = now();
  board_.begin_stop();
  watch_.stop_begun(at, seconds(10));
  for (int i = 1; i <= 3; ++i)
    notify("EXTEND_TIMEOUT_USEC=18446744073709551615", at + i * seconds(9));
  EXPECT_EQ(watch_.stop_deadline(), at + seconds(20));
  EXPECT_EQ(process_.state.stop_asks_beyond(), 3U);
  EXPECT_THAT(recorded(), ElementsAre("deadline_extended 20000000000"));
}

TEST_F(Watch, SaysWhatBecameOfTheTimeToGetReady) {
  const auto at = now();
  process_.state = ServiceState(
      {.main_pid = FakeProcess::kPid, .notifies = true, .start_limit = at + seconds(50)});
  EXPECT_EQ(watch_.extension_of_start(at, seconds(5)), "");
  notify("EXTEND_TIMEOUT_USEC=20000000", at);
  EXPECT_EQ(watch_.extension_of_start(at, seconds(5)), " + 15.0 s by EXTEND_TIMEOUT_USEC");
  notify("EXTEND_TIMEOUT_USEC=51000000", at);
  notify("EXTEND_TIMEOUT_USEC=18446744073709551615", at);
  EXPECT_EQ(watch_.extension_of_start(at, seconds(5)),
            " + 45.0 s by EXTEND_TIMEOUT_USEC (it asked 2 times for more than max_extension "
            "allows)");
}

TEST_F(Watch, TriesEachPromisedPortOnceWhenTheTargetSaysReady) {
  const auto listener = listen();
  const auto nobody = PortLease::acquire();
  ASSERT_TRUE(nobody);
  watch_.promise({{"", listener.local_endpoint().port()}, {"tls", nobody->port()}});
  process_.state = ServiceState({.main_pid = FakeProcess::kPid, .notifies = true});
  notify("STATUS=starting");
  poll();
  EXPECT_THAT(recorded(), IsEmpty());
  notify("READY=1");
  notify("READY=1");
  io_.restart();
  io_.run();
  EXPECT_THAT(recorded(), UnorderedElementsAre("ready_probed 0",
                                               "ready_probed tls " + std::to_string(ECONNREFUSED)));
}

}  // namespace
}  // namespace lastcall
