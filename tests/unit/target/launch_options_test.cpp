#include "target/launch_options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

using ::testing::HasSubstr;

// What a shell script prints when it is started with these initialisers; or why it was not.
template <class... Inits>
std::string shell_output(const std::string& script, Inits&&... inits) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const ScopedFd reading(ends[0]);
  ScopedFd writing(ends[1]);
  auto launched =
      Launcher()("/bin/sh", {"sh", "-c", script}, StandardStreams{writing.get(), writing.get()},
                 std::forward<Inits>(inits)...);
  writing.reset();
  if (!launched) return launched.error().message();
  auto text = start_problem(*launched);
  char block[4096];
  for (ssize_t n = 0; (n = ::read(reading.get(), block, sizeof block)) > 0;)
    text.append(block, static_cast<std::size_t>(n));
  EXPECT_EQ(::waitpid(launched->pid, nullptr, 0), launched->pid);
  return text;
}

bool is_root() { return ::geteuid() == 0; }
bool has_pid_namespaces() { return shell_output("echo $$", PidNamespace{true}) == "1\n"; }

TEST(StartProblem, NamesWhatWasTriedBetweenForkAndExec) {
  EXPECT_EQ(shell_output("echo up", WorkingDirectory{"/nonexistent"}),
            "cannot enter the working directory: No such file or directory");
  EXPECT_EQ(shell_output("echo up", JoinGroups{{-1}}),
            "cannot join its cgroup: Bad file descriptor");
}

TEST(DescriptorLimit, IsSoftAndHard) {
  EXPECT_EQ(shell_output("ulimit -Sn; ulimit -Hn", DescriptorLimit{77}), "77\n77\n");
}

TEST(WatchdogVariables, TellTheIntervalAndTheChildsOwnPid) {
  const auto text = shell_output("echo $WATCHDOG_USEC; test $WATCHDOG_PID = $$ && echo mine",
                                 WatchdogVariables(std::chrono::milliseconds(1500)));
  EXPECT_EQ(text, "1500000\nmine\n");
  EXPECT_EQ(shell_output("env | grep WATCHDOG", WatchdogVariables(std::nullopt)), "");
}
TEST(WatchdogVariables, TellThePidOfItsNamespace) {
  if (!has_pid_namespaces()) GTEST_SKIP() << "no PID namespaces here";
  EXPECT_EQ(shell_output("echo $WATCHDOG_PID", PidNamespace{true},
                         WatchdogVariables(std::chrono::seconds(1))),
            "1\n");
}

TEST(PidNamespace, HasItsOwnProcAndLeavesThisOneAlone) {
  if (!has_pid_namespaces()) GTEST_SKIP() << "no PID namespaces here";
  EXPECT_EQ(shell_output("echo /proc/[0-9]*", PidNamespace{true}), "/proc/1\n");
  EXPECT_TRUE(std::filesystem::exists("/proc/" + std::to_string(::getpid())));
  EXPECT_NE(shell_output("echo $$", PidNamespace{false}), "1\n");
}
TEST(PidNamespace, EndsWithTheProcessThatStartedIt) {
  if (!has_pid_namespaces()) GTEST_SKIP() << "no PID namespaces here";
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const ScopedFd reading(ends[0]);
  ScopedFd writing(ends[1]);
  const pid_t parent = ::fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    const auto launched = Launcher()("/bin/sleep", {"sleep", "100"}, PidNamespace{true});
    if (launched) (void)start_problem(*launched);
    const pid_t pid = launched ? launched->pid : -1;
    (void)!::write(writing.get(), &pid, sizeof pid);
    ::pause();
    ::_exit(0);
  }
  pid_t child = -1;
  ASSERT_EQ(::read(reading.get(), &child, sizeof child), static_cast<ssize_t>(sizeof child));
  const ScopedFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  ASSERT_TRUE(pidfd);
  ::kill(parent, SIGKILL);
  EXPECT_EQ(::waitpid(parent, nullptr, 0), parent);
  pollfd ended{pidfd.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 10'000), 1) << "the init outlived its parent";
}

TEST(User, IsLookedUp) {
  EXPECT_THAT(find_user("no-such-user").error().message(), HasSubstr("there is no such user"));
  const auto own = find_user(::getpwuid(::geteuid())->pw_name);
  ASSERT_TRUE(own);
  EXPECT_EQ(own->name, "") << "nothing is to be changed";
}
TEST(User, ChangesEveryIdAndForgetsItsGroups) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  const auto nobody = find_user("nobody");
  ASSERT_TRUE(nobody);
  const auto id = std::to_string(nobody->uid);
  EXPECT_EQ(shell_output("id -u; id -ru; echo $USER; grep CapEff /proc/self/status", *nobody),
            id + "\n" + id + "\nnobody\nCapEff:\t0000000000000000\n");
}
TEST(User, OwnsWhatItIsHandedOver) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  const auto nobody = find_user("nobody");
  ASSERT_TRUE(nobody);
  const testing::ScratchFolder folder;
  const auto file = folder.write("target/a/b.conf", "x");
  const auto refused = hand_over(folder / "target", *nobody);
  ASSERT_TRUE(refused) << "the folder above is lastcall's own";
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, nobody->uid);
  EXPECT_TRUE(may_reach(file, *nobody));
}
TEST(User, MayNotReachWhatLiesInAClosedFolder) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  const auto nobody = find_user("nobody");
  ASSERT_TRUE(nobody);
  const testing::ScratchFolder folder;
  const auto file = folder.write("closed/own/target/b.conf", "x");
  ASSERT_EQ(::chmod((folder / "closed").c_str(), 0700), 0);
  EXPECT_FALSE(may_reach(file, *nobody));
  EXPECT_THAT(hand_over(folder / "closed/own/target", *nobody).error().message(),
              HasSubstr("may not enter " + folder.path()));
}

TEST(BelowAShell, KeepsTheWordsAndTheExitCode) {
  const auto words = below_a_shell({"/bin/sh", "-c", "echo \"$1\"; exit 7", "sh", "a  'b"});
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const ScopedFd reading(ends[0]);
  ScopedFd writing(ends[1]);
  const auto launched =
      Launcher()(words.front(), words, StandardStreams{writing.get(), writing.get()});
  ASSERT_TRUE(launched);
  writing.reset();
  char text[64] = {};
  EXPECT_GT(::read(reading.get(), text, sizeof text - 1), 0);
  EXPECT_STREQ(text, "a  'b\n");
  int status = 0;
  EXPECT_EQ(::waitpid(launched->pid, &status, 0), launched->pid);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

}  // namespace
}  // namespace lastcall
