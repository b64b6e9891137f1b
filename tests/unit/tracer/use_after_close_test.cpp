#include "tracer/calls/use_after_close.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "unit/tracer/fake_ptrace.hpp"
#include "unit/tracer/traced.hpp"

namespace lastcall::use_after_close_test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;
using How = LateWrite::How;

struct LateWriting : TracedTest {
  std::vector<LateWrite> late;
  LateWrites observer{[this](LateWrite one) { late.push_back(std::move(one)); }};
  pid_t pid = 0;

  // What it exits with: the error of its last sending call.
  std::string run(const std::string& program) {
    Traced subject(LateWrites::syscalls(), {&observer});
    subject.start({kSubject, program});
    pid = subject.pid();
    return subject.end();
  }
  static std::string exited(int error) { return "exited " + std::to_string(error); }
};

bool has(const Stack& stack, const std::string& function) {
  return std::ranges::any_of(
      stack.frames, [&](const Frame& frame) { return frame.function.starts_with(function); });
}

TEST_F(LateWriting, AWriteAfterCloseIsFound) {
  EXPECT_EQ(run("late-close"), exited(EBADF));
  ASSERT_THAT(late, SizeIs(1));
  const auto& one = late.front();
  EXPECT_EQ(one.how, How::closed);
  EXPECT_EQ(one.call, "sendto");
  EXPECT_EQ(one.error, EBADF);
  EXPECT_THAT(one.what, MatchesRegex("socket:\\[[0-9]+\\] of 127\\.0\\.0\\.1:[0-9]+"));
  EXPECT_GT(one.age, Nanoseconds(0));
  EXPECT_EQ(one.writer.pid, pid);
  EXPECT_TRUE(has(one.writer, "late::send_to_it")) << stacks_text({one.writer});
  EXPECT_TRUE(has(one.closer, "late::close_it")) << stacks_text({one.closer});
}

TEST_F(LateWriting, AWriteAfterShutdownIsFound) {
  EXPECT_EQ(run("late-shutdown"), exited(EPIPE));
  ASSERT_THAT(late, SizeIs(1));
  EXPECT_EQ(late.front().how, How::shut_down);
  EXPECT_EQ(late.front().error, EPIPE);
  EXPECT_EQ(late.front().closer.tid, pid);
}

TEST_F(LateWriting, AClosingIsReportedOnce) {
  EXPECT_EQ(run("late-close-twice"), exited(EBADF + EBADF));
  EXPECT_THAT(late, SizeIs(1));
}

TEST_F(LateWriting, ARangeOfDescriptorsIsClosedLikeOne) {
  EXPECT_EQ(run("late-close-range"), exited(EBADF));
  ASSERT_THAT(late, SizeIs(1));
  EXPECT_EQ(late.front().how, How::closed);
  EXPECT_THAT(late.front().what, HasSubstr("127.0.0.1"));
}

TEST_F(LateWriting, BothThreadsAreNamed) {
  EXPECT_EQ(run("late-threads"), exited(EBADF));
  ASSERT_THAT(late, SizeIs(1));
  const auto& [closer, writer] = std::tie(late.front().closer, late.front().writer);
  EXPECT_EQ(closer.thread_name, "closer");
  EXPECT_EQ(writer.thread_name, "sender");
  EXPECT_NE(closer.tid, writer.tid);
  EXPECT_TRUE(has(closer, "late::close_it")) << stacks_text({closer});
  EXPECT_TRUE(has(writer, "late::send_to_it")) << stacks_text({writer});
}

TEST_F(LateWriting, APeerThatLeftIsNoViolation) {
  EXPECT_EQ(run("late-left"), exited(EPIPE));
  EXPECT_THAT(late, IsEmpty());
}

TEST_F(LateWriting, ANumberThatIsInUseAgainIsNoViolation) {
  EXPECT_EQ(run("late-reused"), exited(EPIPE));
  EXPECT_THAT(late, IsEmpty());
}

TEST_F(LateWriting, ANumberThatIsOpenForReadingOnlyIsNoViolation) {
  EXPECT_EQ(run("late-read-only"), exited(EBADF));
  EXPECT_THAT(late, IsEmpty());
}

TEST_F(LateWriting, WhatDup2PutInPlaceIsNoViolation) {
  EXPECT_EQ(run("late-dup2"), exited(EPIPE));
  EXPECT_THAT(late, IsEmpty());
}

