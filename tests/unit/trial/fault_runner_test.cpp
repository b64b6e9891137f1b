#include "trial/fault_runner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "unit/client/event_words.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

// A target that ignores every signal of these tests, and a plan with a stop in load and a signal at the second
// connect.
class Faults : public ::testing::Test {
 protected:
  Faults() {
    plan_.scenario.target.stop.signals = {SIGTERM};
    plan_.faults = {{PhaseMoment{Phase::load, milliseconds(1)}, {SIGTERM, SIGUSR1}, milliseconds(1)},
                    {NthEvent{ClientEvent::connected, 2}, {SIGTERM}, {}}};
    target_ = ::fork();
    if (target_ == 0) {
      for (;;) ::pause();
    }
    pidfd_ = ScopedFd(static_cast<int>(::syscall(SYS_pidfd_open, target_, 0)));
  }
  ~Faults() override {
    ::kill(target_, SIGKILL);
    ::waitpid(target_, nullptr, 0);
  }
  std::vector<std::string> recorded() {
    EXPECT_TRUE(segment_.finish().has_value());
    return testing::words_of(folder_ / "trial.seg");
  }

  Plan plan_;
  pid_t target_ = -1;
  ScopedFd pidfd_;
  testing::ScratchFolder folder_;
  boost::asio::io_context io_;
  Changes changes_{io_};
  TriggerBoard board_ = std::move(*TriggerBoard::create());
  SegmentWriter segment_ = std::move(*SegmentWriter::create(folder_ / "trial.seg"));
  // Members above are filled in before the runner looks at the plan.
  std::unique_ptr<FaultRunner> runner() {
    return std::make_unique<FaultRunner>(io_, plan_, board_, segment_, changes_);
  }
};

TEST_F(Faults, OfAPhaseAreStruckInOrderAndTheFirstStopSignalBeginsTheStop) {
  const auto faults = runner();
  faults->begin(Phase::start, pidfd_.get());
  EXPECT_FALSE(faults->stop_begun());
  faults->begin(Phase::load, pidfd_.get());
  io_.run();
  EXPECT_TRUE(faults->stop_begun());
  faults->end("the target had ended");
  faults->record_unreached();
  EXPECT_THAT(recorded(),
              ElementsAre("fault_invoked 0 0 15 1", "fault_finished 0 0 0", "fault_invoked 0 1 10 0",
                          "fault_finished 0 1 0",
                          "fault_not_reached 1 the target had ended; 0 of 2 'connected' events were counted"));
}

TEST_F(Faults, AreReportedAsNotReachedOnceWithTheFirstReason) {
  const auto faults = runner();
  faults->end("nothing began the stop");
  faults->end("the target had ended");
  faults->record_unreached();
  EXPECT_THAT(recorded(), ElementsAre("fault_not_reached 0 nothing began the stop",
                                      "fault_not_reached 1 nothing began the stop; 0 of 2 'connected' events were counted"));
}

TEST_F(Faults, ThatAWorkerFiredAreReachedAlsoWhenItsWordComesAfterTheTargetsEnd) {
  plan_.faults.erase(plan_.faults.begin());
  const auto faults = runner();
  faults->end("the target had ended");
  faults->fired({0}, pidfd_.get());
  faults->record_unreached();
  io_.run();
  EXPECT_TRUE(faults->stop_begun());
  EXPECT_THAT(recorded(), ::testing::IsEmpty());
}

TEST_F(Faults, AreNotStruckAfterTheEnd) {
  const auto faults = runner();
  faults->begin(Phase::load, pidfd_.get());
  faults->end("the target had ended");
  io_.run();
  EXPECT_FALSE(faults->stop_begun());
  EXPECT_THAT(recorded(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace lastcall
