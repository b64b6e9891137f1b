#include "target/process_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "target/launcher.hpp"

namespace lastcall {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::IsEmpty;

// The test program is a subreaper, as the trial process is.
class ProcessTree : public ::testing::Test {
 protected:
  ProcessTree() {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    reading_ = ScopedFd(ends[0]);
    writing_ = ScopedFd(ends[1]);
  }
  ~ProcessTree() override {
    while (::waitpid(-1, nullptr, WNOHANG) >= 0) signal_descendants(SIGKILL);
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  }

  // Starts a script and waits for its first line of output.
  pid_t start(const std::string& script) {
    auto launched = Launcher()("/bin/sh", {"sh", "-c", script},
                               StandardStreams{writing_.get(), writing_.get()});
    EXPECT_TRUE(launched.has_value());
    line_.clear();
    for (char byte = 0; ::read(reading_.get(), &byte, 1) == 1 && byte != '\n';) line_ += byte;
    return launched->pid;
  }

  ScopedFd reading_;
  ScopedFd writing_;
  std::string line_;
};

auto process(pid_t pid, const std::string& command) {
  return AllOf(Field(&ProcessInfo::pid, pid), Field(&ProcessInfo::command, command));
}

TEST_F(ProcessTree, FindsAChildAndItsChild) {
  const pid_t shell = start("sleep 100 & echo $!; wait");
  const pid_t grandchild = std::stoi(line_);
  EXPECT_THAT(children(), ::testing::ElementsAre(shell));
  EXPECT_THAT(descendants(), Contains(Field(&ProcessInfo::pid, shell)));
  EXPECT_THAT(descendants(), Contains(Field(&ProcessInfo::pid, grandchild)));
  EXPECT_EQ(descendants().front().pid, shell) << "parents come first";
  EXPECT_EQ(signal_descendants(SIGKILL), 2U);
}

TEST_F(ProcessTree, FindsAGrandchildThatLeftItsSessionAndLostItsParent) {
  const pid_t shell = start("setsid sleep 100 & echo $!");
  const pid_t orphan = std::stoi(line_);
  EXPECT_EQ(::waitpid(shell, nullptr, 0), shell);
  EXPECT_THAT(children(), ::testing::ElementsAre(orphan));
  EXPECT_EQ(signal_descendants(SIGKILL), 1U);
  int status = 0;
  EXPECT_EQ(::waitpid(orphan, &status, 0), orphan) << "it is ours to wait for";
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_THAT(descendants(), IsEmpty());
}

TEST_F(ProcessTree, ShowsAZombieAndDoesNotCountItAsAlive) {
  const pid_t shell = start("echo");
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(shell), &info, WEXITED | WNOWAIT), 0);
  const auto found = descendants();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].state, 'Z');
  EXPECT_EQ(found[0].command, "sh") << "a zombie has no command line, only a name";
  EXPECT_EQ(signal_descendants(SIGTERM), 0U);
}

TEST_F(ProcessTree, ReadsCommandsWithSpacesAndParentheses) {
  const pid_t shell = start("echo; read never < /dev/zero; : 'a) R (b'");
  EXPECT_THAT(descendants(),
              Contains(process(shell, "sh -c echo; read never < /dev/zero; : 'a) R (b'")));
}

TEST_F(ProcessTree, ReadsTheStateBehindANameThatLooksLikeOne) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::prctl(PR_SET_NAME, "x) R (y) Z");
    (void)!::write(ends[1], "", 1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ends[0], &byte, 1), 1);
  ::close(ends[0]);
  ::close(ends[1]);
  ::kill(child, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  const auto found = descendants();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].state, 'Z');
  EXPECT_EQ(found[0].command, "x) R (y) Z");
}

TEST_F(ProcessTree, HasChildrenUntilTheLastOneIsWaitedFor) {
  EXPECT_FALSE(has_children());
  const pid_t shell = start("sleep 100 & echo $!");
  EXPECT_EQ(::waitpid(shell, nullptr, 0), shell);
  EXPECT_TRUE(has_children()) << "the orphan is alive";
  const pid_t orphan = std::stoi(line_);
  ::kill(orphan, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(orphan), &info, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(has_children()) << "it is a zombie";
  EXPECT_EQ(::waitpid(orphan, nullptr, 0), orphan);
  EXPECT_FALSE(has_children());
}

TEST_F(ProcessTree, KnowsAndEndsAChainOfProcessesThatForkAndExit) {
  const pid_t first = ::fork();
  ASSERT_GE(first, 0);
  if (first == 0) {
    ::setpgid(0, 0);
    const auto limit = now() + std::chrono::minutes(1);  // if the test does not end it
    while (now() < limit) {
      if (::fork() > 0) break;
    }
    ::_exit(0);
  }
  for (int reaped = 0; reaped < 200;) {
    ASSERT_TRUE(has_children());
    if (::waitpid(-1, nullptr, WNOHANG) > 0) ++reaped;
  }
  const auto limit = now() + std::chrono::seconds(2);
  while (has_children() && now() < limit) {
    kill_groups_of_children();
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
  EXPECT_FALSE(has_children());
}

TEST_F(ProcessTree, CountsTheProcessorTimeOfAProcessAndOfWhomItWaitedFor) {
  const auto before = processor_time_of_reaped();
  const pid_t shell = start(
      "(i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done); echo done; read never < /dev/zero");
  const auto used = processor_time(shell);
  EXPECT_GE(used, std::chrono::milliseconds(10));
  ::kill(shell, SIGKILL);
  EXPECT_EQ(::waitpid(shell, nullptr, 0), shell);
  EXPECT_GE(processor_time_of_reaped() - before, std::chrono::milliseconds(10));
  EXPECT_EQ(processor_time(shell), Nanoseconds(0)) << "it is gone";
}

TEST_F(ProcessTree, ProcessorTimeIsNotLostWhoeverWaitsForAProcess) {
  const auto before = processor_time_of_tree();
  const auto used = [&] { return processor_time_of_tree() - before; };
  const pid_t shell =
      start("(i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done); echo; read never < /dev/zero");
  const auto of_its_child = used();
  EXPECT_GE(of_its_child, std::chrono::milliseconds(10));
  ::kill(shell, SIGKILL);
  EXPECT_GE(used(), of_its_child);
  EXPECT_EQ(::waitpid(shell, nullptr, 0), shell);
  EXPECT_GE(used(), of_its_child);
}

TEST_F(ProcessTree, StaysWholeWhileProcessesComeAndGo) {
  const pid_t shell = start("echo; while :; do /bin/true & /bin/true; done");
  for (int i = 0; i < 300; ++i)
    EXPECT_THAT(descendants(), Contains(Field(&ProcessInfo::pid, shell)));
  signal_descendants(SIGKILL);
}

}  // namespace
}  // namespace lastcall