TEST_F(LateWriting, APipeThatWakesAThreadIsNoViolation) {
  EXPECT_EQ(run("late-own-pipe"), exited(EBADF));
  EXPECT_THAT(late, IsEmpty());
  EXPECT_GT(observer.closes(), 0U);
}

TEST_F(LateWriting, APipeToAnotherProcessIsOne) {
  EXPECT_EQ(run("late-pipe"), exited(EBADF));
  ASSERT_THAT(late, SizeIs(1));
  EXPECT_THAT(late.front().what, MatchesRegex("pipe:\\[[0-9]+\\]"));
}

TEST_F(LateWriting, WhatAChildClosedIsOpenInItsParent) {
  EXPECT_EQ(run("late-child-closes"), exited(0));
  EXPECT_THAT(late, IsEmpty());
}

TEST_F(LateWriting, AParentIsNotToldOfItsChildsClosing) {
  EXPECT_EQ(run("late-both-close"), exited(EBADF));
  ASSERT_THAT(late, SizeIs(1));
  EXPECT_EQ(late.front().closer.pid, pid);
}

TEST_F(LateWriting, WhatAParentClosedIsClosedInItsChild) {
  EXPECT_EQ(run("late-child-writes"), exited(EBADF));
  ASSERT_THAT(late, SizeIs(1));
  EXPECT_EQ(late.front().closer.pid, pid);
  EXPECT_NE(late.front().writer.pid, pid);
}

TEST_F(LateWriting, AnotherProgramKnowsNothingOfWhatTheFirstClosed) {
  EXPECT_EQ(run("late-exec"), exited(EBADF));
  ASSERT_THAT(late, SizeIs(1));
  EXPECT_EQ(late.front().how, How::before_the_watch);
}

TEST_F(LateWriting, WhatWasClosedBeforeTheWatchIsFound) {
  Traced subject(LateWrites::syscalls(), {&observer});
  subject.start({kSubject, "late-signal"}, true);
  EXPECT_EQ(subject.line(), "ready");
  subject.tracer().wake_filters();
  subject.signal(SIGTERM);
  EXPECT_EQ(subject.end(), exited(EBADF + EBADF));
  ASSERT_THAT(late, SizeIs(1));  // and not for -1, which is no descriptor
  EXPECT_EQ(late.front().how, How::before_the_watch);
  EXPECT_EQ(late.front().what, "");
  EXPECT_EQ(late.front().closer.tid, 0);
}

// Calls of this process as if it were traced.
struct Overtaking : ::testing::Test {
  testing::FakePtrace calls;
  Tracee self{::getpid(), ::getpid(), calls};
  std::vector<LateWrite> late;
  LateWrites observer{[this](LateWrite one) { late.push_back(std::move(one)); }};
  int ends[2] = {-1, -1};

  void SetUp() override {
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  }
  void TearDown() override { ::close(ends[0]); }
  [[nodiscard]] SyscallEntry entry(int number) const {
    return {static_cast<std::uint64_t>(number), {static_cast<std::uint64_t>(ends[1])}};
  }
  bool asks_for_exit() { return observer.on_syscall(self, entry(SYS_write)).see_exit; }
};

TEST_F(Overtaking, AWriteThatComesBetweenIsNoReuse) {
  EXPECT_FALSE(asks_for_exit());
  (void)observer.on_syscall(self, entry(SYS_close));
  EXPECT_TRUE(asks_for_exit());
  observer.on_syscall_exit(self, entry(SYS_write), 1);  // the close is not yet made
  ::close(ends[1]);
  observer.on_syscall_exit(self, entry(SYS_write), 1);  // told late that it was before
  EXPECT_TRUE(asks_for_exit());
  observer.on_syscall_exit(self, entry(SYS_write), -EBADF);
  EXPECT_THAT(late, SizeIs(1));
  EXPECT_FALSE(asks_for_exit());
}

TEST_F(Overtaking, AClosingThatFailedIsForgotten) {
  (void)observer.on_syscall(self, entry(SYS_close));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(asks_for_exit());
    observer.on_syscall_exit(self, entry(SYS_write), 1);
  }
  EXPECT_FALSE(asks_for_exit());
  ::close(ends[1]);
  EXPECT_THAT(late, IsEmpty());
}

}  // namespace
}  // namespace lastcall::use_after_close_test
