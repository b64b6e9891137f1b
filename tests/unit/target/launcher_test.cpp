#include "target/launcher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <sstream>

#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Pipe {
  ScopedFd reading;
  ScopedFd writing;
};
Pipe make_pipe() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  return {ScopedFd(ends[0]), ScopedFd(ends[1])};
}

std::string read_all(int fd) {
  std::string text;
  char block[4096];
  for (ssize_t n = 0; (n = ::read(fd, block, sizeof block)) > 0;)
    text.append(block, static_cast<std::size_t>(n));
  return text;
}

// errno of what failed between fork and exec; 0: it was executed.
int exec_error(const Launched& launched) {
  int problem = 0;
  return ::read(launched.exec_status.get(), &problem, sizeof problem) == sizeof problem ? problem
                                                                                        : 0;
}

int wait_status(pid_t pid) {
  int status = -1;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return status;
}

// What a command prints, both streams together.
template <class... Inits>
std::string output_of(Launcher launcher, const std::vector<std::string>& command,
                      Inits&&... inits) {
  auto output = make_pipe();
  auto launched = launcher(command.front(), command,
                           StandardStreams{output.writing.get(), output.writing.get()},
                           std::forward<Inits>(inits)...);
  output.writing.reset();
  if (!launched) return launched.error().message();
  const auto text = read_all(output.reading.get());
  wait_status(launched->pid);
  return text;
}
std::string output_of_shell(const std::string& script) {
  return output_of({}, {"/bin/sh", "-c", script});
}

std::vector<std::string> lines(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> result;
  for (std::string line; std::getline(in, line);) result.push_back(line);
  return result;
}

TEST(Launcher, StartsACommandWithItsArgumentsEnvironmentAndDirectory) {
  const testing::ScratchFolder folder;
  Launcher launcher;
  launcher.environment = {"COLOUR=deep red"};
  const auto text =
      output_of(std::move(launcher),
                {"/bin/sh", "-c", "echo \"$1|$COLOUR\"; pwd -P; env | wc -l", "sh", "a b"},
                WorkingDirectory{folder.path()});
  const auto printed = lines(text);
  ASSERT_GE(printed.size(), 2U);
  EXPECT_EQ(printed[0], "a b|deep red");
  EXPECT_EQ(printed[1], std::filesystem::canonical(folder.path()));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("PATH=")));
}

TEST(Launcher, GivesTheChildAnEmptyInputAndTwoOutputs) {
  auto out = make_pipe();
  auto err = make_pipe();
  auto launched = Launcher()("/bin/sh", {"sh", "-c", "cat; echo out; echo err >&2"},
                             StandardStreams{out.writing.get(), err.writing.get()});
  ASSERT_TRUE(launched.has_value());
  out.writing.reset();
  err.writing.reset();
  EXPECT_EQ(read_all(out.reading.get()), "out\n");
  EXPECT_EQ(read_all(err.reading.get()), "err\n");
  EXPECT_EQ(wait_status(launched->pid), 0);
}

TEST(Launcher, SaysNothingOnExecStatusWhenTheCommandRuns) {
  auto launched = Launcher()("/bin/true", {"true"});
  ASSERT_TRUE(launched.has_value());
  EXPECT_EQ(exec_error(*launched), 0);
  EXPECT_EQ(wait_status(launched->pid), 0);
}

TEST(Launcher, GivesTheErrnoOfAFailedExec) {
  const testing::ScratchFolder folder;
  const auto no_program = folder.write("no_program", "neither ELF nor script");
  ::chmod(no_program.c_str(), 0755);
  const std::pair<std::string, int> cases[] = {
      {folder / "missing", ENOENT}, {folder.path(), EACCES}, {no_program, ENOEXEC}};
  for (const auto& [file, expected] : cases) {
    auto launched = Launcher()(file, {file});
    ASSERT_TRUE(launched.has_value()) << file;
    EXPECT_EQ(exec_error(*launched), expected) << file;
    const int status = wait_status(launched->pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 127) << status;
  }
}

