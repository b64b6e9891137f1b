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

TEST(CaughtSignals, AreReadFromTheStatus) {
  constexpr std::string_view kStatus =
      "Name:\tpython3\nSigIgn:\t0000000001001000\nSigCgt:\t0000000000008020\n";
  EXPECT_TRUE(is_caught_by(kStatus, SIGABRT));
  EXPECT_TRUE(is_caught_by(kStatus, SIGSTKFLT));
  EXPECT_FALSE(is_caught_by(kStatus, SIGQUIT));
  EXPECT_FALSE(is_caught_by(kStatus, SIGPIPE));
  EXPECT_FALSE(is_caught_by("", SIGABRT));
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

// A process of its own that has a handler for SIGTERM, and none for SIGUSR1.
class Handlers : public ::testing::Test {
 protected:
  Handlers() {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    target_ = ::fork();
    if (target_ == 0) {
      ::signal(SIGTERM, [](int) {});
      ::signal(SIGUSR1, SIG_IGN);
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
  [[nodiscard]] std::string seen(int signal, bool caught) const {
    return "handler_at_stop " + std::to_string(target_) + " " + std::to_string(signal) +
           (caught ? " 1 " : " 0 ") +
           std::filesystem::read_symlink("/proc/self/exe").filename().string();
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
  EXPECT_THAT(recorded(),
              ElementsAre(seen(SIGTERM, true), seen(SIGUSR1, false), seen(SIGINT, false)));
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
