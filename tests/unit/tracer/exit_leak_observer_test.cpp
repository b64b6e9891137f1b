#include "tracer/ends/exit_leak_observer.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>

#include "unit/scratch_folder.hpp"
#include "unit/tracer/fake_ptrace.hpp"
#include "unit/tracer/traced.hpp"

namespace lastcall::exit_leak_observer_test {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;
using ::testing::StartsWith;

struct LeftBehind : TracedTest {
  testing::ScratchFolder state;
  std::map<pid_t, std::vector<LeftOpen>> found;
  std::vector<pid_t> judged;
  bool all_writes = true;  // are seen

  // What the program itself left, as "FAIL text".
  std::vector<std::string> run(const std::vector<std::string>& program, bool until_ready = false) {
    OpenAtExit observer({.state_folder = state.path(), .all_writes_seen = all_writes},
                        [this](pid_t pid, std::vector<LeftOpen> left) {
                          judged.push_back(pid);
                          found[pid] = std::move(left);
                        });
    std::vector<std::string> command{kSubject};
    command.insert(command.end(), program.begin(), program.end());
    pid_t pid = 0;
    {  // Children that it left are traced until the tracer ends.
      Traced subject(all_writes ? OpenAtExit::write_syscalls() : std::vector<int>{}, {&observer});
      subject.start(command);
      pid = subject.pid();
      if (until_ready) {
        EXPECT_EQ(subject.line(), "ready");
        subject.tracer().on_its_thread([&](TraceLoop&) { observer.ready(); });
        subject.signal(SIGTERM);
      }
      EXPECT_EQ(subject.end(), "exited 0");
    }
    EXPECT_THAT(judged, Contains(pid));
    return texts(found[pid]);
  }
  static std::vector<std::string> texts(const std::vector<LeftOpen>& all) {
    std::vector<std::string> result;
    for (const auto& left : all)
      result.push_back((left.severity == LeftOpen::Severity::fail ? "FAIL " : "warn ") + left.text);
    return result;
  }
};

TEST_F(LeftBehind, NothingIfEverythingIsClosed) {
  EXPECT_THAT(run({"end-closed"}), IsEmpty());
  EXPECT_THAT(judged, SizeIs(1));
}

TEST_F(LeftBehind, AListener) {
  EXPECT_THAT(run({"end-listener"}),
              ElementsAre(MatchesRegex("FAIL listens on 127\\.0\\.0\\.1:[0-9]+")));
}

TEST_F(LeftBehind, AConnectionWithARequestThatNobodyRead) {
  const auto left = run({"end-unread"}, true);
  EXPECT_THAT(left, Contains(MatchesRegex("FAIL accepted at 127.* from 127.*, 6 bytes unread")));
  const auto& all = found.begin()->second;
  EXPECT_EQ(std::ranges::count(all, 6U, &LeftOpen::unread), 1);
  // Its own other end was open when it was ready.
  EXPECT_THAT(left, SizeIs(1));
}

TEST_F(LeftBehind, AConnectionWhosePeerLeftLosesNothing) {
  EXPECT_THAT(
      run({"end-peer-left"}),
      ElementsAre(StartsWith("FAIL listens"), MatchesRegex("warn accepted.*, ended by one side")));
}

TEST_F(LeftBehind, AFileThatWasNotSynced) {
  const auto file = state / "f";
  EXPECT_THAT(run({"end-unsynced", file}),
              ElementsAre("FAIL " + file + ": written and not synced"));
  EXPECT_THAT(run({"end-synced", file}), ElementsAre("warn " + file));
  EXPECT_THAT(run({"end-o-sync", file}), ElementsAre("warn " + file));
}

TEST_F(LeftBehind, AFileOfWhichItIsNotKnown) {
  all_writes = false;
  EXPECT_THAT(run({"end-unsynced", state / "f"}), ElementsAre(HasSubstr("is not known")));
  EXPECT_THAT(run({"end-o-sync", state / "f"}), ElementsAre("warn " + state / "f"));
}

TEST_F(LeftBehind, AFileThatWasOpenAtReadinessIsNone) {
  EXPECT_THAT(run({"end-ready-file", state / "f"}, true), IsEmpty());
}

TEST_F(LeftBehind, AChild) {
  EXPECT_THAT(run({"end-child"}),
              Contains(MatchesRegex("FAIL child [0-9]+ \\(tracer_subject\\) is alive")));
  EXPECT_THAT(run({"end-zombie"}),
              ElementsAre(MatchesRegex("FAIL child [0-9]+ \\(tracer_subject\\) is a zombie")));
}

TEST_F(LeftBehind, AListenerThatTwoHaveIsLeftByTheLast) {
  EXPECT_THAT(run({"end-two"}), ElementsAre(StartsWith("FAIL listens")));
  ASSERT_THAT(judged, SizeIs(2));
  EXPECT_THAT(texts(found[judged.front()]),
              ElementsAre(AllOf(StartsWith("warn listens"), HasSubstr("another process"))));
}

TEST_F(LeftBehind, AThread) {
  EXPECT_THAT(run({"end-thread"}), ElementsAre("warn 1 other threads: left-over"));
  EXPECT_THAT(judged, SizeIs(1));
}

TEST_F(LeftBehind, WhatIsLeftByAProgramWhoseThreadsEndOneByOne) {
  EXPECT_THAT(run({"end-raw"}), Contains(StartsWith("FAIL listens")));
}

// This process and a child, as if they were traced and ended at once.
TEST(LeftBehindTogether, AListenerIsLeftByTheLastAlthoughTheFirstIsNotYetGone) {
  const ScopedFd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::listen(listening.get(), 1), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  std::vector<LeftOpen::Severity> severities;
  OpenAtExit observer({}, [&](pid_t, const std::vector<LeftOpen>& all) {
    for (const auto& left : all) {
      if (left.descriptor == listening.get()) severities.push_back(left.severity);
    }
  });
  testing::FakePtrace calls;
  const Tracee first{child, child, calls};
  const Tracee second{::getpid(), ::getpid(), calls};
  for (const auto& one : {first, second}) observer.executed(one);
  for (const auto& one : {first, second}) observer.on_exit_call(one, 0);
  EXPECT_THAT(severities, ElementsAre(LeftOpen::Severity::warn, LeftOpen::Severity::fail));
  (void)::kill(child, SIGKILL);
  (void)::waitpid(child, nullptr, 0);
}

TEST_F(LeftBehind, WhoIsKilledIsNotJudged) {
  OpenAtExit observer({}, [this](pid_t pid, auto) { judged.push_back(pid); });
  Traced sleeping({}, {&observer});
  sleeping.start({"sleep", "100"});
  sleeping.signal(SIGKILL);
  EXPECT_EQ(sleeping.end(), "signalled 9");
  EXPECT_THAT(judged, IsEmpty());
}

}  // namespace
}  // namespace lastcall::exit_leak_observer_test
