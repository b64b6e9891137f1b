#include "target/resources.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace lastcall {
namespace {

TEST(Resources, AreThoseOfALiveProcess) {
  const auto before = resources_of(::getpid());
  ASSERT_TRUE(before);
  EXPECT_GT(before->memory, 100'000U);
  EXPECT_GE(before->threads, 1U);
  const std::vector<char> ballast(std::size_t{64} << 20, 'x');
  const auto after = resources_of(::getpid());
  ASSERT_TRUE(after);
  EXPECT_GE(after->memory, before->memory + (std::size_t{50} << 20));
  EXPECT_GT(after->cpu, before->cpu);
  EXPECT_FALSE(resources_of(1 << 30));
}

TEST(ProcessorWaits, AreThoseOfThreadsThatCompeteForOne) {
  std::atomic<bool> over = false;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(::sched_getcpu(), &one);
  const auto compete = [&] {
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    while (!over) {
    }
  };
  std::thread first(compete);
  std::thread second(compete);
  ProcessorWaits waits;
  Nanoseconds waited{};
  const auto limit = now() + std::chrono::seconds(20);
  while (waited < std::chrono::milliseconds(50) && now() < limit) {
    const auto more = waits.look({::getpid()});
    ASSERT_TRUE(more);
    waited += *more;
  }
  over = true;
  first.join();
  second.join();
  EXPECT_GE(waited, std::chrono::milliseconds(50));
}
TEST(ProcessorWaits, CountOnceAndNotWhereNothingRuns) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
  ProcessorWaits waits;
  EXPECT_TRUE(waits.look({child}));
  EXPECT_EQ(waits.look({child}), Nanoseconds(0));
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
}
TEST(ProcessorWaits, AreNotKnownOfAProcessThatIsGone) {
  EXPECT_FALSE(ProcessorWaits().look({1 << 30}));
}

TEST(StolenProcessorTime, IsTheEighthFigureOfAllProcessors) {
  const auto tick = Nanoseconds(std::chrono::seconds(1)) / ::sysconf(_SC_CLK_TCK);
  EXPECT_EQ(stolen_processor_time("cpu  1 2 3 4 5 6 7 250 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n"),
            250 * tick);
  EXPECT_EQ(stolen_processor_time("cpu  1 2 3 4 5 6 7\n"), std::nullopt);
  EXPECT_EQ(stolen_processor_time("intr 1 2 3 4 5 6 7 8\n"), std::nullopt);
  EXPECT_TRUE(stolen_processor_time());
}

}  // namespace
}  // namespace lastcall
