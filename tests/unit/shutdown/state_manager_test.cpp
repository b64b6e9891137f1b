#include "shutdown/state_manager.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

#include "unit/scratch_folder.hpp"
#include "unit/shutdown/memory_files.hpp"

namespace graceful::shutdown {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MemoryFiles;
using namespace std::chrono_literals;
using Source = CheckpointFile::Source;

StateFormat<int> numbers() {
  return {.version = 3,
          .serialise = [](const int& value) { return std::to_string(value); },
          .deserialise = [](std::string_view bytes, std::uint32_t version) -> Result<int> {
            if (version != 3) return Error("read", "a number", 0, "of another version");
            return std::stoi(std::string(bytes));
          }};
}

using Numbers = StateManager<int>;

int loaded(FileOperations& files) {
  auto state = Numbers("d/state", numbers(), files).load();
  return state && *state ? (*state)->value : -1;
}

TEST(StateManager, WhatWasSavedIsLoadedAndTheFirstStartHasNothing) {
  const lastcall::testing::ScratchFolder folder;
  Numbers states(folder / "state", numbers());
  EXPECT_FALSE((*states.load()).has_value());
  ASSERT_TRUE(states.save(41).has_value());
  ASSERT_TRUE(states.save(42).has_value());
  const auto state = **Numbers(folder / "state", numbers()).load();
  EXPECT_EQ(42, state.value);
  EXPECT_EQ(Source::current, state.source);
  EXPECT_EQ("", state.problem);
  struct stat status {};
  ASSERT_EQ(0, ::stat((folder / "state").c_str(), &status));
  EXPECT_EQ(0600U, status.st_mode & 0777U);
}

TEST(StateManager, TheFileIsSyncedBeforeItsRenameAndTheDirectoryAfterIt) {
  MemoryFiles files;
  ASSERT_TRUE(Numbers("d/state", numbers(), files).save(1).has_value());
  EXPECT_THAT(files.log, ElementsAre("sync d/state.tmp", "rename d/state", "sync d"));
  EXPECT_EQ(0U, files.open_count());
}

TEST(StateManager, ADamagedCheckpointFallsBackToTheLastGoodOneAndSaysSo) {
  MemoryFiles files;
  Numbers writer("d/state", numbers(), files);
  ASSERT_TRUE(writer.save(1).has_value());
  ASSERT_TRUE(writer.save(2).has_value());
  const auto whole = files.content("d/state");
  const auto expect_fallback = [&](const std::string& content, const std::string& why) {
    files.content("d/state") = content;
    const auto state = **Numbers("d/state", numbers(), files).load();
    EXPECT_EQ(1, state.value);
    EXPECT_EQ(Source::previous, state.source);
    EXPECT_THAT(state.problem, HasSubstr(why));
  };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    auto flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x10);
    expect_fallback(flipped, "d/state");
    expect_fallback(whole.substr(0, i), "d/state");
  }
  expect_fallback(whole + "x", "length");
  expect_fallback("", "cut off");
  files.content("d/state") = whole;
  EXPECT_EQ(2, loaded(files));
  ASSERT_EQ(0, files.unlink("d/state"));
  const auto state = **Numbers("d/state", numbers(), files).load();
  EXPECT_THAT(state.problem, HasSubstr("missing"));
}

TEST(StateManager, AStateThatCannotBeUnderstoodFallsBackToo) {
  MemoryFiles files;
  Numbers writer("d/state", numbers(), files);
  ASSERT_TRUE(writer.save(1).has_value());
  auto other = numbers();
  other.version = 4;
  ASSERT_TRUE(Numbers("d/state", other, files).save(2).has_value());
  const auto state = **Numbers("d/state", numbers(), files).load();
  EXPECT_EQ(1, state.value);
  EXPECT_THAT(state.problem, HasSubstr("another version"));
}

