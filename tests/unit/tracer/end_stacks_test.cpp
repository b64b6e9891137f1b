#include "tracer/ends/end_stacks.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "unit/places.hpp"
#include "unit/tracer/traced.hpp"

namespace lastcall::end_stacks_test {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

struct EndStacksTest : TracedTest {
  std::vector<EndStack> found;
  std::vector<Stack> stacks;  // of the first
  EndStacks observer{[this](EndStack one) { found.push_back(std::move(one)); }};

  std::string run(const std::string& program) {
    Traced subject({}, {&observer});
    subject.tracer().on_its_thread([this](TraceLoop& loop) { observer.stop_with(loop); });
    subject.start({kSubject, program});
    auto end = subject.end();
    if (!found.empty()) stacks = observer.named(found.front());  // it has ended
    return end;
  }
  static const Frame* frame(const Stack& stack, const std::string& function) {
    const auto at = std::ranges::find_if(
        stack.frames, [&](const Frame& one) { return one.function.starts_with(function); });
    return at == stack.frames.end() ? nullptr : &*at;
  }
};

TEST_F(EndStacksTest, AnAbortShowsAllThreads) {
  EXPECT_EQ(run("die-abort"), "signalled 6");
  ASSERT_THAT(found, SizeIs(1));
  const auto& end = found.front();
  EXPECT_EQ(end.signal, SIGABRT);
  ASSERT_THAT(stacks, SizeIs(2));
  const auto* of_abort = frame(stacks[0], "deaths::give_up");
  ASSERT_NE(of_abort, nullptr) << stacks_text(stacks);
  EXPECT_TRUE(of_abort->file.ends_with("subject.cpp")) << of_abort->file;
  EXPECT_GT(of_abort->line, 0);
  EXPECT_EQ(stacks[0].tid, end.tid);
  EXPECT_EQ(stacks[1].thread_name, "company");
  EXPECT_NE(frame(stacks[1], "deaths::stay"), nullptr) << stacks_text(stacks);
}

TEST_F(EndStacksTest, AFaultShowsWhere) {
  EXPECT_EQ(run("die-fault"), "signalled 11");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found.front().signal, SIGSEGV);
  ASSERT_THAT(stacks, SizeIs(2));
  EXPECT_TRUE(stacks[0].frames.front().function.starts_with("deaths::write_to"))
      << stacks_text(stacks);
}

TEST_F(EndStacksTest, AnExitShowsItsCaller) {
  EXPECT_EQ(run("die-exit"), "exited 7");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found.front().signal, 0);
  EXPECT_EQ(found.front().code, 7);
  ASSERT_THAT(stacks, SizeIs(1));
  EXPECT_NE(frame(stacks[0], "deaths::leave"), nullptr) << stacks_text(stacks);
}

TEST_F(EndStacksTest, OfTwoThatCallExitAtOnceOneDid) {
  for (int i = 0; i < 50; ++i) {
    found.clear();
    const auto end = run("die-twice");
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(end, "exited " + std::to_string(found.front().code));
    ASSERT_THAT(stacks, SizeIs(1));
    EXPECT_NE(frame(stacks[0], "deaths::leave_with"), nullptr) << stacks_text(stacks);
  }
}

TEST_F(EndStacksTest, ASignalThatIsCaughtIsNoEnd) {
  Traced subject({}, {&observer});
  subject.start({kSubject, "epoll"});
  EXPECT_EQ(subject.line(), "ready");
  subject.signal(SIGTERM);
  EXPECT_EQ(subject.end(), "exited 5");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found.front().signal, 0);
}

TEST_F(EndStacksTest, UsualEndsAreLeftAlone) {
  observer.leave_usual_ends({SIGABRT});
  EXPECT_EQ(run("say"), "exited 0");
  EXPECT_EQ(run("die-abort"), "signalled 6");
  EXPECT_THAT(found, IsEmpty());
  EXPECT_EQ(run("die-exit"), "exited 7");
  EXPECT_THAT(found, SizeIs(1));
}

TEST_F(EndStacksTest, TakesNoMoreStacksThanItMayAndCountsWhoHasNone) {
  EndStacks one([this](EndStack end) { found.push_back(std::move(end)); }, 1);
  const auto die = [&](const char* how) {
    Traced subject({}, {&one});
    subject.tracer().on_its_thread([&one](TraceLoop& loop) { one.stop_with(loop); });
    subject.start({testing::program_path("tracer_subject"), how});
    return subject.end();
  };
  EXPECT_EQ(die("die-abort"), "signalled 6");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found.front().stacks, SizeIs(1)) << "of its two threads the one that took the signal";
  EXPECT_EQ(die("die-exit"), "exited 7");
  EXPECT_EQ(one.left_out(), 0U) << "how a process exits shows without its stack";
  EXPECT_EQ(die("die-abort"), "signalled 6");
  EXPECT_THAT(found, SizeIs(1));
  EXPECT_EQ(one.left_out(), 1U);
}

TEST_F(EndStacksTest, SigkillGivesNoTimeToLook) {
  Traced subject({}, {&observer});
  subject.start({kSubject, "die-signal"});
  EXPECT_EQ(subject.line(), "ready");
  subject.signal(SIGKILL);
  EXPECT_EQ(subject.end(), "signalled 9");
  EXPECT_THAT(found, IsEmpty());
}

}  // namespace
}  // namespace lastcall::end_stacks_test
