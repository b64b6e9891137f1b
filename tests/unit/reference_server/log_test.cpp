#include "reference_server/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <thread>
#include <vector>

namespace reference_server {
namespace {

class LogTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::ifstream file(path_);
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }
  Log::Options options(bool asynchronous, std::size_t queue, Log::Overrun overrun) const {
    return {Log::Level::info, asynchronous, queue, overrun, path_};
  }
  std::string path_ = testing::TempDir() + "log_test_" + std::to_string(::getpid());
};

TEST_F(LogTest, AFullQueueThatWaitsLosesNothing) {
  Log log(options(true, 4, Log::Overrun::wait));
  for (int i = 0; i < 2000; ++i) log.info("line " + std::to_string(i));
  log.settle();
  EXPECT_EQ(lines().size(), 2000U);
  EXPECT_EQ(log.dropped(), 0U);
}

// A pipe that nobody reads holds up its writer once it is full, and must not hold up who logs.
class BlockedLogTest : public LogTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(0, ::mkfifo(path_.c_str(), 0600));
    pipe_ = ::open(path_.c_str(), O_RDWR | O_NONBLOCK);  // so that opening it to write succeeds
    ASSERT_GE(pipe_, 0);
  }
  void TearDown() override {
    ::close(pipe_);
    LogTest::TearDown();
  }
  // Reads what comes until `done`, and the rest; the number of lines.
  std::size_t read_until(const std::function<bool()>& done) const {
    std::size_t lines = 0;
    char part[4096];
    for (bool is_done = false;;) {
      const auto got = ::read(pipe_, part, sizeof part);
      if (got > 0) lines += static_cast<std::size_t>(std::count(part, part + got, '\n'));
      if (got > 0) continue;
      if (is_done) return lines;
      is_done = done();
      std::this_thread::yield();
    }
  }
  // Far more than the 64 KiB of a pipe, pipe(7).
  static constexpr std::size_t kLines = 2000;
  static void write_lines(Log& log) {
    const std::string text(200, 'x');
    for (std::size_t i = 0; i < kLines; ++i) log.info(text);
  }
  int pipe_ = -1;
};

TEST_F(BlockedLogTest, AnAsynchronousLogHoldsNobodyUp) {
  Log log(options(true, kLines, Log::Overrun::wait));
  auto logging = std::async(std::launch::async, [&] { write_lines(log); });
  EXPECT_EQ(std::future_status::ready, logging.wait_for(std::chrono::seconds(10)));
  auto settling = std::async(std::launch::async, [&] {
    logging.wait();
    log.settle();
  });
  const auto lines = read_until(
      [&] { return settling.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
  EXPECT_EQ(kLines, lines);
  EXPECT_EQ(0U, log.dropped());
}

TEST_F(BlockedLogTest, WhatItDropsWhenToldToDropIsCountedExactly) {
  Log log(options(true, 10, Log::Overrun::drop_oldest));
  auto logging = std::async(std::launch::async, [&] { write_lines(log); });
  EXPECT_EQ(std::future_status::ready, logging.wait_for(std::chrono::seconds(10)));
  auto settling = std::async(std::launch::async, [&] {
    logging.wait();
    log.settle();
  });
  const auto lines = read_until(
      [&] { return settling.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
  EXPECT_GT(log.dropped(), 0U);
  EXPECT_EQ(kLines, lines + log.dropped());
}

TEST_F(LogTest, WhatAFullQueueDropsIsCounted) {
  Log log(options(true, 2, Log::Overrun::drop_oldest));
  for (int i = 0; i < 20'000; ++i) log.info("line");
  log.settle();
  EXPECT_EQ(lines().size() + log.dropped() >= 20'000U, true);
  EXPECT_LE(lines().size(), 20'000U);
}

TEST_F(LogTest, LinesAfterSettlingAreThereAtOnce) {
  Log log(options(true, 100, Log::Overrun::wait));
  log.info("before");
  log.settle();
  log.info("after");
  ASSERT_EQ(lines().size(), 2U);
  EXPECT_NE(lines()[1].find(" info after"), std::string::npos);
}

TEST_F(LogTest, TheLevelCanChangeWhileItIsUsed) {
  Log log(options(true, 100, Log::Overrun::wait));
  log.debug("unseen");
  log.set_level(Log::Level::debug);
  log.debug("seen");
  log.settle();
  log.debug("seen after settling");
  EXPECT_EQ(lines().size(), 2U);
}

TEST_F(LogTest, AFileThatCannotBeOpenedIsAnError) {
  EXPECT_THROW(Log({Log::Level::info, false, 1, Log::Overrun::wait, "/dev/null/log"}),
               std::exception);
}

}  // namespace
}  // namespace reference_server
