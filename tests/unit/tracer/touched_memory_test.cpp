#include "tracer/points/touched_memory.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace lastcall::touched_memory_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kRun = HuntPhase::run;
constexpr auto kStop = HuntPhase::stop;
constexpr std::uint64_t kFlag = 0x1000;
constexpr std::uint64_t kCounter = 0x2000;

std::vector<std::string> texts(const std::vector<Conflict>& conflicts) {
  std::vector<std::string> all;
  for (const auto& one : conflicts) {
    all.push_back("thread " + std::to_string(one.thread) + " at " + std::to_string(one.point) +
                  ", thread " + std::to_string(one.writer) + " writes at " +
                  std::to_string(one.write) + (one.written_then_only ? ", then only" : ""));
  }
  return all;
}

TEST(TouchedMemory, AThreadThatLooksAtWhatAnotherOneChangesIsInConflict) {
  TouchedMemory memory;
  memory.note(kFlag, 1, 4, kRun, false);
  memory.note(kFlag, 2, 5, kStop, true);
  memory.note(kCounter, 3, 4, kRun, true);
  memory.note(kCounter, 6, 5, kStop, true);
  memory.note(kCounter, 6, 5, kRun, true);
  EXPECT_THAT(texts(memory.conflicts(kStop)),
              ElementsAre("thread 4 at 1, thread 5 writes at 2, then only",
                          "thread 4 at 3, thread 5 writes at 6"));
  EXPECT_THAT(texts(memory.conflicts(kRun)), ElementsAre("thread 4 at 3, thread 5 writes at 6",
                                                         "thread 5 at 6, thread 4 writes at 3"));
}

TEST(TouchedMemory, OneThreadAloneOrThatOnlyReadsIsInNone) {
  TouchedMemory memory;
  memory.note(kFlag, 1, 4, kRun, false);
  memory.note(kFlag, 2, 4, kStop, true);
  memory.note(kCounter, 3, 4, kStop, false);
  memory.note(kCounter, 3, 5, kStop, false);
  EXPECT_THAT(memory.conflicts(kStop), IsEmpty());
  EXPECT_TRUE(memory.is_private(1));
  EXPECT_TRUE(memory.is_private(3));
  memory.note(kFlag, 7, 5, kStop, false);
  EXPECT_FALSE(memory.is_private(1));
  EXPECT_FALSE(memory.is_private(7));
}

}  // namespace
}  // namespace lastcall::touched_memory_test