TEST(Launcher, ClosesEveryInheritedDescriptor) {
  std::vector<ScopedFd> inherited;
  for (const int number : {50, 51, 300, 900}) {
    inherited.emplace_back(::dup2(0, number));  // dup2 leaves close-on-exec unset
    ASSERT_TRUE(inherited.back());
  }
  // The fourth is the folder that ls reads.
  EXPECT_THAT(lines(output_of({}, {"/bin/ls", "/proc/self/fd"})), ElementsAre("0", "1", "2", "3"));
}

TEST(Launcher, GivesTheChildASessionOfItsOwn) {
  const auto fields =
      lines(output_of_shell("echo $$; cut -d' ' -f5 /proc/$$/stat; cut -d' ' -f6 /proc/$$/stat"));
  ASSERT_EQ(fields.size(), 3U);
  EXPECT_EQ(fields[1], fields[0]) << "process group";
  EXPECT_EQ(fields[2], fields[0]) << "session";
}

TEST(Launcher, ResetsTheSignalMaskAndDispositions) {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::sigaddset(&blocked, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  const auto pipe_before = ::signal(SIGPIPE, SIG_IGN);
  const auto usr1_before = ::signal(SIGUSR1, SIG_IGN);
  const auto text = output_of({}, {"/bin/cat", "/proc/self/status"});
  ::signal(SIGUSR1, usr1_before);
  ::signal(SIGPIPE, pipe_before);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  for (const std::string set : {"SigBlk", "SigIgn", "SigCgt"}) {
    EXPECT_THAT(lines(text), ::testing::Contains(set + ":\t0000000000000000"));
  }
}

TEST(Launcher, ASignalThatComesBeforeTheCommandIsNotLost) {
  const auto before = ::signal(SIGINT, SIG_IGN);  // as in a job in the background
  for (int i = 0; i < 100; ++i) {
    const auto launched = Launcher()("/bin/sleep", {"sleep", "5"});
    ASSERT_TRUE(launched) << launched.error().message();
    ASSERT_EQ(::kill(launched->pid, SIGINT), 0);
    const int status = wait_status(launched->pid);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) << status;
  }
  ::signal(SIGINT, before);
}

TEST(Launcher, EndsTheChildWithTheProcessThatStartedIt) {
  auto report = make_pipe();
  const pid_t parent = ::fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    auto launched = Launcher()("/bin/sleep", {"sleep", "100"});

    if (launched) (void)exec_error(*launched);
    const pid_t pid = launched ? launched->pid : -1;
    (void)!::write(report.writing.get(), &pid, sizeof pid);
    ::pause();
    ::_exit(0);
  }
  pid_t child = -1;
  ASSERT_EQ(::read(report.reading.get(), &child, sizeof child), static_cast<ssize_t>(sizeof child));
  const ScopedFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  ASSERT_TRUE(pidfd);
  ::kill(parent, SIGKILL);
  wait_status(parent);
  pollfd ended{pidfd.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 10'000), 1) << "the child outlived its parent";
}

struct Noting {
  std::vector<std::string>* set_up;  // before fork
  int report;                        // after fork
  char name;
  int setup_error = 0;
  int exec_error = 0;
  boost::system::error_code on_setup(Launcher& launcher, const std::string&, char* const*) const {
    set_up->emplace_back(1, name);
    launcher.environment.push_back(std::string(1, name) + "=set");
    return {setup_error, boost::system::system_category()};
  }
  boost::system::error_code on_exec_setup(Launcher&, const std::string&, char* const*) const {
    (void)!::write(report, &name, 1);
    return {exec_error, boost::system::system_category()};
  }
};

