// Filters that are given to processes while they run, where CAP_SYS_ADMIN is missing.
#include <gmock/gmock.h>
#include <sys/syscall.h>

#include <chrono>
#include <csignal>
#include <random>
#include <set>
#include <thread>

#include "unit/scratch_folder.hpp"
#include "unit/tracer/fake_ptrace.hpp"
#include "unit/tracer/traced.hpp"
#include "unit/without_capability.hpp"

namespace lastcall {
namespace {

using ::testing::ElementsAre;
using testing::FakePtrace;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::WithoutCapability;

// The numbers from 100,000 on that were closed, and what could not be filtered.
struct Closes : TraceObserver {
  std::multiset<std::uint64_t> seen;
  std::vector<std::string> unfiltered;
  std::pair<int, TraceLoop*> wake_at{};
  bool on_signal(const Tracee&, const siginfo_t& info) override {
    if (info.si_signo == wake_at.first) wake_at.second->wake_filters();
    return false;
  }
  SyscallWish on_syscall(const Tracee&, const SyscallEntry& entry) override {
    if (entry.number == SYS_close && entry.arguments[0] >= 100'000) seen.insert(entry.arguments[0]);
    return {};
  }
  void not_filtered(const Tracee& thread, const std::string& why) override {
    unfiltered.push_back(std::to_string(thread.pid) + ": " + why);
  }
};

struct Arming : TracedTest {
  WithoutCapability without{CAP_SYS_ADMIN};
  Closes closes;
  Traced subject{{SYS_close}, {&closes}};

  void start(const std::string& how) {
    subject.start({LASTCALL_ARMING_SUBJECT, how}, true);
    EXPECT_EQ(subject.line(), "ready");
  }
  void play(const std::string& how) {
    start(how);
    EXPECT_THAT(closes.seen, IsEmpty());
    subject.tracer().wake_filters();
    subject.signal(SIGTERM);
    EXPECT_EQ(subject.rest(), "");
    EXPECT_EQ(subject.end(), "exited 0");
    std::multiset<std::uint64_t> wanted{300'000, 300'001, 300'002};
    for (std::uint64_t i = 0; i < 11; ++i) wanted.insert(200'000 + i);
    EXPECT_EQ(closes.seen, wanted);
    EXPECT_THAT(closes.unfiltered, IsEmpty());
  }
  void expect_left_alone(const std::string& how) {
    start(how);
    subject.tracer().wake_filters();
    subject.signal(SIGTERM);
    EXPECT_EQ(subject.end(), "exited 0");
    EXPECT_THAT(closes.unfiltered, ElementsAre(HasSubstr("filters its calls itself")));
  }
};

TEST_F(Arming, EveryThreadIsFilteredAndNoWaitIsDisturbed) { play("threads"); }

TEST_F(Arming, EveryProcessIsFilteredAndNoWaitIsDisturbed) { play("processes"); }

TEST_F(Arming, BeginsBeforeTheHandlerOfTheSignalThatItIsDoneAt) {
  subject.tracer().on_its_thread([this](TraceLoop& loop) { closes.wake_at = {SIGTERM, &loop}; });
  start("signals");
  subject.signal(SIGTERM);
  EXPECT_EQ(subject.rest(), "0\n");
  EXPECT_EQ(subject.end(), "exited 0");
  EXPECT_THAT(closes.seen, ElementsAre(200'000));
}

TEST_F(Arming, LosesNoSignal) {
  start("signals");
  constexpr int kSignals = 500;
  std::thread sender([this] {
    for (int i = 0; i < kSignals; ++i) {
      ASSERT_EQ(::sigqueue(subject.pid(), SIGRTMIN, {}), 0);
      if (i % 50 == 10) subject.signal(SIGSTOP);
      if (i % 50 == 40) subject.signal(SIGCONT);
    }
  });
  std::this_thread::sleep_for(std::chrono::microseconds(std::random_device()() % 2000));
  subject.tracer().wake_filters();
  sender.join();
  subject.signal(SIGTERM);
  EXPECT_EQ(subject.rest(), std::to_string(kSignals) + "\n");
  EXPECT_EQ(subject.end(), "exited 0");
  EXPECT_THAT(closes.seen, ElementsAre(200'000));
  EXPECT_THAT(closes.unfiltered, IsEmpty());
}

TEST_F(Arming, LeavesAProcessAloneThatFiltersItself) { expect_left_alone("filters-itself"); }

TEST_F(Arming, LeavesAProcessAloneOfWhichAThreadFiltersItself) {
  expect_left_alone("thread-filters-itself");
}

}  // namespace
}  // namespace lastcall
