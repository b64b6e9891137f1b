#include "trial/fault_runner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <stdexcept>

#include "unit/client/event_words.hpp"
#include "unit/memory_sink.hpp"

namespace lastcall {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

// A plan with a stop in load and a signal at the second connect.
class Faults : public ::testing::Test {
 protected:
  Faults() {
    plan_.scenario.target.stop.signals = {SIGTERM};
    plan_.faults = {
        {PhaseMoment{Phase::load, milliseconds(1)},
         SendSignals{{{SIGTERM, Nanoseconds(0)}, {SIGUSR1, milliseconds(1)}}}},
        {NthEvent{ClientEvent::connected, 2}, SendSignals{{{SIGTERM, Nanoseconds(0)}}}}};
  }
  [[nodiscard]] std::vector<std::string> recorded() const {
    return testing::words_of(events_.events);
  }

  Plan plan_;
  boost::asio::io_context io_;
  Changes changes_{io_};
  TriggerBoard board_ = *TriggerBoard::create();
  std::vector<std::uint32_t> told_;  // faults that the clients were told of
  testing::MemorySink events_;
  // Members above are filled in before the runner looks at the plan.
  std::unique_ptr<FaultRunner> runner() {
    return std::make_unique<FaultRunner>(
        io_, plan_, board_, events_, changes_,
        FaultActions{.send_signal = [](int, Recipient) { return 0; },
                     .carry_out =
                         [this](FaultId fault, const Act& act) {
                           if (const auto* limit = std::get_if<SetLimit>(&act))
                             return limit->value == 64 ? 0 : EPERM;
                           told_.push_back(fault.value);
                           return 0;
                         }});
  }
};

TEST_F(Faults, OfAPhaseAreStruckInOrderAndTheFirstStopSignalBeginsTheStop) {
  const auto faults = runner();
  faults->begin(Phase::start);
  EXPECT_FALSE(faults->stop_begun());
  faults->begin(Phase::load);
  io_.run();
  EXPECT_TRUE(faults->stop_begun());
  faults->end("the target had ended");
  faults->record_unreached();
  EXPECT_THAT(
      recorded(),
      ElementsAre(
          "fault_invoked 0 0 SIGTERM to process 15 1", "fault_finished 0 0 0",
          "fault_invoked 0 1 SIGUSR1 to process 10 0", "fault_finished 0 1 0",
          "fault_not_reached 1 the target had ended; 0 of 2 'connected' events were counted"));
}

// As every coroutine of a trial that nobody waits for: whoever waits for its effect must not wait
// in vain.
TEST_F(Faults, WhatOneThrowsLeavesTheLoop) {
  FaultRunner faults(
      io_, plan_, board_, events_, changes_,
      {.send_signal = [](int, Recipient) -> int { throw std::runtime_error("no"); }});
  faults.begin(Phase::load);
  EXPECT_THROW(io_.run(), std::runtime_error);
}

TEST_F(Faults, AtAShareOfTheLoadWaitForWhatIsMeasured) {
  plan_.faults = {{ShareOfLoad{500'000}, SendSignals{{{SIGTERM, Nanoseconds(0)}}}}};
  plan_.scenario.budget.load = std::chrono::seconds(10);
  const auto faults = runner();
  const auto begin = now();
  // Nobody was answered at half a second, nor at one second; then it becomes known that an answer
  // takes half a second: half of four of these is a second.
  board_.waits_since(0, begin);
  boost::asio::steady_timer answer(io_, milliseconds(700));
  answer.async_wait([this](auto) {
    board_.waits_since(0, std::nullopt);
    board_.answered_after(milliseconds(500));
  });
  faults->begin(Phase::load);
  io_.run();
  EXPECT_GE(now() - begin, std::chrono::seconds(1));
  EXPECT_TRUE(faults->stop_begun());
  faults->record_unreached();
  EXPECT_THAT(recorded(),
              ElementsAre("load_measured 0 500000000 2000000000",
                          "fault_invoked 0 0 SIGTERM to process 15 1", "fault_finished 0 0 0"));
}

TEST_F(Faults, AtAShareOfTheLoadComeWithinItWhoeverWaits) {
  plan_.faults = {{ShareOfLoad{900'000}, SendSignals{{{SIGTERM, Nanoseconds(0)}}}}};
  plan_.scenario.budget.load = milliseconds(400);
  const auto faults = runner();
  const auto begin = now();
  board_.waits_since(0, begin);
  faults->begin(Phase::load);
  io_.run();
  EXPECT_GE(now() - begin, milliseconds(360));
  EXPECT_TRUE(faults->stop_begun());
}

TEST_F(Faults, APauseThatNothingEndsDoesNotHoldUpTheDeadlineForLong) {
  plan_.scenario.target.stop.deadline = milliseconds(20);
  plan_.faults = {{PhaseMoment{Phase::load}, SendSignals{{{SIGTERM, Nanoseconds(0)}}}},
                  {PhaseMoment{Phase::load}, SendSignals{{{SIGSTOP, Nanoseconds(0)}}}}};
  const auto faults = runner();
  faults->begin(Phase::load);
  io_.run();
  boost::asio::steady_timer later(io_, milliseconds(60));
  later.async_wait([](auto) {});
  io_.restart();
  io_.run();
  EXPECT_EQ(faults->paused_since_stop(), milliseconds(20));
}

TEST_F(Faults, AreReportedAsNotReachedOnceWithTheFirstReason) {
  const auto faults = runner();
  faults->end("nothing began the stop");
  faults->end("the target had ended");
  faults->record_unreached();
  EXPECT_THAT(
      recorded(),
      ElementsAre(
          "fault_not_reached 0 nothing began the stop",
          "fault_not_reached 1 nothing began the stop; 0 of 2 'connected' events were counted"));
}

TEST_F(Faults, ThatAWorkerFiredAreReachedAlsoWhenItsWordComesAfterTheTargetsEnd) {
  plan_.faults.erase(plan_.faults.begin());
  const auto faults = runner();
  faults->end("the target had ended");
  faults->counted({0}, true);
  faults->record_unreached();
  io_.run();
  EXPECT_TRUE(faults->stop_begun());
  EXPECT_THAT(recorded(), ::testing::IsEmpty());
}

TEST_F(Faults, WaitForTheNthLineAndTheNthNotification) {
  plan_.faults = {{NthLine{"^saved", 2}, SetLimit{Resource::descriptors, 64}},
                  {NthNotification{"STOPPING=1", 1}, AbortClients{50}}};
  const auto faults = runner();
  faults->on_line("saved 1");
  faults->on_line("unsaved");
  faults->on_notification("STATUS=STOPPING=1");
  faults->on_line("saved 2");
  faults->on_notification("READY=1\nSTOPPING=1");
  faults->on_line("saved 3");
  EXPECT_THAT(told_, ElementsAre(1));
  EXPECT_THAT(recorded(),
              ElementsAre("fault_invoked 0 0 limit descriptors 0 0", "fault_finished 0 0 0",
                          "fault_invoked 1 0 abort-clients 0 0", "fault_finished 1 0 0"));
}

TEST_F(Faults, AtASystemCallAreStruckWhenItIsReached) {
  plan_.faults = {{NthSyscall{.syscall = "rename"},
                   SendSignals{{{SIGTERM, Nanoseconds(0)}, {SIGUSR1, milliseconds(1)}}}},
                  {NthSyscall{.syscall = "fsync"}, SetLimit{Resource::descriptors, 64}},
                  {NthSyscall{.syscall = "write"}, DisturbSyscall{}}};
  const auto faults = runner();
  faults->on_traced({0});
  EXPECT_TRUE(faults->stop_begun());  // before any other handler runs
  faults->on_traced({1});
  faults->on_traced({2}, true);
  io_.run();
  faults->end("the target had ended");
  faults->record_unreached();
  EXPECT_THAT(recorded(),
              ElementsAre("fault_invoked 0 0 SIGTERM to process 15 1", "fault_finished 0 0 0",
                          "fault_invoked 1 0 limit descriptors 0 0", "fault_finished 1 0 0",
                          "fault_invoked 0 1 SIGUSR1 to process 10 0", "fault_finished 0 1 0"));
}

TEST_F(Faults, AtAFunctionThatIsNotReachedSayWhy) {
  plan_.faults = {{NthVisit{.function = "Pool::drain", .thread = "w*", .nth = 3}, HoldThread{}},
                  {NthVisit{.function = "Pool::dran"}, HoldThread{}},
                  {NthVisit{.function = "Pool::close"}, HoldThread{}}};
  const auto faults = runner();
  faults->traced_count({0}, 2);
  faults->traced_count({1}, std::nullopt);
  faults->on_traced({2}, true);
  faults->end("the target had ended");
  faults->record_unreached();
  EXPECT_THAT(recorded(),
              ElementsAre("fault_not_reached 0 the target had ended; 'Pool::drain' was reached 2 "
                          "of 3 times by a thread 'w*'",
                          ::testing::HasSubstr("the target has no function 'Pool::dran'")));
  EXPECT_EQ(faults->traced_counts(), (std::map<std::uint32_t, std::uint64_t>{{0, 2}}));
}

TEST_F(Faults, AtASystemCallThatIsNotReachedSayHowManyWereCounted) {
  plan_.faults = {
      {NthSyscall{.syscall = "rename", .path = "*.ckpt", .nth = 3}, AbortClients{}},
      {NthSyscall{.syscall = "write", .role = DescriptorRole::state}, DisturbSyscall{}}};
  const auto faults = runner();
  faults->traced_count({0}, 2);
  faults->end("the target had ended");
  faults->on_traced({0});  // too late
  faults->record_unreached();
  EXPECT_THAT(
      recorded(),
      ElementsAre("fault_not_reached 0 the target had ended; 2 of 3 'rename' of *.ckpt were "
                  "counted",
                  "fault_not_reached 1 the target had ended; 0 of 1 'write' of the role "
                  "state were counted"));
}

TEST_F(Faults, AtASystemCallOfATargetThatIsNotTracedSayWhy) {
  plan_.faults = {{NthSyscall{.syscall = "rename"}, AbortClients{}}};
  const auto faults = runner();
  faults->not_traced("ptrace: Operation not permitted");
  faults->end("the target had ended");
  faults->record_unreached();
  EXPECT_THAT(recorded(),
              ElementsAre("fault_not_reached 0 the target had ended; the target was not "
                          "traced: ptrace: Operation not permitted"));
}

TEST_F(Faults, ThatCannotBeDoneSayWhy) {
  plan_.faults = {{NthLine{"x", 1}, SetLimit{Resource::memory, 1}}};
  runner()->on_line("x");
  EXPECT_THAT(recorded(), ElementsAre("fault_invoked 0 0 limit memory 0 0",
                                      "fault_finished 0 0 " + std::to_string(EPERM)));
}

TEST_F(Faults, AreNotStruckAfterTheEnd) {
  const auto faults = runner();
  faults->begin(Phase::load);
  faults->end("the target had ended");
  io_.run();
  EXPECT_FALSE(faults->stop_begun());
  EXPECT_THAT(recorded(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace lastcall
