#include "trial/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/scoped_fd.hpp"
#include "unit/client/event_words.hpp"
#include "unit/memory_sink.hpp"

namespace lastcall {
namespace {

using ::testing::ElementsAre;
using Stage = Progress::Stage;

TEST(Progress, RecordsThePhasesAndNoOtherStage) {
  testing::MemorySink events;
  Progress progress(events);
  for (const auto stage : {Stage::starting, Stage::ready, Stage::loading, Stage::stopping,
                           Stage::draining, Stage::after, Stage::closed}) {
    progress.enter(stage);
    EXPECT_TRUE(progress.is(stage));
  }
  EXPECT_THAT(testing::words_of(events.events),
              ElementsAre("phase_began start", "phase_began load", "phase_began drain",
                          "phase_began after"));
}

TEST(Progress, KnowsWhichStagesWereSkipped) {
  testing::MemorySink events;
  Progress progress(events);
  EXPECT_TRUE(progress.is(Stage::preparing));
  progress.enter(Stage::starting);
  progress.enter(Stage::draining);  // a fault stopped it before it was ready
  EXPECT_TRUE(progress.has_been(Stage::preparing));
  EXPECT_TRUE(progress.has_been(Stage::starting));
  EXPECT_FALSE(progress.has_been(Stage::ready));
  EXPECT_FALSE(progress.has_been(Stage::loading));
  EXPECT_FALSE(progress.has_been(Stage::closed));
  EXPECT_THAT(testing::words_of(events.events),
              ElementsAre("phase_began start", "phase_began drain"));
}

TEST(Progress, IsSaidOnTheLifeline) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const ScopedFd ours(ends[0]);
  ScopedFd others(ends[1]);
  testing::MemorySink events;
  Progress progress(events, others.get());
  progress.enter(Stage::starting);
  progress.enter(Stage::draining);
  others.reset();
  char said[200]{};
  EXPECT_GT(::read(ours.get(), said, sizeof said - 1), 0);
  EXPECT_STREQ(said, "waited until the target was ready\nwaited for the target's end\n");
}

TEST(Progress, OfATargetThatNeverRanHasOnePhase) {
  testing::MemorySink events;
  Progress progress(events);
  progress.enter(Stage::starting);
  progress.enter(Stage::closed);
  EXPECT_THAT(testing::words_of(events.events), ElementsAre("phase_began start"));
}

}  // namespace
}  // namespace lastcall
