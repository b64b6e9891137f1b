#include "trial/recovery.hpp"

#include <gmock/gmock.h>

#include <cerrno>
#include <csignal>

#include "base/durations.hpp"
#include "unit/trial/fake_process.hpp"
#include "unit/trial/trial_fixture.hpp"

namespace lastcall {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// A target that says READY=1 as it is started again, and ends at its stop signal.
class Restart : public testing::TrialFixture {
 protected:
  Restart() {
    auto& target = plan_.scenario.target;
    target.command = {"server", "--fresh"};
    target.ready.notify = true;
    target.ready.timeout = std::chrono::seconds(60);
    target.stop.signals = {SIGINT, SIGTERM};
    target.stop.deadline = std::chrono::seconds(60);
    target.recovery = Recovery{{"server", "--again"}, std::nullopt};
    process_.on_start = [this] { process_.notify("READY=1"); };
    process_.on_signal = [this] { end(); };
  }
  void end() {
    process_.has_ended = true;
    changes_.notify();
  }
  void restart(const std::vector<std::string>& segments = {}) {
    RecoveryRun recovery(trial_, process_);
    run(recovery.run(segments));
  }

  testing::FakeProcess process_;
};

TEST_F(Restart, IsReadyAndIsStoppedByTheFirstStopSignal) {
  restart();
  EXPECT_THAT(recorded(), ElementsAre("recovery_ready"));
  EXPECT_THAT(process_.done,
              ElementsAre("start again server --again", "send " + std::to_string(SIGINT),
                          "end tree", "drain output"));
}

TEST_F(Restart, FailsIfItEndsBeforeItIsReady) {
  process_.on_start = [this] { end(); };
  restart();
  EXPECT_THAT(recorded(), ElementsAre("recovery_failed it ended before it was ready"));
  EXPECT_THAT(process_.done, ElementsAre("start again server --again", "end tree", "drain output"));
}

TEST_F(Restart, FailsIfItEndsAsItSaysReady) {
  process_.on_start = [this] {
    process_.notify("READY=1");
    end();
  };
  restart();
  EXPECT_THAT(recorded(), ElementsAre("recovery_failed it ended before it was ready"));
}

TEST_F(Restart, FailsIfItIsNotReadyInTime) {
  process_.on_start = [] {};
  plan_.scenario.target.ready.timeout = {};
  restart();
  EXPECT_THAT(recorded(), ElementsAre("recovery_failed not ready within " + human_duration({}) +
                                      ", waiting for READY=1"));
  EXPECT_THAT(process_.done,
              ElementsAre("start again server --again", "send " + std::to_string(SIGINT),
                          "end tree", "drain output"));
}

TEST_F(Restart, ThatCannotBeMadeSaysNothingAboutTheTarget) {
  process_.started = Error{"run", "server", ENOENT, ""};
  restart();
  EXPECT_THAT(recorded(),
              ElementsAre(StartsWith("not_observed recovers the target could not be restarted: ")));
  EXPECT_THAT(process_.done, ElementsAre("start again server --again"));
  EXPECT_FALSE(trouble_.first());
}

TEST_F(Restart, ThatThisMachineHasNoProcessForBreaksTheTrial) {
  process_.started = Error{"fork", "", EAGAIN, ""};
  restart();
  ASSERT_TRUE(trouble_.first());
  EXPECT_EQ(trouble_.first()->error_number, EAGAIN);
}

TEST_F(Restart, OfACommandThatCannotBeExecutedSaysNothingAboutTheTarget) {
  process_.on_start = [this] {
    process_.problem = "no such file";
    end();
  };
  restart();
  EXPECT_THAT(recorded(), ElementsAre("not_observed recovers the target could not be restarted: "
                                      "no such file"));
}

TEST_F(Restart, IsNotTriedWithoutANotificationSocket) {
  order_.directory += "/none";
  restart();
  EXPECT_THAT(recorded(),
              ElementsAre(StartsWith("not_observed recovers the target could not be restarted: ")));
  EXPECT_THAT(process_.done, IsEmpty());
}

TEST_F(Restart, OfATrialThatIsGivenUpIsNoFailure) {
  process_.on_start = [] {};
  process_.on_signal = [] {};
  given_up_ = true;
  restart();
  EXPECT_THAT(recorded(), IsEmpty());
  EXPECT_THAT(process_.done,
              ElementsAre("start again server --again", "send " + std::to_string(SIGINT),
                          "end tree", "drain output"));
}

TEST_F(Restart, SaysIfItIsNotKnownWhatToAskFor) {
  plan_.scenario.target.recovery->ask = Ask{"http://127.0.0.1:1/{id}", {}, ""};
  restart({folder_ / "clients-0.seg"});
  EXPECT_THAT(recorded(), ElementsAre("recovery_ready", StartsWith("not_observed acked-durable ")));
}

}  // namespace
}  // namespace lastcall
