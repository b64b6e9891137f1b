#include "tracer/ends/last_calls.hpp"

#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/ends/last_words.hpp"
#include "unit/tracer/fake_ptrace.hpp"
#include "unit/tracer/traced.hpp"

namespace lastcall::last_calls_test {
namespace {

using ::testing::Contains;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

struct LastCallsTest : TracedTest {
  std::vector<std::string> calls;
  LastCalls observer{[this](pid_t, const std::vector<LastCall>& all) {
    for (const auto& one : all) calls.push_back(call_text(one));
  }};

  std::string run(const std::string& program) {
    Traced subject(LastCalls::syscalls(), {&observer});
    subject.start({kSubject, program});
    return subject.end();
  }
};

TEST_F(LastCallsTest, TheLastOnesAreKeptWithTheirResults) {
  EXPECT_EQ(run("die-kill"), "signalled 9");
  ASSERT_GE(calls.size(), 4U);
  const auto last = calls.size();
  EXPECT_EQ(calls[last - 3],
            "rename(\"/nowhere/a?b\", \"/nowhere/c\") = No such file or directory");
  EXPECT_EQ(calls[last - 2], "close(777 not open) = Bad file descriptor");
  EXPECT_THAT(calls[last - 1], MatchesRegex("kill\\([0-9]+, SIGKILL\\)"));  // did not return
  EXPECT_THAT(calls, Contains(MatchesRegex("execve\\(\".*tracer_subject\"\\) = 0")));
}

TEST_F(LastCallsTest, ASocketIsSaidToBeWhose) {
  EXPECT_EQ(run("late-close"), "exited " + std::to_string(EBADF));
  EXPECT_THAT(calls,
              Contains(MatchesRegex("connect\\([0-9]+ socket:\\[[0-9]+\\] at 0\\.0\\.0\\.0:0, "
                                    "127\\.0\\.0\\.1:[0-9]+\\) = 0")));
  EXPECT_THAT(calls,
              Contains(MatchesRegex("close\\([0-9]+ socket:\\[[0-9]+\\] at "
                                    "127\\.0\\.0\\.1:[0-9]+ of 127\\.0\\.0\\.1:[0-9]+\\) = 0")));
}

TEST_F(LastCallsTest, ThereAreNotMoreThanSoMany) {
  Traced subject(LastCalls::syscalls(), {&observer});
  subject.start({kSubject, "close-and-wait"});
  EXPECT_EQ(subject.line(), "ready");
  subject.tracer().on_its_thread(
      [&](TraceLoop&) { EXPECT_THAT(observer.of(subject.pid()), SizeIs(LastCalls::kKept)); });
  subject.signal(SIGTERM);
  EXPECT_EQ(subject.end(), "exited 0");
  EXPECT_THAT(calls, SizeIs(LastCalls::kKept));
  EXPECT_EQ(calls.back(), "exit_group(0)");
}

struct LastWordsTest : TracedTest {
  std::vector<std::string> words;
  LastWords observer{[this](pid_t, std::string all) { words.push_back(std::move(all)); }};
};

TEST_F(LastWordsTest, WhatBothStreamsGotIsKeptInOrder) {
  // As the filter of an autopsy has it: other descriptors do not stop.
  struct Counter : TraceObserver {
    int writes = 0;
    SyscallAction on_syscall(const Tracee&, const SyscallEntry&) override {
      return ++writes, SyscallAction{};
    }
  } counter;
  auto tracer = Tracer::start({}, {&observer, &counter}, LastWords::syscalls());
  ASSERT_TRUE(tracer) << tracer.error().message();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const ScopedFd reading(ends[0]);
  const ScopedFd writing(ends[1]);
  const auto launched =
      Launcher()(kSubject, {kSubject, "words"}, StandardStreams{writing.get(), writing.get()},
                 (*tracer)->initialiser());
  ASSERT_TRUE(launched);
  ASSERT_TRUE((*tracer)->follow(launched->pid, false));
  pollfd waiting{(*tracer)->ends_fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&waiting, 1, 10'000), 1);
  tracer->reset();
  EXPECT_THAT(words, ::testing::ElementsAre("first\nsecond\n"));
  EXPECT_EQ(counter.writes, 2);
}

// A process whose memory is what the test says.
struct Memory64K : testing::FakePtrace {
  std::string content;
  std::size_t read_memory(pid_t, std::uint64_t address, std::span<std::byte> into) override {
    const auto text = content.substr(address, into.size());
    std::memcpy(into.data(), text.data(), text.size());
    return text.size();
  }
};

TEST(LastWordsOfALongSpeech, AreItsEnd) {
  Memory64K calls;
  calls.content = std::string(60'000, 'a') + "the end\n";
  std::string words;
  LastWords observer([&](pid_t, std::string all) { words = std::move(all); });
  const Tracee thread{1, 1, calls};
  (void)observer.on_syscall(thread, {SYS_write, {1, 0, calls.content.size()}});
  (void)observer.on_syscall(thread, {SYS_write, {2, 60'000, 8}});
  (void)observer.on_syscall(thread, {SYS_write, {3, 0, 10}});
  observer.process_ended(1, {});
  EXPECT_EQ(words.size(), LastWords::kKept);
  EXPECT_TRUE(words.ends_with("athe end\nthe end\n"));
}

}  // namespace
}  // namespace lastcall::last_calls_test