TEST(Launcher, AsksItsInitialisersInOrderBeforeAndAfterFork) {
  std::vector<std::string> set_up;
  auto report = make_pipe();
  auto out = make_pipe();
  auto launched =
      Launcher()("/bin/sh", {"sh", "-c", "echo $a $b"}, Noting{&set_up, report.writing.get(), 'a'},
                 Noting{&set_up, report.writing.get(), 'b'},
                 StandardStreams{out.writing.get(), out.writing.get()});
  ASSERT_TRUE(launched.has_value());
  report.writing.reset();
  out.writing.reset();
  EXPECT_THAT(set_up, ElementsAre("a", "b"));
  EXPECT_EQ(read_all(report.reading.get()), "ab");
  EXPECT_EQ(read_all(out.reading.get()), "set set\n")
      << "what on_setup adds to the environment arrives";
  wait_status(launched->pid);
}

TEST(Launcher, StartsNothingWhenAnInitialiserFailsBeforeFork) {
  std::vector<std::string> set_up;
  auto report = make_pipe();
  auto launched =
      Launcher()("/bin/true", {"true"}, Noting{&set_up, report.writing.get(), 'a', EPERM},
                 Noting{&set_up, report.writing.get(), 'b'});
  report.writing.reset();
  ASSERT_TRUE(launched.has_error());
  EXPECT_EQ(launched.error().error_number, EPERM);
  EXPECT_THAT(set_up, ElementsAre("a"));
  EXPECT_EQ(read_all(report.reading.get()), "");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "there is no child";
}

TEST(Launcher, ExecutesNothingWhenAnInitialiserFailsAfterFork) {
  std::vector<std::string> set_up;
  auto report = make_pipe();
  auto launched =
      Launcher()("/bin/true", {"true"}, Noting{&set_up, report.writing.get(), 'a', 0, EXDEV},
                 Noting{&set_up, report.writing.get(), 'b'});
  ASSERT_TRUE(launched.has_value());
  report.writing.reset();
  EXPECT_EQ(exec_error(*launched), EXDEV);
  EXPECT_EQ(read_all(report.reading.get()), "a");
  wait_status(launched->pid);
}

TEST(Launcher, NamesAWorkingDirectoryThatIsNotThere) {
  auto launched = Launcher()("/bin/true", {"true"}, WorkingDirectory{"/nonexistent"});
  ASSERT_TRUE(launched.has_value());
  EXPECT_EQ(exec_error(*launched), ENOENT);
  wait_status(launched->pid);
}

std::string found(const std::string& name, const std::string& path) {
  const auto result = find_executable(name, path);
  return result ? *result : result.error().message();
}

TEST(FindExecutable, LooksThroughTheFoldersInOrder) {
  const testing::ScratchFolder folder;
  const auto first = folder.write("first/server");
  const auto second = folder.write("second/server");
  const auto path = folder / "none:" + (folder / "first") + "::" + (folder / "second");
  ::chmod(second.c_str(), 0755);
  EXPECT_EQ(found("server", path), second) << "the first one is not executable";
  ::chmod(first.c_str(), 0755);
  EXPECT_EQ(found("server", path), first);
}

TEST(FindExecutable, TakesANameWithASlashAsItIs) {
  EXPECT_EQ(found("/bin/sh", ""), "/bin/sh");
  EXPECT_EQ(find_executable("/bin/no-such-shell", "/bin").error().error_number, ENOENT);
}

TEST(FindExecutable, SaysWhereItLooked) {
  const auto missing = find_executable("no-such-server", "/bin:/usr/bin");
  ASSERT_TRUE(missing.has_error());
  EXPECT_EQ(missing.error().error_number, ENOENT);
  EXPECT_THAT(missing.error().message(), HasSubstr("/bin:/usr/bin"));
}

TEST(FindExecutable, DoesNotTakeAFolderForAProgram) {
  const testing::ScratchFolder folder;
  const auto real = folder.write("second/server");
  ::chmod(real.c_str(), 0755);
  std::filesystem::create_directories(folder / "first/server");
  EXPECT_EQ(found("server", (folder / "first") + ":" + (folder / "second")), real);
}

}  // namespace
}  // namespace lastcall