TEST(StateManager, WhenNothingCanBeReadLoadingIsAnErrorAndNotAFirstStart) {
  MemoryFiles files;
  files.put("d/state", "rubbish");
  EXPECT_FALSE(Numbers("d/state", numbers(), files).load().has_value());
}

TEST(StateManager, ADamagedCheckpointDoesNotPushTheLastGoodOneOut) {
  MemoryFiles files;
  {
    Numbers writer("d/state", numbers(), files);
    ASSERT_TRUE(writer.save(1).has_value());
    ASSERT_TRUE(writer.save(2).has_value());
  }
  files.content("d/state") = "rubbish";
  Numbers writer("d/state", numbers(), files);
  ASSERT_TRUE(writer.save(3).has_value());
  files.content("d/state") = "rubbish";
  EXPECT_EQ(1, loaded(files));
}

// At each call the process dies, or the call fails and the process goes on. Either way the old or
// the new state is loaded, with and without a power cut.
class Faults : public ::testing::TestWithParam<bool> {
 protected:
  // Saves 1 and 2, then 3 with the fault; what save() said.
  Result<void> save_with_fault(MemoryFiles& files, int at, int fault, bool dies) {
    Numbers writer("d/state", numbers(), files);
    EXPECT_TRUE(writer.save(1).has_value());
    EXPECT_TRUE(writer.save(2).has_value());
    files.fault_at = at < 0 ? -1 : files.calls + at;
    files.fault = fault;
    files.cut_at_fault = dies;
    const int before = files.calls;
    auto saved = writer.save(3);
    calls_ = files.calls - before;
    return saved;
  }
  int calls_ = 0;
};

INSTANTIATE_TEST_SUITE_P(WithAndWithoutHardLinks, Faults, ::testing::Bool());

TEST_P(Faults, ADeathAtAnyCallLeavesTheOldOrTheNewState) {
  MemoryFiles good;
  good.has_links = GetParam();
  ASSERT_TRUE(save_with_fault(good, -1, 0, false).has_value());
  const int all = calls_;
  for (const auto& [power, names_too] : {std::pair(false, false), {true, false}, {true, true}}) {
    for (int at = 0; at < all; ++at) {
      MemoryFiles files;
      files.has_links = GetParam();
      const auto saved = save_with_fault(files, at, -EIO, true);
      if (power) files.cut_power(names_too);
      files.heal();
      // What save() said is safe is safe.
      ASSERT_THAT(loaded(files), saved ? AnyOf(3, 3) : AnyOf(2, 3)) << "at call " << at;
      EXPECT_THAT(files.names(), ::testing::Not(::testing::Contains(HasSubstr(".tmp"))));
    }
  }
}

TEST_P(Faults, AnErrorAtAnyCallIsAValueAndLeavesNoTemporaryFile) {
  MemoryFiles good;
  good.has_links = GetParam();
  ASSERT_TRUE(save_with_fault(good, -1, 0, false).has_value());
  const int all = calls_;
  int errors = 0;
  for (int at = 0; at < all; ++at) {
    MemoryFiles files;
    files.has_links = GetParam();
    const auto saved = save_with_fault(files, at, -ENOSPC, false);
    if (!saved) {
      ++errors;
      EXPECT_EQ(ENOSPC, saved.error().error_number);
      EXPECT_THAT(saved.error().message(), HasSubstr("d"));
    }
    EXPECT_EQ(0U, files.open_count());
    // Before anything is loaded: the next start would remove it too. Only where the removal of a
    // temporary file itself fails could it stay; save() has no such call to lose.
    EXPECT_THAT(files.names(), ::testing::Not(::testing::Contains(HasSubstr(".tmp"))));
    ASSERT_THAT(loaded(files), saved ? AnyOf(3, 3) : AnyOf(2, 3)) << "at call " << at;
    Numbers writer("d/state", numbers(), files);
    ASSERT_TRUE(writer.save(4).has_value()) << "after a fault at call " << at;
    EXPECT_EQ(4, loaded(files));
  }
  EXPECT_GE(errors, 6);  // open, write, sync, close, rename, the directory
}

