// Against processes of its own.
#include "client/signal_handler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "client/trigger_board.hpp"
#include "unit/client/event_words.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SignalMasks, AreReadFromTheStatus) {
  constexpr std::string_view kStatus =
      "Name:\tpython3\nSigBlk:\t0000000000000004\nSigIgn:\t0000000001001000\n"
      "SigCgt:\t0000000000008020\n";
  EXPECT_TRUE(is_in_mask(kStatus, "SigCgt", SIGABRT));
  EXPECT_TRUE(is_in_mask(kStatus, "SigCgt", SIGSTKFLT));
  EXPECT_FALSE(is_in_mask(kStatus, "SigCgt", SIGQUIT));
  EXPECT_FALSE(is_in_mask(kStatus, "SigCgt", SIGPIPE));
  EXPECT_FALSE(is_in_mask("", "SigCgt", SIGABRT));
  EXPECT_TRUE(is_in_mask(kStatus, "SigBlk", SIGQUIT));
  EXPECT_FALSE(is_in_mask(kStatus, "SigBlk", SIGABRT));
}

TEST(RuntimesThatHandleSignals, AreToldByTheirExecutable) {
  using namespace std::string_view_literals;
  constexpr auto kGo =
      "\x7f"
      "ELF\0\x04\0\0\0S\0\0\0\x04\0\0\0Go\0\0id"sv;
  EXPECT_EQ(handling_runtime("node", ""), "node");
  EXPECT_EQ(handling_runtime("nodejs", ""), "node");
  EXPECT_EQ(handling_runtime("server", kGo), "go");
  EXPECT_EQ(handling_runtime("python3.11",
                             "\x7f"
                             "ELF Go\0\0"sv),
            "");
  EXPECT_EQ(handling_runtime("", ""), "");
}

// A process of its own that has a handler for SIGTERM, none for SIGUSR1, and blocks SIGHUP.
class Handlers : public ::testing::Test {
 protected:
  Handlers() {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    target_ = ::fork();
    if (target_ == 0) {
      ::signal(SIGTERM, [](int) {});
      ::signal(SIGUSR1, SIG_IGN);
      sigset_t blocked;
      ::sigemptyset(&blocked);
      ::sigaddset(&blocked, SIGHUP);
      ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
      static_cast<void>(::write(ready[1], "x", 1));
      for (;;) ::pause();
    }
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
    pidfd_ = ScopedFd(static_cast<int>(::syscall(SYS_pidfd_open, target_, 0)));
  }
  ~Handlers() override {
    ::kill(target_, SIGKILL);
    ::waitpid(target_, nullptr, 0);
  }
  std::vector<std::string> recorded() {
    EXPECT_TRUE(segment_.finish().has_value());
    return testing::words_of(folder_ / "a.seg");
  }
  [[nodiscard]] std::string seen(int signal, bool caught, bool blocked = false) const {
    return "handler_at_stop " + std::to_string(target_) + " " + std::to_string(signal) +
           (caught ? " 1 " : " 0 ") +
           std::filesystem::read_symlink("/proc/self/exe").filename().string() +
           (blocked ? " 1" : " 0");
  }

  pid_t target_ = -1;
  ScopedFd pidfd_;
  testing::ScratchFolder folder_;
  SegmentWriter segment_ = *SegmentWriter::create(folder_ / "a.seg");
};

TEST_F(Handlers, AreLookedAt) {
  record_handler(segment_, pidfd_.get(), SIGTERM);
  record_handler(segment_, pidfd_.get(), SIGUSR1);
  record_handler(segment_, pidfd_.get(), SIGINT);
  record_handler(segment_, pidfd_.get(), SIGHUP);
  EXPECT_THAT(recorded(), ElementsAre(seen(SIGTERM, true), seen(SIGUSR1, false),
                                      seen(SIGINT, false), seen(SIGHUP, false, true)));
}
TEST_F(Handlers, OfAProcessThatHasEndedAreNotKnown) {
  ::kill(target_, SIGKILL);
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(target_), &info, WEXITED | WNOWAIT), 0);
  record_handler(segment_, pidfd_.get(), SIGTERM);  // it is a zombie
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(target_), &info, WEXITED), 0);
  record_handler(segment_, pidfd_.get(), SIGTERM);
  record_handler(segment_, -1, SIGTERM);
  EXPECT_THAT(recorded(), IsEmpty());
}
TEST_F(Handlers, AreLookedAtBeforeEveryStopSignalToTheTargetItself) {
  auto board = *TriggerBoard::create();
  std::vector<int> looked;
  const auto send = [&](int signal, Recipient to, bool may_stop) {
    strike({.fault = {0}, .signal = signal, .to = to, .may_stop = may_stop}, board, segment_,
           {.send = [](int) { return 0; },
            .before_stop = {},
            .before_signal = [&](int number) { looked.push_back(number); }});
  };
  send(SIGHUP, Recipient::process, false);
  send(SIGTERM, Recipient::child, true);
  EXPECT_THAT(looked, IsEmpty());
  send(SIGTERM, Recipient::process, true);
  send(SIGINT, Recipient::group, true);
  send(SIGQUIT, Recipient::tree, true);
  EXPECT_THAT(looked, ElementsAre(SIGTERM, SIGINT, SIGQUIT));
}

}  // namespace
}  // namespace lastcall
