#include "trial/guard.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "base/scoped_fd.hpp"
#include "target/parent_death.hpp"

namespace lastcall {
namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    reading = ScopedFd(ends[0]);
    writing = ScopedFd(ends[1]);
  }
  ScopedFd reading;
  ScopedFd writing;
};

// Blocks until the state of a child is what waitid(2) is asked for; leaves it as it is.
void wait_until(pid_t child, int state) {
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, state | WNOWAIT), 0);
}

// Whether every process that holds the other end is gone within ten seconds.
bool is_closed(const ScopedFd& reading) {
  pollfd end{reading.get(), 0, 0};
  return ::poll(&end, 1, 10'000) == 1 && (end.revents & POLLHUP) != 0;
}

TEST(Guard, TellsTheEndOfAChildOnceAndAfterwards) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(3);
  wait_until(child, WEXITED);
  const auto status = end_of(child);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(WEXITSTATUS(*status), 3);
  EXPECT_EQ(end_of(child), 0);
}

TEST(Guard, WakesAChildThatSomebodyHasStopped) {
  const pid_t child = ::fork();
  if (child == 0) {
    (void)::raise(SIGSTOP);
    ::_exit(0);
  }
  wait_until(child, WSTOPPED);
  EXPECT_FALSE(end_of(child).has_value());
  wait_until(child, WEXITED);
  EXPECT_EQ(end_of(child), 0);
}

TEST(Guard, HasAStoppedProcessKilledWithItsParent) {
  Pipe held;
  Pipe ready;
  const pid_t parent = ::fork();
  if (parent == 0) {
    const pid_t self = ::getpid();
    if (::fork() == 0) {
      if (!on_end_of(self, SIGKILL)) ::_exit(1);
      (void)::raise(SIGSTOP);
      ::_exit(0);
    }
    int status = 0;
    (void)::waitpid(-1, &status, WUNTRACED);
    (void)!::write(ready.writing.get(), "", WIFSTOPPED(status) ? 1 : 0);
    ::pause();
  }
  held.writing.reset();
  char byte = 0;
  ASSERT_EQ(::read(ready.reading.get(), &byte, 1), 1);
  ASSERT_EQ(::kill(parent, SIGKILL), 0);
  ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
  EXPECT_TRUE(is_closed(held.reading));
}

TEST(Guard, SaysThatAnotherIsTheParent) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(on_end_of(::getpid(), SIGKILL) ? 1 : 0);
  wait_until(child, WEXITED);
  EXPECT_EQ(end_of(child), 0);
}

}  // namespace
}  // namespace lastcall