TEST_P(Faults, AnInterruptedCallIsTriedAgain) {
  MemoryFiles good;
  good.has_links = GetParam();
  ASSERT_TRUE(save_with_fault(good, -1, 0, false).has_value());
  const auto names = good.names();
  for (const int at : {0, 1, 2, 3}) {  // open, write, sync, close
    MemoryFiles files;
    files.has_links = GetParam();
    EXPECT_TRUE(save_with_fault(files, at, -EINTR, false).has_value()) << at;
    EXPECT_EQ(3, loaded(files));
    EXPECT_EQ(names, files.names());
  }
}

TEST(StateManager, ShortWritesAreContinued) {
  MemoryFiles files;
  files.longest_write = 3;
  ASSERT_TRUE(Numbers("d/state", numbers(), files).save(123456).has_value());
  EXPECT_EQ(123456, loaded(files));
}

TEST(StateManager, AStaleTemporaryFileIsRemovedAtStart) {
  MemoryFiles files;
  files.put("d/state.tmp", "half");
  files.put("d/state.previous.tmp", "half");
  files.put("d/other.tmp", "not ours");
  const Numbers states("d/state", numbers(), files);
  EXPECT_THAT(files.names(), ElementsAre("d/other.tmp"));
}

TEST(StateManager, AnErrorNamesPathAndErrno) {
  Numbers states("/proc/nowhere/state", numbers());
  const auto saved = states.save(1);
  ASSERT_FALSE(saved.has_value());
  EXPECT_EQ(ENOENT, saved.error().error_number);
  EXPECT_THAT(saved.error().message(), HasSubstr("/proc/nowhere/state"));
}

TEST(StateManager, ASerialiserThatThrowsIsAnErrorAndTheOldStateStays) {
  MemoryFiles files;
  ASSERT_TRUE(Numbers("d/state", numbers(), files).save(1).has_value());
  auto format = numbers();
  format.serialise = [](const int&) -> std::string { throw std::runtime_error("mine"); };
  EXPECT_THAT(Numbers("d/state", format, files).save(2).error().message(), HasSubstr("mine"));
  EXPECT_EQ(1, loaded(files));
}

TEST(StateManager, ItIsSavedPeriodicallyWhatTheSnapshotGivesThen) {
  const lastcall::testing::ScratchFolder folder;
  Numbers states(folder / "state", numbers());
  std::latch three(3);
  std::atomic<int> taken{0};
  states.save_every(1ms, [&] {
    if (++taken <= 3) three.count_down();
    return taken.load();
  });
  three.wait();
  states.stop_saving();
  const int last = taken;
  EXPECT_EQ(last, (**states.load()).value);
}

TEST(StateManager, APeriodicSaveThatFailsIsToldAndTriedAgain) {
  Numbers states("/proc/nowhere/state", numbers());
  std::latch twice(2);
  std::atomic<int> told{0};
  states.save_every(
      1ms, [] { return 1; },
      [&](const Error& error) {
        EXPECT_EQ(ENOENT, error.error_number);
        if (++told <= 2) twice.count_down();
      });
  twice.wait();
}

TEST(StateManager, SavesOfManyThreadsTakeTurns) {
  const lastcall::testing::ScratchFolder folder;
  Numbers states(folder / "state", numbers());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&states, i] {
      for (int n = 0; n < 25; ++n) EXPECT_TRUE(states.save(i * 100 + n).has_value());
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(24, (**states.load()).value % 100);
}

TEST(Crc32c, GivesTheValuesOfItsDefinition) {
  EXPECT_EQ(0xE3069283U, crc32c("123456789"));
  EXPECT_EQ(0x8A9136AAU, crc32c(std::string(32, '\0')));  // RFC 3720, B.4
  EXPECT_EQ(crc32c("123456789"), crc32c("6789", crc32c("12345")));
}

}  // namespace
}  // namespace graceful::shutdown
